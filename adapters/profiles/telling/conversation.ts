/**
 * Owns: what a conversation adds up to as its record is read: prompts, tools, tokens by day, model, what is in the context.
 * Never: knows any CLI's format.
 */
import type { AgentFacts, FactValues, Prompt, TokenCounts } from '../../../api/resources/agent/facts.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { faultIn } from '../reading/failures.ts';
import { estimateUsd } from './prices.ts';
import { preview, ToolHistory } from './tool-history.ts';

const KEPT_PROMPTS = 5;
const KEPT_DAYS = 2;
const NONE: TokenCounts = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

const sum = (a: TokenCounts, b: TokenCounts): TokenCounts => ({
  input: a.input + b.input,
  output: a.output + b.output,
  cacheRead: a.cacheRead + b.cacheRead,
  cacheWrite: a.cacheWrite + b.cacheWrite,
});

type Known = Pick<FactValues, 'sessionId' | 'cliVersion' | 'contextWindow' | 'quota'>;

export class Conversation {
  readonly tools = new ToolHistory();
  readonly #days = new Map<string, TokenCounts>();
  #known: Partial<Known> = {};
  #tokens = NONE;
  #usd: number | undefined;
  #unpriced = false;
  #model = '';
  #context: { readonly tokens: number; readonly at: Instant } | undefined;
  #prompts: readonly Prompt[] = [];
  #message = '';
  #error = '';
  #at: Instant = 0;
  #answeredAt: Instant = 0;

  /** Something was written at this time. */
  seen(at: Instant): void {
    this.#at = Math.max(this.#at, at);
  }

  knows(known: Partial<Known>): void {
    this.#known = { ...this.#known, ...known };
  }

  uses(model: string): void {
    this.#model = model || this.#model;
  }

  said(text: string, at: Instant): void {
    // What was interrupted left its tools without results.
    this.tools.endAll(at);
    this.#prompts = [...this.#prompts, { text: preview(text), at }].slice(-KEPT_PROMPTS);
  }

  answered(text: string, at: Instant): void {
    this.#message = preview(text) || this.#message;
    this.#answeredAt = at;
    this.#error = '';
  }

  failed(why: string): void {
    this.#error = preview(why);
  }

  /** One answer's tokens. */
  spent(tokens: TokenCounts, at: Instant): void {
    const day = new Date(at).toISOString().slice(0, 10);
    this.#tokens = sum(this.#tokens, tokens);
    this.#days.set(day, sum(this.#days.get(day) ?? NONE, tokens));
    for (const oldest of [...this.#days.keys()].sort().slice(0, -KEPT_DAYS)) this.#days.delete(oldest);
    const usd = estimateUsd(this.#model, tokens);
    if (usd === undefined) this.#unpriced = true;
    else this.#usd = (this.#usd ?? 0) + usd;
  }

  /** What is in the context now; 0: not known until the next answer. */
  holds(tokens: number, at: Instant): void {
    this.#context = tokens === 0 ? undefined : { tokens, at };
  }

  facts(): AgentFacts {
    if (this.#at === 0) return {};
    const fact = <T>(value: T, at: Instant = this.#at) => ({ value, source: 'transcript' as const, at });
    const prompt = this.#prompts.at(-1);
    const { sessionId, cliVersion, contextWindow, quota } = this.#known;
    const fault = faultIn(this.#error);
    return {
      ...this.tools.facts('transcript'),
      ...(sessionId === undefined ? {} : { sessionId: fact(sessionId) }),
      ...(cliVersion === undefined ? {} : { cliVersion: fact(cliVersion) }),
      ...(contextWindow === undefined ? {} : { contextWindow: fact(contextWindow) }),
      ...(quota === undefined ? {} : { quota: fact(quota) }),
      ...(this.#model === '' ? {} : { model: fact(this.#model) }),
      ...(this.#context === undefined ? {} : { contextTokens: fact(this.#context.tokens, this.#context.at) }),
      ...(this.#days.size === 0
        ? {}
        : { tokens: fact(this.#tokens), tokensByDay: fact(Object.fromEntries(this.#days)) }),
      ...(this.#usd === undefined || this.#unpriced ? {} : { costUsdEstimate: fact(this.#usd) }),
      ...(prompt === undefined
        ? {}
        : {
            lastPrompt: fact(prompt.text, prompt.at),
            recentPrompts: fact(this.#prompts, prompt.at),
            currentTask: fact(prompt.text, prompt.at),
          }),
      ...(this.#message === '' ? {} : { lastMessage: fact(this.#message, this.#answeredAt) }),
      ...(this.#error === '' ? {} : { activityReason: fact(this.#error) }),
      ...(fault && { fault: fact(fault) }),
    };
  }
}

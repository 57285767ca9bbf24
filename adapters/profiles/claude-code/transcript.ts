/**
 * Owns: what Claude Code's own record of a conversation (projects/<folder>/<session>.jsonl) tells.
 * Never: opens files. Format as written by 2.1.197; lines of other kinds are passed over.
 */
import type { AgentFacts, Prompt, ServiceFault, TokenCounts } from '../../../api/resources/agent/facts.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { faultIn } from '../reading/failures.ts';
import { estimateUsd } from '../telling/prices.ts';
import { preview, ToolHistory } from '../telling/tool-history.ts';
import {
  type Fields,
  fieldsOf,
  listOf,
  numberOf,
  parseFields,
  type TranscriptReader,
  textOf,
} from '../telling/transcript.ts';
import { saidOfError } from './hooks.ts';

const KEPT_PROMPTS = 5;
const KEPT_DAYS = 2;
/** One message is written as several lines, one a block, each with the whole usage; they stand close together. */
const KEPT_MESSAGES = 64;
/** The CLI writes its own failures as messages of this model. */
const SYNTHETIC = '<synthetic>';
/** What stands in a user's message and was not said by one. */
const NOT_SAID = /^\s*<(?:command-|local-command-|task-notification|bash-|system-reminder|user-memory|ide_)/;

const NONE: TokenCounts = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
const sum = (a: TokenCounts, b: TokenCounts, sign: 1 | -1 = 1): TokenCounts => ({
  input: a.input + sign * b.input,
  output: a.output + sign * b.output,
  cacheRead: a.cacheRead + sign * b.cacheRead,
  cacheWrite: a.cacheWrite + sign * b.cacheWrite,
});
const countsOf = (usage: Fields): TokenCounts => ({
  input: numberOf(usage['input_tokens']),
  output: numberOf(usage['output_tokens']),
  cacheRead: numberOf(usage['cache_read_input_tokens']),
  cacheWrite: numberOf(usage['cache_creation_input_tokens']),
});

interface Counted {
  readonly tokens: TokenCounts;
  readonly day: string;
  readonly usd: number | undefined;
}

export class ClaudeTranscript implements TranscriptReader {
  readonly #tools = new ToolHistory();
  readonly #counted = new Map<string, Counted>();
  readonly #days = new Map<string, TokenCounts>();
  #tokens: TokenCounts = NONE;
  #usd: number | undefined;
  #unpriced = false;
  #model = '';
  #version = '';
  #session = '';
  #contextTokens = 0;
  #contextAt: Instant = 0;
  #prompts: Prompt[] = [];
  #todo = '';
  #todoAt: Instant = 0;
  #message = '';
  #error = '';
  #fault: ServiceFault | undefined;
  #at: Instant = 0;
  #answeredAt: Instant = 0;

  add(line: string): void {
    const entry = parseFields(line);
    if (entry === undefined) return;
    const at = Date.parse(textOf(entry['timestamp']));
    if (!Number.isFinite(at)) return;
    this.#at = Math.max(this.#at, at);
    this.#version = textOf(entry['version']) || this.#version;
    this.#session = textOf(entry['sessionId']) || this.#session;
    if (entry['type'] === 'assistant') this.#assistant(entry, at);
    else if (entry['type'] === 'user') this.#user(entry, at);
    else if (entry['type'] === 'system') this.#system(entry, at);
  }

  #assistant(entry: Fields, at: Instant): void {
    const message = fieldsOf(entry['message']);
    const inSubagent = entry['isSidechain'] === true;
    const model = textOf(message['model']);
    if (model === SYNTHETIC) {
      const said = listOf(message['content']).map((block) => textOf(block['text']));
      const error = textOf(entry['error']);
      this.#error = error === '' ? '' : preview(saidOfError(error, said.join(' ').trim()));
      this.#fault = faultIn(`${error} ${said.join(' ')}`);
      return;
    }
    const tokens = countsOf(fieldsOf(message['usage']));
    this.#count(textOf(message['id']), model, tokens, at);
    if (!inSubagent) {
      this.#model = model || this.#model;
      this.#error = '';
      this.#answeredAt = at;
      this.#contextTokens = tokens.input + tokens.cacheRead + tokens.cacheWrite + tokens.output;
      this.#contextAt = at;
    }
    for (const block of listOf(message['content'])) {
      if (block['type'] === 'text' && !inSubagent) this.#message = preview(textOf(block['text'])) || this.#message;
      if (block['type'] !== 'tool_use') continue;
      const name = textOf(block['name']);
      const input = fieldsOf(block['input']);
      this.#tools.start({ name, input, at, id: textOf(block['id']), inSubagent });
      if (name === 'TodoWrite') this.#todos(input, at);
    }
  }

  #count(id: string, model: string, tokens: TokenCounts, at: Instant): void {
    const day = new Date(at).toISOString().slice(0, 10);
    const before = this.#counted.get(id);
    if (before) this.#book(before, -1);
    const usd = estimateUsd(model, tokens);
    if (usd === undefined && model !== '') this.#unpriced = true;
    const counted = { tokens, day, usd };
    this.#book(counted, 1);
    this.#counted.delete(id);
    if (id !== '') this.#counted.set(id, counted);
    for (const oldest of this.#counted.keys()) {
      if (this.#counted.size <= KEPT_MESSAGES) break;
      this.#counted.delete(oldest);
    }
  }

  #book({ tokens, day, usd }: Counted, sign: 1 | -1): void {
    this.#tokens = sum(this.#tokens, tokens, sign);
    this.#days.set(day, sum(this.#days.get(day) ?? NONE, tokens, sign));
    for (const oldest of [...this.#days.keys()].sort().slice(0, -KEPT_DAYS)) this.#days.delete(oldest);
    if (usd !== undefined) this.#usd = (this.#usd ?? 0) + sign * usd;
  }

  #todos(input: Fields, at: Instant): void {
    const active = listOf(input['todos']).find((todo) => todo['status'] === 'in_progress');
    this.#todo = active ? preview(textOf(active['activeForm']) || textOf(active['content'])) : '';
    this.#todoAt = at;
  }

  #user(entry: Fields, at: Instant): void {
    const content = fieldsOf(entry['message'])['content'];
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : listOf(content);
    for (const block of blocks)
      if (block['type'] === 'tool_result')
        this.#tools.end({ id: textOf(block['tool_use_id']), at, failed: block['is_error'] === true });
    if (entry['isMeta'] === true || entry['isSidechain'] === true || entry['isCompactSummary'] === true) return;
    const said = blocks
      .filter((block) => block['type'] === 'text')
      .map((block) => textOf(block['text']))
      .join('\n');
    if (said === '' || NOT_SAID.test(said)) return;
    // An interrupt leaves its tools without results.
    this.#tools.endAll(at);
    if (said.startsWith('[Request interrupted')) return;
    this.#prompts = [...this.#prompts, { text: preview(said), at }].slice(-KEPT_PROMPTS);
  }

  #system(entry: Fields, at: Instant): void {
    if (entry['subtype'] !== 'compact_boundary') return;
    // What is left is told by the next answer; until then nothing is known.
    this.#contextTokens = 0;
    this.#contextAt = at;
  }

  facts(): AgentFacts {
    if (this.#at === 0) return {};
    const fact = <T>(value: T, at: Instant = this.#at) => ({ value, source: 'transcript' as const, at });
    const prompt = this.#prompts.at(-1);
    const task = this.#todo !== '' ? { text: this.#todo, at: this.#todoAt } : prompt;
    return {
      ...this.#tools.facts('transcript'),
      ...(this.#session === '' ? {} : { sessionId: fact(this.#session) }),
      ...(this.#version === '' ? {} : { cliVersion: fact(this.#version) }),
      ...(this.#model === '' ? {} : { model: fact(this.#model, this.#answeredAt) }),
      ...(this.#contextTokens === 0 ? {} : { contextTokens: fact(this.#contextTokens, this.#contextAt) }),
      ...(this.#days.size === 0
        ? {}
        : { tokens: fact(this.#tokens), tokensByDay: fact(Object.fromEntries(this.#days)) }),
      ...(this.#usd === undefined || this.#unpriced ? {} : { costUsdEstimate: fact(this.#usd) }),
      ...(prompt === undefined
        ? {}
        : { lastPrompt: fact(prompt.text, prompt.at), recentPrompts: fact(this.#prompts, prompt.at) }),
      ...(task === undefined ? {} : { currentTask: fact(task.text, task.at) }),
      ...(this.#message === '' ? {} : { lastMessage: fact(this.#message, this.#answeredAt) }),
      ...(this.#error === '' ? {} : { activityReason: fact(this.#error) }),
      ...(this.#error !== '' && this.#fault ? { fault: fact(this.#fault) } : {}),
    };
  }
}

/** All lines at once, for what is read whole. */
export function readClaudeTranscript(lines: Iterable<string>): AgentFacts {
  const transcript = new ClaudeTranscript();
  for (const line of lines) transcript.add(line);
  return transcript.facts();
}

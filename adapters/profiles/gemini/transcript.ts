/**
 * Owns: what Gemini CLI's own record of a conversation (tmp/<project>/chats/session-*.jsonl) tells.
 * Never: opens files. Format as written by 0.61.0: a message is written again, whole, when its tools came back.
 */
import type { AgentFacts } from '../../../api/resources/agent/facts.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { Conversation } from '../telling/conversation.ts';
import {
  type Fields,
  fieldsOf,
  listOf,
  numberOf,
  parseFields,
  type TranscriptReader,
  textOf,
} from '../telling/transcript.ts';

/** A message comes again soon after it came first. */
const KEPT_IDS = 64;
const NOT_SAID = /^\s*<session_context>/;

export class GeminiTranscript implements TranscriptReader {
  readonly #talk = new Conversation();
  readonly #seen = new Set<string>();
  readonly #ended = new Set<string>();

  add(line: string): void {
    const entry = parseFields(line);
    if (entry === undefined) return;
    if (typeof entry['sessionId'] === 'string') this.#talk.knows({ sessionId: entry['sessionId'] });
    const at = Date.parse(textOf(entry['timestamp']) || textOf(entry['startTime']));
    if (!Number.isFinite(at)) return;
    this.#talk.seen(at);
    if (entry['type'] === 'gemini') this.#answer(entry, at);
    else if (entry['type'] === 'user' && this.#isNew(entry)) {
      const said = listOf(entry['content'])
        .map((part) => textOf(part['text']))
        .join('\n')
        .trim();
      if (said !== '' && !NOT_SAID.test(said)) this.#talk.said(said, at);
    } else if (entry['type'] === 'error') this.#talk.failed(textOf(entry['content']));
  }

  #answer(entry: Fields, at: Instant): void {
    if (this.#isNew(entry)) {
      this.#talk.uses(textOf(entry['model']));
      this.#talk.answered(textOf(entry['content']), at);
      const tokens = fieldsOf(entry['tokens']);
      const cached = numberOf(tokens['cached']);
      this.#talk.spent(
        {
          input: Math.max(0, numberOf(tokens['input']) - cached) + numberOf(tokens['tool']),
          output: numberOf(tokens['output']) + numberOf(tokens['thoughts']),
          cacheRead: cached,
          cacheWrite: 0,
        },
        at,
      );
      this.#talk.holds(numberOf(tokens['total']), at);
    }
    for (const call of listOf(entry['toolCalls'])) this.#tool(call, at);
  }

  /** Written when it has come back, or when it waits for a person. */
  #tool(call: Fields, at: Instant): void {
    const id = textOf(call['id']);
    if (this.#remember(this.#seen, id))
      this.#talk.tools.start({ name: textOf(call['name']), input: fieldsOf(call['args']), at, id });
    const status = textOf(call['status']);
    if (!/^(?:success|error|cancelled)$/.test(status) || !this.#remember(this.#ended, id)) return;
    const endedAt = Date.parse(textOf(call['timestamp']));
    this.#talk.tools.end({ id, at: Number.isFinite(endedAt) ? endedAt : at, failed: status !== 'success' });
  }

  #isNew(entry: Fields): boolean {
    return this.#remember(this.#seen, textOf(entry['id']));
  }

  #remember(ids: Set<string>, id: string): boolean {
    if (ids.has(id)) return false;
    ids.add(id);
    for (const oldest of ids) {
      if (ids.size <= KEPT_IDS) break;
      ids.delete(oldest);
    }
    return true;
  }

  facts(): AgentFacts {
    return this.#talk.facts();
  }
}

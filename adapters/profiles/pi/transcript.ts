/**
 * Owns: what Pi's own record of a conversation (sessions/<folder>/<time>_<id>.jsonl) tells.
 * Never: opens files. Format 3, as written by 0.73.1; lines of other kinds are passed over.
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

const textIn = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : listOf(content)
        .map((part) => textOf(part['text']))
        .join('\n');

export class PiTranscript implements TranscriptReader {
  readonly #talk = new Conversation();

  add(line: string): void {
    const entry = parseFields(line);
    if (entry === undefined) return;
    const at = Date.parse(textOf(entry['timestamp']));
    if (!Number.isFinite(at)) return;
    this.#talk.seen(at);
    if (entry['type'] === 'session') this.#talk.knows({ sessionId: textOf(entry['id']) });
    else if (entry['type'] === 'model_change') this.#talk.uses(textOf(entry['modelId']));
    else if (entry['type'] === 'compaction') this.#talk.holds(0, at);
    else if (entry['type'] === 'message') this.#message(fieldsOf(entry['message']), at);
  }

  #message(message: Fields, at: Instant): void {
    switch (message['role']) {
      case 'user':
        this.#talk.said(textIn(message['content']), at);
        return;
      case 'toolResult':
        this.#talk.tools.end({ id: textOf(message['toolCallId']), at, failed: message['isError'] === true });
        return;
      case 'assistant':
        this.#answer(message, at);
    }
  }

  #answer(message: Fields, at: Instant): void {
    const usage = fieldsOf(message['usage']);
    const total = numberOf(usage['totalTokens']);
    this.#talk.uses(textOf(message['model']));
    if (message['stopReason'] === 'error') this.#talk.failed(textOf(message['errorMessage']));
    else this.#talk.answered(textIn(message['content']), at);
    for (const part of listOf(message['content']))
      if (part['type'] === 'toolCall')
        this.#talk.tools.start({
          name: textOf(part['name']),
          input: fieldsOf(part['arguments']),
          at,
          id: textOf(part['id']),
        });
    // Nothing was sent back: an answer that failed or was interrupted.
    if (total === 0) return;
    this.#talk.spent(
      {
        input: numberOf(usage['input']),
        output: numberOf(usage['output']),
        cacheRead: numberOf(usage['cacheRead']),
        cacheWrite: numberOf(usage['cacheWrite']),
      },
      at,
    );
    this.#talk.holds(total, at);
  }

  facts(): AgentFacts {
    return this.#talk.facts();
  }
}

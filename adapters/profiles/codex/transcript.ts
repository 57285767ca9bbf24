/**
 * Owns: what Codex's own record of a conversation (sessions/<date>/rollout-*.jsonl) tells.
 * Never: opens files. Format as written by 0.169.0; lines of other kinds are passed over.
 */
import type { AgentFacts, FactValues } from '../../../api/resources/agent/facts.ts';
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

/** What stands in a user's message and was not said by one. */
const NOT_SAID = /^\s*<(?:environment_context|user_instructions|permissions|skills?_|turn_aborted|INSTRUCTIONS)/i;
const WINDOWS: Readonly<Record<number, string>> = { 300: '5h', 10080: '7d' };

const textIn = (content: unknown): string =>
  listOf(content)
    .map((part) => textOf(part['text']))
    .join('\n');

export class CodexTranscript implements TranscriptReader {
  readonly #talk = new Conversation();
  /** Sum of all tokens as of the last count that was taken in: the same count is written again when limits change. */
  #counted = 0;

  add(line: string): void {
    const entry = parseFields(line);
    if (entry === undefined) return;
    const at = Date.parse(textOf(entry['timestamp']));
    if (!Number.isFinite(at)) return;
    this.#talk.seen(at);
    const payload = fieldsOf(entry['payload']);
    switch (entry['type']) {
      case 'session_meta':
        this.#talk.knows({ sessionId: textOf(payload['id']), cliVersion: textOf(payload['cli_version']) });
        return;
      case 'turn_context':
        this.#talk.uses(textOf(payload['model']));
        return;
      case 'response_item':
        this.#item(payload, at);
        return;
      case 'event_msg':
        this.#event(payload, at);
        return;
      case 'compacted':
        this.#talk.holds(0, at);
    }
  }

  #item(item: Fields, at: Instant): void {
    switch (item['type']) {
      case 'message': {
        const text = textIn(item['content']);
        if (item['role'] === 'assistant') this.#talk.answered(text, at);
        else if (item['role'] === 'user' && text !== '' && !NOT_SAID.test(text)) this.#talk.said(text, at);
        return;
      }
      case 'function_call':
      case 'custom_tool_call': {
        const given = textOf(item['arguments']) || textOf(item['input']);
        const input = parseFields(given) ?? { command: given };
        const cmd = textOf(input['cmd']);
        this.#talk.tools.start({
          name: textOf(item['name']),
          input: cmd === '' ? input : { ...input, command: cmd },
          at,
          id: textOf(item['call_id']),
        });
        return;
      }
      case 'function_call_output':
      case 'custom_tool_call_output':
        this.#talk.tools.end({
          id: textOf(item['call_id']),
          at,
          failed: /^Process exited with code [1-9]/m.test(textOf(item['output'])),
        });
    }
  }

  #event(event: Fields, at: Instant): void {
    switch (event['type']) {
      case 'token_count':
        this.#tokens(fieldsOf(event['info']), at);
        this.#limits(fieldsOf(event['rate_limits']));
        return;
      case 'error':
      case 'stream_error':
        this.#talk.failed(textOf(event['message']));
        return;
      case 'turn_aborted':
      case 'task_complete':
        this.#talk.tools.endAll(at);
    }
  }

  #tokens(info: Fields, at: Instant): void {
    const total = numberOf(fieldsOf(info['total_token_usage'])['total_tokens']);
    const last = fieldsOf(info['last_token_usage']);
    const window = numberOf(info['model_context_window']);
    if (window > 0) this.#talk.knows({ contextWindow: window });
    if (total === 0 || total === this.#counted) return;
    this.#counted = total;
    const cached = numberOf(last['cached_input_tokens']);
    const written = numberOf(last['cache_write_input_tokens']);
    this.#talk.spent(
      {
        input: Math.max(0, numberOf(last['input_tokens']) - cached - written),
        output: numberOf(last['output_tokens']),
        cacheRead: cached,
        cacheWrite: written,
      },
      at,
    );
    this.#talk.holds(numberOf(last['total_tokens']), at);
  }

  #limits(limits: Fields): void {
    const quota: Record<string, FactValues['quota'][string]> = {};
    for (const name of ['primary', 'secondary']) {
      const limit = fieldsOf(limits[name]);
      if (typeof limit['used_percent'] !== 'number') continue;
      const minutes = numberOf(limit['window_minutes']);
      const resets = numberOf(limit['resets_at']);
      quota[WINDOWS[minutes] ?? `${minutes}m`] = {
        usedRatio: limit['used_percent'] / 100,
        ...(resets > 0 && { resetsAt: resets * 1000 }),
      };
    }
    if (Object.keys(quota).length > 0) this.#talk.knows({ quota });
  }

  facts(): AgentFacts {
    return this.#talk.facts();
  }
}

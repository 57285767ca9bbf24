/**
 * Owns: the Anthropic Messages API as Claude Code speaks it: requests, events, documents, errors.
 * Never: chooses answers.
 */
import type { Answer, Asked, Usage } from './answer.ts';
import { type Json, objects, reasonOf, sse, stringOf, type Wire, withoutReminders } from './wire.ts';

export function anthropic(body: Json, nextId: () => number): Wire {
  const model = stringOf(body['model']) || 'claude-opus-4-8';
  const id = `msg_test${nextId()}`;
  const message = (content: readonly unknown[], stop: string | null, usage: Usage): Json => ({
    id,
    type: 'message',
    role: 'assistant',
    model,
    content,
    stop_reason: stop,
    stop_sequence: null,
    usage: counts(usage),
  });
  const toolBlocks = (answer: Answer): readonly Json[] =>
    (answer.tools ?? []).map(({ name, input }) => ({ type: 'tool_use', id: `toolu_test${nextId()}`, name, input }));
  const stopOf = (answer: Answer): string => (answer.tools?.length ? 'tool_use' : 'end_turn');
  let textIsOpen = false;
  return {
    contentType: 'text/event-stream',
    streams: body['stream'] === true,
    asked: askedOf(body),
    open: (usage) =>
      sse('message_start', { type: 'message_start', message: message([], null, { ...usage, output: 1 }) }),
    piece(text) {
      const start = textIsOpen
        ? ''
        : sse('content_block_start', {
            type: 'content_block_start',
            index: 0,
            content_block: { type: 'text', text: '' },
          });
      textIsOpen = true;
      const delta = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } };
      return start + sse('content_block_delta', delta);
    },
    close(answer, _text, usage) {
      const first = textIsOpen ? 1 : 0;
      const tools = toolBlocks(answer).map((block, offset) => {
        const index = first + offset;
        return (
          sse('content_block_start', {
            type: 'content_block_start',
            index,
            content_block: { ...block, input: {} },
          }) +
          sse('content_block_delta', {
            type: 'content_block_delta',
            index,
            delta: { type: 'input_json_delta', partial_json: JSON.stringify(block['input']) },
          }) +
          sse('content_block_stop', { type: 'content_block_stop', index })
        );
      });
      return [
        textIsOpen ? sse('content_block_stop', { type: 'content_block_stop', index: 0 }) : '',
        ...tools,
        sse('message_delta', {
          type: 'message_delta',
          delta: { stop_reason: stopOf(answer), stop_sequence: null },
          usage: counts(usage),
        }),
        sse('message_stop', { type: 'message_stop' }),
      ].join('');
    },
    whole: (answer, text, usage) =>
      message([...(text === '' ? [] : [{ type: 'text', text }]), ...toolBlocks(answer)], stopOf(answer), usage),
    error(status, type, text) {
      const reason = reasonOf(status);
      return {
        type: 'error',
        error: { type: type ?? reason.type, message: text ?? reason.message },
        request_id: `req_test${nextId()}`,
      };
    },
  };
}

const counts = ({ input, output, cacheRead, cacheWrite }: Usage): Json => ({
  input_tokens: input,
  output_tokens: output,
  cache_read_input_tokens: cacheRead,
  cache_creation_input_tokens: cacheWrite,
});

function askedOf(body: Json): Asked {
  const messages = objects(body['messages']);
  let prompt = '';
  let toolResults = 0;
  for (const { role, content } of messages) {
    if (role !== 'user') continue;
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : objects(content);
    toolResults += blocks.filter((block) => block['type'] === 'tool_result').length;
    const said = withoutReminders(
      blocks
        .filter((block) => block['type'] === 'text')
        .map((block) => stringOf(block['text']))
        .join('\n'),
    );
    if (said !== '') {
      prompt = said;
      toolResults = 0;
    }
  }
  return { prompt, toolResults, side: objects(body['tools']).length === 0 };
}

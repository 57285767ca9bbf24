/**
 * Owns: OpenAI's Responses and Chat Completions APIs as far as codex, opencode and pi need them.
 * Never: chooses answers.
 */
import type { Answer, Asked, Usage } from './answer.ts';
import { type Json, objects, reasonOf, sse, stringOf, type Wire, withoutReminders } from './wire.ts';

const errorOf = (status: number, type: string | undefined, message: string | undefined): Json => {
  const reason = reasonOf(status);
  return { error: { message: message ?? reason.message, type: type ?? reason.type, code: null, param: null } };
};

export function responses(body: Json, nextId: () => number): Wire {
  const id = `resp_test${nextId()}`;
  const messageId = `msg_test${nextId()}`;
  const model = stringOf(body['model']);
  const textItem = (text: string, status: string): Json => ({
    type: 'message',
    id: messageId,
    role: 'assistant',
    status,
    content: text === '' ? [] : [{ type: 'output_text', text, annotations: [] }],
  });
  const response = (status: string, output: readonly unknown[], usage: Usage | null): Json => ({
    id,
    object: 'response',
    created_at: 0,
    model,
    status,
    output,
    usage: usage && {
      input_tokens: usage.input + usage.cacheRead,
      input_tokens_details: { cached_tokens: usage.cacheRead },
      output_tokens: usage.output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.input + usage.cacheRead + usage.output,
    },
  });
  const calls = (answer: Answer): readonly Json[] =>
    (answer.tools ?? []).map(({ name, input }) => ({
      type: 'function_call',
      id: `fc_test${nextId()}`,
      call_id: `call_test${nextId()}`,
      name,
      arguments: JSON.stringify(input),
      status: 'completed',
    }));
  const event = (type: string, rest: Json): string => sse(type, { type, ...rest });
  let textIsOpen = false;
  return {
    contentType: 'text/event-stream',
    streams: body['stream'] === true,
    asked: responsesAsked(body),
    open: () => event('response.created', { response: response('in_progress', [], null) }),
    piece(text) {
      const start = textIsOpen
        ? ''
        : event('response.output_item.added', { output_index: 0, item: textItem('', 'in_progress') });
      textIsOpen = true;
      return (
        start +
        event('response.output_text.delta', { item_id: messageId, output_index: 0, content_index: 0, delta: text })
      );
    },
    close(answer, text, usage) {
      const items = [...(textIsOpen ? [textItem(text, 'completed')] : []), ...calls(answer)];
      return (
        items.map((item, index) => event('response.output_item.done', { output_index: index, item })).join('') +
        event('response.completed', { response: response('completed', items, usage) })
      );
    },
    whole: (answer, text, usage) =>
      response('completed', [...(text === '' ? [] : [textItem(text, 'completed')]), ...calls(answer)], usage),
    error: errorOf,
  };
}

function responsesAsked(body: Json): Asked {
  const input = body['input'];
  if (typeof input === 'string') return { prompt: input, toolResults: 0, side: false };
  let prompt = '';
  let toolResults = 0;
  for (const item of objects(input)) {
    if (item['type'] === 'function_call_output') toolResults += 1;
    if (item['role'] !== 'user') continue;
    const content = item['content'];
    const said =
      typeof content === 'string'
        ? content
        : objects(content)
            .map((part) => stringOf(part['text']))
            .join('\n');
    // Codex sends its own surroundings as a user message before the prompt.
    if (/^\s*<(?:environment_context|user_instructions|permissions)/.test(said)) continue;
    prompt = withoutReminders(said);
    toolResults = 0;
  }
  return { prompt, toolResults, side: objects(body['tools']).length === 0 };
}

export function chat(body: Json, nextId: () => number): Wire {
  const id = `chatcmpl-test${nextId()}`;
  const model = stringOf(body['model']);
  const chunk = (delta: Json, finish: string | null, usage?: Json): string =>
    sse(undefined, {
      id,
      object: 'chat.completion.chunk',
      created: 0,
      model,
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...(usage === undefined ? {} : { usage }),
    });
  const calls = (answer: Answer): readonly Json[] =>
    (answer.tools ?? []).map(({ name, input }, index) => ({
      index,
      id: `call_test${nextId()}`,
      type: 'function',
      function: { name, arguments: JSON.stringify(input) },
    }));
  const counts = (usage: Usage): Json => ({
    prompt_tokens: usage.input + usage.cacheRead,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.cacheRead + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead },
  });
  const finishOf = (answer: Answer): string => (answer.tools?.length ? 'tool_calls' : 'stop');
  return {
    contentType: 'text/event-stream',
    streams: body['stream'] === true,
    asked: chatAsked(body),
    open: () => chunk({ role: 'assistant', content: '' }, null),
    piece: (text) => chunk({ content: text }, null),
    close(answer, _text, usage) {
      const tool_calls = calls(answer);
      return `${tool_calls.length > 0 ? chunk({ tool_calls }, null) : ''}${chunk({}, finishOf(answer), counts(usage))}data: [DONE]\n\n`;
    },
    whole(answer, text, usage) {
      const tool_calls = calls(answer);
      const message = { role: 'assistant', content: text, ...(tool_calls.length > 0 ? { tool_calls } : {}) };
      return {
        id,
        object: 'chat.completion',
        created: 0,
        model,
        choices: [{ index: 0, message, finish_reason: finishOf(answer) }],
        usage: counts(usage),
      };
    },
    error: errorOf,
  };
}

function chatAsked(body: Json): Asked {
  let prompt = '';
  let toolResults = 0;
  for (const { role, content } of objects(body['messages'])) {
    if (role === 'tool') toolResults += 1;
    if (role !== 'user') continue;
    prompt = withoutReminders(
      typeof content === 'string'
        ? content
        : objects(content)
            .map((part) => stringOf(part['text']))
            .join('\n'),
    );
    toolResults = 0;
  }
  return { prompt, toolResults, side: objects(body['tools']).length === 0 };
}

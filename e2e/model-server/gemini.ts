/**
 * Owns: Gemini's generateContent and streamGenerateContent as far as gemini-cli needs them.
 * Never: chooses answers.
 */
import type { Answer, Asked, Usage } from './answer.ts';
import { isJson, type Json, objects, reasonOf, sse, stringOf, type Wire, withoutReminders } from './wire.ts';

const STATUS_NAMES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  529: 'UNAVAILABLE',
};

export function gemini(body: Json, streams: boolean): Wire {
  const document = (parts: readonly unknown[], finish: string | undefined, usage: Usage): Json => ({
    candidates: [
      { index: 0, content: { role: 'model', parts }, ...(finish === undefined ? {} : { finishReason: finish }) },
    ],
    usageMetadata: {
      promptTokenCount: usage.input + usage.cacheRead,
      cachedContentTokenCount: usage.cacheRead,
      candidatesTokenCount: usage.output,
      totalTokenCount: usage.input + usage.cacheRead + usage.output,
    },
    modelVersion: 'gemini-test',
  });
  const calls = (answer: Answer): readonly Json[] =>
    (answer.tools ?? []).map(({ name, input }) => ({ functionCall: { name, args: input } }));
  const none: Usage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };
  return {
    contentType: 'text/event-stream',
    streams,
    asked: askedOf(body),
    open: () => '',
    piece: (text) => sse(undefined, document([{ text }], undefined, none)),
    close: (answer, _text, usage) => sse(undefined, document([...calls(answer), { text: '' }], 'STOP', usage)),
    whole: (answer, text, usage) => document([...(text === '' ? [] : [{ text }]), ...calls(answer)], 'STOP', usage),
    error: (status, type, message) => ({
      error: {
        code: status,
        message: message ?? reasonOf(status).message,
        status: type ?? STATUS_NAMES[status] ?? 'INTERNAL',
      },
    }),
  };
}

function askedOf(body: Json): Asked {
  let prompt = '';
  let toolResults = 0;
  for (const { role, parts } of objects(body['contents'])) {
    if (role !== 'user' && role !== 'function') continue;
    const list = objects(parts);
    toolResults += list.filter((part) => 'functionResponse' in part).length;
    const said = withoutReminders(list.map((part) => stringOf(part['text'])).join('\n'));
    // Gemini sends its own surroundings as a user message before the prompt.
    if (said === '' || said.startsWith('<session_context>')) continue;
    prompt = said;
    toolResults = 0;
  }
  const config = body['generationConfig'];
  const wantsJson = isJson(config) && config['responseMimeType'] === 'application/json';
  return { prompt, toolResults, side: wantsJson };
}

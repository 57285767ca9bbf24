/** The model server keeps its promises: streams, holds, breaks off, refuses, counts; on each wire. */
import { expect, test } from 'vitest';
import { until } from '../harness.ts';
import { errorAnswer, usageLimit } from './answer.ts';
import { type ModelServer, startModelServer } from './model-server.ts';

const post = (server: ModelServer, path: string, body: unknown): Promise<Response> =>
  fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
const jsonOf = async (response: Response): Promise<ReturnType<typeof JSON.parse>> => response.json();
const messages = (prompt: string, stream = true): unknown => ({
  model: 'claude-opus-4-8',
  stream,
  tools: [{ name: 'Bash' }],
  messages: [{ role: 'user', content: [{ type: 'text', text: prompt }] }],
});

test('a held answer has begun, and ends when released', async () => {
  await using server = await startModelServer();
  const response = await post(server, '/v1/messages', messages('#hold'));
  const whole = response.text();
  await until('the answer is held', () => server.open === 1);
  server.release();
  expect(await whole).toContain('event: message_stop');
  await until('the answer is over', () => server.open === 0);
});

test('a cut answer breaks off in the middle', async () => {
  await using server = await startModelServer();
  const response = await post(server, '/v1/messages', messages('#cut'));
  await expect(response.text()).rejects.toThrow();
});

test('prompts choose tools, then the turn ends', async () => {
  await using server = await startModelServer();
  const first = await jsonOf(await post(server, '/v1/messages', messages('#bash=ls', false)));
  expect(first).toMatchObject({ stop_reason: 'tool_use', content: [{ name: 'Bash', input: { command: 'ls' } }] });
  const [{ id }] = first.content;
  const second = await post(server, '/v1/messages', {
    tools: [{ name: 'Bash' }],
    messages: [
      { role: 'user', content: '#bash=ls' },
      { role: 'assistant', content: first.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'x' }] },
    ],
  });
  expect(await second.json()).toMatchObject({ stop_reason: 'end_turn' });
});

test('scripted answers go first and once, a standing one to everything until it is taken away', async () => {
  await using server = await startModelServer();
  server.script(errorAnswer(529), { text: 'second' });
  const status = async (): Promise<number> => (await post(server, '/v1/messages', messages('hi', false))).status;
  expect(await status()).toBe(529);
  expect(await (await post(server, '/v1/messages', messages('hi', false))).text()).toContain('second');
  server.standing(usageLimit(2_000_000_000));
  const limited = await post(server, '/v1/messages', messages('hi'));
  expect([limited.status, limited.headers.get('anthropic-ratelimit-unified-reset')]).toEqual([429, '2000000000']);
  server.standing(undefined);
  expect(await status()).toBe(200);
  expect(server.requests).toHaveLength(4);
});

test('the context can be told to be nearly full', async () => {
  await using server = await startModelServer();
  const answer = await jsonOf(await post(server, '/v1/messages', messages('#context=0.95', false)));
  expect(answer.usage).toMatchObject({ input_tokens: 190_000 });
});

test('other programs script it over HTTP', async () => {
  await using server = await startModelServer();
  await post(server, '/control/script', { answers: [{ text: 'told so' }] });
  expect(await (await post(server, '/v1/messages', messages('hi'))).text()).toContain('told ');
  const asked = await (await fetch(`${server.url}/control/requests`)).json();
  expect(asked).toMatchObject([{ prompt: 'hi', path: '/v1/messages' }]);
});

test.each([
  ['/v1/responses', { stream: true, input: [{ role: 'user', content: [{ text: '#say=so' }] }] }, 'response.completed'],
  ['/v1/chat/completions', { stream: true, messages: [{ role: 'user', content: '#say=so' }] }, '[DONE]'],
  ['/v1beta/models/g:streamGenerateContent', { contents: [{ role: 'user', parts: [{ text: '#say=so' }] }] }, 'STOP'],
])('%s streams too', async (path, body, last) => {
  await using server = await startModelServer();
  const text = await (await post(server, path, { ...body, tools: [{ name: 'x' }] })).text();
  expect(text).toMatch(/"(?:delta|content|text)":"so"/);
  expect(text).toContain(last);
});

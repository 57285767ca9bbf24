/**
 * Owns: a model service on loopback for tests with real agent CLIs: it listens, keeps what was asked, answers by script.
 * Never: reaches a network.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Answer, answerFor, piecesOf, usageOf } from './answer.ts';
import { anthropic } from './anthropic.ts';
import { gemini } from './gemini.ts';
import { chat, responses } from './openai.ts';
import { isJson, type Json, type Wire } from './wire.ts';

/** One request for an answer, as it arrived. */
export interface ModelRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json;
  readonly prompt: string;
  readonly toolResults: number;
  readonly side: boolean;
  /** What it was answered with. */
  readonly answer: Answer;
}

export interface ModelServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a slash at the end. */
  readonly url: string;
  /** Answers for the next requests of a conversation, each used once, before what prompts choose. Side requests take none. */
  script(...answers: readonly Answer[]): void;
  /** The answer to everything, also to side requests, until it is set to undefined: an outage, an expired key. */
  standing(answer: Answer | undefined): void;
  /** Goes with every answer that is not an error, e.g. `quotaHeaders(0.8, 0.4, ...)`. */
  headers(headers: Readonly<Record<string, string>>): void;
  /** Lets held answers go on. */
  release(): void;
  /** Requests for answers so far, oldest first. */
  readonly requests: readonly ModelRequest[];
  /** How many answers are being streamed or held. */
  readonly open: number;
}

export async function startModelServer({ port = 0 }: { readonly port?: number } = {}): Promise<ModelServer> {
  const requests: ModelRequest[] = [];
  const scripted: Answer[] = [];
  let standing: Answer | undefined;
  let extraHeaders: Readonly<Record<string, string>> = {};
  let waiting: (() => void)[] = [];
  let open = 0;
  let ids = 0;
  const nextId = (): number => (ids += 1);
  const release = (): void => {
    for (const go of waiting) go();
    waiting = [];
  };
  const held = (): Promise<void> => new Promise((go) => waiting.push(go));

  const control = (path: string, body: Json, response: ServerResponse): void => {
    const answers = Array.isArray(body['answers']) ? (body['answers'] as Answer[]) : [];
    if (path === '/control/script') scripted.push(...answers);
    else if (path === '/control/standing') standing = answers[0];
    else if (path === '/control/release') release();
    send(response, 200, path === '/control/requests' ? requests : {});
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    const body = await bodyOf(request);
    if (path.startsWith('/control/')) return control(path, body, response);
    const wire = wireOf(path, body, nextId);
    if (wire === undefined) {
      const [status, document] = documentFor(path);
      return send(response, status, document);
    }
    const answer = standing ?? (wire.asked.side ? undefined : scripted.shift()) ?? answerFor(wire.asked);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value);
    requests.push({ path, headers, body, ...wire.asked, answer });
    open += 1;
    try {
      await write(wire, answer, { ...extraHeaders, ...answer.headers }, response, held);
    } finally {
      open -= 1;
    }
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((ready, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', ready);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the model server has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    script: (...answers) => void scripted.push(...answers),
    standing: (answer) => {
      standing = answer;
    },
    headers: (headers) => {
      extraHeaders = headers;
    },
    release,
    requests,
    get open() {
      return open;
    },
    async [Symbol.asyncDispose]() {
      release();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function wireOf(path: string, body: Json, nextId: () => number): Wire | undefined {
  // CLIs differ in whether /v1 is part of the base address.
  if (path.endsWith('/messages')) return anthropic(body, nextId);
  if (path.endsWith('/responses')) return responses(body, nextId);
  if (path.endsWith('/chat/completions')) return chat(body, nextId);
  if (path.endsWith(':generateContent')) return gemini(body, false);
  if (path.endsWith(':streamGenerateContent')) return gemini(body, true);
  return undefined;
}

/** What the CLIs ask beside answers; unknown things get an empty document, so that nothing stops for them. */
function documentFor(path: string): [number, unknown] {
  if (path.endsWith('/count_tokens')) return [200, { input_tokens: 1000 }];
  if (path.endsWith(':countTokens')) return [200, { totalTokens: 1000 }];
  if (path.endsWith('/models')) return [200, { object: 'list', data: [], models: [] }];
  return [200, {}];
}

async function write(
  wire: Wire,
  answer: Answer,
  headers: Readonly<Record<string, string>>,
  response: ServerResponse,
  held: () => Promise<void>,
): Promise<void> {
  const gone = new Promise<void>((end) => response.once('close', end));
  const pause = (ms: number | undefined): Promise<void> =>
    ms ? Promise.race([gone, new Promise<void>((wake) => setTimeout(wake, ms).unref())]) : Promise.resolve();
  await pause(answer.firstByteMs);
  if (answer.error) {
    const { status, type, message } = answer.error;
    return send(response, status, wire.error(status, type, message), headers);
  }
  const usage = usageOf(answer);
  const text = answer.text ?? (answer.tools?.length ? '' : 'Hello from the model server.');
  if (!wire.streams) {
    if (answer.hold) await Promise.race([gone, held()]);
    return send(response, 200, wire.whole(answer, text, usage), headers);
  }
  response.writeHead(200, { 'content-type': wire.contentType, 'cache-control': 'no-cache', ...headers });
  response.write(wire.open(usage));
  let first = true;
  for (const piece of piecesOf(text)) {
    if (response.destroyed) return;
    // Written out before anything else, so that a break comes after it.
    await new Promise((written) => response.write(wire.piece(piece), written));
    if (first && answer.hold) await Promise.race([gone, held()]);
    if (first && answer.cut) return void response.destroy();
    first = false;
    await pause(answer.pieceMs);
  }
  response.end(wire.close(answer, text, usage));
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', 'request-id': 'req_test', ...headers });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<Json> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return isJson(body) ? body : {};
  } catch {
    return {};
  }
}

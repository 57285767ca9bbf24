/** Owns: fuzzing of the HTTP API of a controller that runs. Never: stops it. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import fc from 'fast-check';
import { ROUTES, type RouteName } from '../../../api/protocol.ts';
import { type Fuzzed, text } from './texts.ts';

const names = (Object.keys(ROUTES) as RouteName[]).filter((name) => name !== 'stopController');
const ask = (
  socketPath: string,
  method: string,
  path: string,
  body: string,
  type: string,
): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const bytes = Buffer.from(body);
    const asked = request(
      {
        socketPath,
        method,
        path,
        headers: { host: 'localhost', 'content-type': type, 'content-length': bytes.length },
        timeout: 20_000,
      },
      (response) => {
        // A watch goes on: its first bytes are enough.
        if (response.statusCode === 200 && /watch|follow/.test(path)) {
          resolve({ status: response.statusCode ?? 0, text: '' });
          response.destroy();
          return;
        }
        let answer = '';
        response.on('data', (chunk) => {
          answer += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: answer }));
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`${method} ${path} was not answered`)));
    asked.on('error', reject);
    asked.end(bytes);
  });
const leaf = fc.oneof(
  text,
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('sac/v1', 'Agent', 'x', 'apply', 'cli'),
);
const key = fc.oneof(
  fc.constantFrom(
    'items',
    'origin',
    'manifest',
    'source',
    'kind',
    'name',
    'metadata',
    'spec',
    'command',
    'labels',
    'annotations',
    'resourceVersion',
    'force',
    'dryRun',
    'prune',
    'labelSelector',
    'role',
    'by',
    'apiVersion',
    '__proto__',
    'constructor',
    'toString',
  ),
  text,
);
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(key, tie('tree'), { maxKeys: 6 }),
  ),
}));
const shaped = fc.record({
  items: fc.array(
    fc.record({
      origin: text,
      manifest: fc.record({
        apiVersion: fc.constant('sac/v1'),
        kind: fc.constant('Agent'),
        metadata: fc.record({ name: fc.oneof(fc.constantFrom('a', 'b'), text) }),
        spec: fc.dictionary(key, tree, { maxKeys: 4 }),
      }),
    }),
    { maxLength: 3 },
  ),
  source: fc.record({ kind: fc.constantFrom('apply', 'directory', 'x'), name: text }),
});
const body = fc.oneof(
  tree.map((value) => JSON.stringify(value) ?? ''),
  shaped.map((value) => JSON.stringify(value)),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom('', '[', '{"a":', '[['.repeat(50_000), '1e999', '"\\ud800"'),
);
const query = fc.oneof(
  fc.constant(''),
  fc.constantFrom(
    '?watch=true',
    '?labelSelector=a%20in%20(',
    '?fieldSelector=%00',
    '?tail=999999999999999',
    '?resourceVersion=-1',
    '?__proto__=1',
    '?watch=true&resourceVersion=99999999',
  ),
  text.map((value) => `?labelSelector=${encodeURIComponent(value.toWellFormed())}`),
  text.map((value) => `?fieldSelector=${encodeURIComponent(value.toWellFormed())}`),
);
const type = fc.oneof(
  { arbitrary: fc.constant('application/json'), weight: 8 },
  {
    arbitrary: fc.constantFrom(
      'text/plain',
      'application/json; charset=utf-16',
      'application/yaml',
      'multipart/form-data',
    ),
    weight: 1,
  },
);

export const http = (socketPath: string): readonly Fuzzed[] => [
  {
    what: 'answers any body of any route as its maker or as wrong, never with a fault of its own',
    share: 1,
    property: fc.asyncProperty(
      fc.constantFrom(...names),
      fc.oneof(fc.constantFrom('agents', 'hosts', 'instances'), text),
      fc.oneof(fc.constantFrom('a', 'b'), text),
      query,
      body,
      type,
      async (route, plural, name, asks, sent, contentType) => {
        const { method, path } = ROUTES[route];
        const at = path
          .replace(':plural', encodeURIComponent(plural.toWellFormed()))
          .replace(':name', encodeURIComponent(name.toWellFormed()));
        const { status, text: answer } = await ask(
          socketPath,
          method,
          `${at}${asks}`,
          method === 'GET' ? '' : sent,
          contentType,
        );
        assert(status < 500 || status === 503, `${route} ${status} ${answer.slice(0, 500)}`);
        if (status < 400) return;
        const failure = JSON.parse(answer);
        assert.deepEqual([failure.kind, failure.status, failure.code], ['Status', 'Failure', status]);
        assert.doesNotMatch(answer, /\/(?:node_modules|controller|api)\/|\bat [A-Z]\w+ \(/);
      },
    ),
  },
];

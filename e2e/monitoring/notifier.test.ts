import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';

let fleet: Fleet;
let server: Server;
let address: string;
interface Received {
  readonly url: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}
let received: Received[];
/** undefined: it takes the message and never answers. */
let answer: number | undefined;

beforeEach(async () => {
  fleet = new Fleet({ SAC_NOTIFY_TOKEN: 'made-up-token-1' });
  received = [];
  answer = 200;
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push({ url: request.url ?? '', headers: request.headers, body });
      if (answer !== undefined) response.writeHead(answer).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const at = server.address();
  address = `http://127.0.0.1:${typeof at === 'object' && at ? at.port : 0}`;
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

const notifier = (name: string, spec: object) =>
  `${JSON.stringify({ apiVersion: 'sac/v1', kind: 'Notifier', metadata: { name }, spec: { selector: 'team=web', retry: { initial: '1s', max: '1s' }, ...spec } })}\n`;
const broken = (command: readonly string[], restart = 'never') =>
  execManifest('web', command, { restart: { policy: restart }, place: { runtime: 'process' } }).replace(
    '"name":"web"',
    '"name":"web","labels":{"team":"web"}',
  );
const notices = () =>
  received.flatMap(
    ({ body }) => JSON.parse(body).notices as { id: string; status: string; type: string; name: string }[],
  );

it('tells a condition once, again with the same id after kill -9 between sending and saving, and when it is over', async () => {
  const flags = ['--agents-dir', fleet.agentsDir];
  let controller = await fleet.controller(flags);
  answer = undefined;
  fleet.write(
    'hook.yaml',
    notifier('hook', {
      webhook: { url: address, tokenEnv: 'SAC_NOTIFY_TOKEN' },
      conditions: [{ type: 'Ready', status: 'False' }],
      timeout: '5m',
    }),
  );
  fleet.write('web.yaml', broken(['false']));
  await fleet.ok(['apply', '-f', 'web.yaml']);
  await until('it has failed', async () => (await fleet.json(['get', 'agent', 'web'])).status.phase === 'Failed');
  await fleet.ok(['apply', '-f', 'hook.yaml']);
  await until('a message', () => received.length === 1);
  expect(received[0]?.headers['authorization']).toBe('Bearer made-up-token-1');
  controller.kill('SIGKILL');
  await until('it is gone', () => controller.signalCode !== null);
  answer = 200;
  controller = await fleet.controller(flags);
  await until('the message again', () => received.length === 2);
  await until('it is saved', async () => (await fleet.json(['get', 'notifier', 'hook'])).status.sent === 1);
  expect(notices().map(({ status, name }) => [status, name])).toEqual([
    ['firing', 'web'],
    ['firing', 'web'],
  ]);
  expect(notices()[1]?.id).toBe(notices()[0]?.id);
  expect(received[1]?.headers['idempotency-key']).toBe(notices()[0]?.id);

  fleet.write('web.yaml', broken(['sleep', '600']));
  await fleet.ok(['apply', '-f', 'web.yaml']);
  await until('its end', () => notices().some(({ status }) => status === 'resolved'));
  expect(received).toHaveLength(3);
  expect(await fleet.ok(['get', 'notifiers'])).toMatch(/hook +True/);
  expect(JSON.stringify(await fleet.json(['get', 'notifier', 'hook']))).not.toContain('made-up-token-1');

  // Killed while somebody may have heard of it, and by then it is over: that it is over is told all the same.
  answer = undefined;
  fleet.write('web.yaml', broken(['false']));
  await fleet.ok(['apply', '-f', 'web.yaml']);
  await until('it is told anew', () => received.length === 4);
  fleet.write('web.yaml', broken(['sleep', '601']));
  await fleet.ok(['apply', '-f', 'web.yaml', '--wait']);
  controller.kill('SIGKILL');
  await until('it is gone again', () => controller.signalCode !== null);
  answer = 200;
  await fleet.controller(flags);
  await until('the end of what may have been heard', () => received.length === 5);
  expect(notices().map(({ status }) => status)).toEqual(['firing', 'firing', 'resolved', 'firing', 'resolved']);
});

it('tries again what was refused, tells chats, topics and commands, and names no secret address', async () => {
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  answer = 503;
  const secret = join(fleet.home, 'secrets', 'notify-chat');
  mkdirSync(join(fleet.home, 'secrets'), { recursive: true, mode: 0o700 });
  rmSync(secret, { force: true });
  const conditions = [{ type: 'Ready', status: 'False' }];
  fleet.write(
    'all.yaml',
    [
      notifier('chat', { slack: { urlFile: 'notify-chat' }, conditions }),
      notifier('topic', { ntfy: { url: `${address}/ntfy`, topic: 'fleet' }, conditions }),
      notifier('program', { command: { argv: ['tee', join(fleet.dir, 'told.json')] }, conditions }),
    ].join('---\n'),
  );
  fleet.write('web.yaml', broken(['false']));
  const status = async (name: string) => (await fleet.json(['get', 'notifier', name])).status;
  await fleet.ok(['apply', '-f', 'all.yaml']);
  const reason = async () => (await status('chat')).conditions[0]?.reason;
  await until('the missing secret is told before any message', async () => (await reason()) === 'SecretMissing');
  writeFileSync(secret, `${address}/chat/very-secret\n`, { mode: 0o600 });
  await until('that it is there is told as well', async () => (await reason()) === 'NothingSent');
  await fleet.ok(['apply', '-f', 'web.yaml']);
  await until('it failed', async () => (await status('chat')).failed > 0);
  expect((await status('chat')).conditions[0]).toMatchObject({
    status: 'False',
    message: 'The last message was not delivered: it answered 503.',
  });
  expect(JSON.stringify(await fleet.json(['get', 'notifiers']))).not.toContain('very-secret');
  answer = 200;
  for (const name of ['chat', 'topic', 'program'])
    await until(`${name} delivered`, async () => (await status(name)).sent > 0);
  const bodies = (path: string) => received.filter(({ url }) => url === path).map(({ body }) => JSON.parse(body));
  expect(bodies('/chat/very-secret').at(-1).text).toContain('agent/web: Ready');
  expect(bodies('/ntfy').at(-1)).toMatchObject({ topic: 'fleet', priority: 4 });
});

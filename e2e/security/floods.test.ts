/** Row 15: floods. Whatever strangers and slow readers do, the controller's memory stays bounded and everybody else is served. */
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../api/client.ts';
import { execManifest, Fleet, until } from '../harness.ts';
import { FAST } from './payloads.ts';

const MIB = 1024 * 1024;
/** Bound of reference 6.2, row 15. */
const MAX_RSS = 512 * MIB;

let fleet: Fleet;
let client: Client;
let port: number;
let pid: number;
let viewer: string;
beforeAll(async () => {
  fleet = new Fleet();
  // As it is started for people, with its memory flags.
  await fleet.ok(['controller', 'start', '--listen', '127.0.0.1:0']);
  client = createClient({ socket: join(fleet.home, 'sac.sock') });
  const status = await client.controller();
  port = Number(status.listen?.split(':').at(-1));
  pid = status.pid;
  viewer = (await client.createToken({ role: 'viewer' })).token;
  await fleet.ok(['apply', '-f', '-', '--wait'], { stdin: execManifest('web', ['sleep', '1000'], FAST) });
});
afterAll(() => fleet[Symbol.asyncDispose]());

const rss = () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** Does `flood` while the owner goes on working; the work must be done, the memory stay bounded. */
async function during(flood: () => Promise<unknown>): Promise<void> {
  let over = false;
  let peak = 0;
  let served = 0;
  const flooding = flood().finally(() => {
    over = true;
  });
  while (!over || served < 5) {
    // An answer within the client's own time, and a change that takes effect.
    const { metadata } = await client.patch('web', { metadata: { annotations: { n: String(served) } } });
    expect(metadata.annotations['n']).toBe(String(served));
    served += 1;
    peak = Math.max(peak, rss());
  }
  await flooding;
  expect(peak / MIB).toBeLessThan(MAX_RSS / MIB);
  expect((await fleet.sac(['get', 'agent', 'web'])).code).toBe(0);
}

const raw = (text: string): Promise<Socket> =>
  new Promise((opened) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('close', () => opened(socket));
    socket.on('connect', () => {
      socket.write(text);
      opened(socket);
    });
  });
const head = (path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${viewer}\r\n\r\n`;

describe('while it happens others are served, and memory is bounded', () => {
  it('ten thousand requests of a stranger, and of one with a token', async () => {
    const agent = new HttpAgent({ keepAlive: true, maxSockets: 50 });
    const statuses = new Map<number, number>();
    const ask = (i: number) =>
      new Promise<void>((done) => {
        const asked = request(
          {
            agent,
            host: '127.0.0.1',
            port,
            path: `/apis/sac/v1/agents/x${i}`,
            headers: i % 2 === 0 ? {} : { authorization: `Bearer ${viewer}` },
          },
          (response) => {
            statuses.set(response.statusCode ?? 0, (statuses.get(response.statusCode ?? 0) ?? 0) + 1);
            response.resume().on('end', done);
          },
        );
        asked.on('error', () => done());
        asked.end();
      });
    await during(async () => {
      let next = 0;
      const worker = async () => {
        while (next < 10_000) await ask(next++);
      };
      await Promise.all(Array.from({ length: 50 }, worker));
    });
    agent.destroy();
    expect(Object.fromEntries(statuses)).toEqual({ 401: 5_000, 404: 5_000 });
    // Strangers cannot fill the disk: of their refusals only so many a minute are written down.
    const audit = readFileSync(join(fleet.home, 'audit.log'), 'utf8');
    expect(audit.split('\n').filter((line) => line.includes('"role":"none"')).length).toBeLessThan(500);
  });

  it('slowloris: more connections than are accepted, each with half a request', async () => {
    const sockets: Socket[] = [];
    await during(async () => {
      for (let i = 0; i < 1_200; i++)
        sockets.push(await raw(`GET /version HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-A: `));
      for (let round = 0; round < 5; round++) for (const socket of sockets) if (!socket.destroyed) socket.write('a');
    });
    // Beyond the bound they are turned away at once.
    await until('those beyond the bound are cut off', () => sockets.filter(({ destroyed }) => destroyed).length >= 200);
    for (const socket of sockets) socket.destroy();
  });

  it('watchers that never read, while much changes', async () => {
    const sockets: Socket[] = [];
    const rounds = 80;
    const note = 'x'.repeat(50_000);
    await during(async () => {
      for (let i = 0; i < 120; i++) {
        const socket = await raw(head('/apis/sac/v1/agents?watch=true'));
        socket.pause();
        sockets.push(socket);
      }
      for (let i = 0; i < rounds; i++) await client.patch('web', { metadata: { annotations: { big: `${i}${note}` } } });
    });
    for (const socket of sockets) socket.destroy();
  });

  it('bodies that are too large, too deep, too many, or never end', async () => {
    const post = (body: string, length: number) =>
      new Promise<number>((done) => {
        const asked = request(
          {
            socketPath: join(fleet.home, 'sac.sock'),
            method: 'POST',
            path: '/apis/sac/v1/apply',
            headers: { host: 'localhost', 'content-type': 'application/json', 'content-length': length },
          },
          (response) => {
            response.resume();
            done(response.statusCode ?? 0);
            asked.destroy();
          },
        );
        asked.on('error', () => done(0));
        asked.write(body);
      });
    await during(async () => {
      expect([0, 413]).toContain(await post('x', 100 * MIB));
      expect(await post('['.repeat(1_000_000), 1_000_000)).toBe(400);
      const many = JSON.stringify({
        items: Array.from({ length: 30_000 }, () => ({ origin: '', manifest: {} })),
        source: { kind: 'apply', name: 'x' },
      });
      expect(await post(many, many.length)).toBe(422);
      const keys = `{${Array.from({ length: 500_000 }, (_, i) => `"k${i}":1`).join(',')}}`;
      expect(await post(keys, keys.length)).toBe(422);
      // A hundred that promise eight mebibytes each and send one.
      const never = Array.from({ length: 100 }, () => post('x'.repeat(MIB), 8 * MIB));
      await Promise.race([Promise.all(never), until('they have been sent', () => rss() > 0)]);
    });
  });

  it('an agent that prints as fast as it can, and one who reads it slowly', async () => {
    for (const runtime of ['tmux', 'process'])
      await fleet.ok(['apply', '-f', '-', '--wait'], {
        stdin: execManifest(`loud-${runtime}`, ['sh', '-c', 'yes "$(head -c 1000 /dev/zero | tr \'\\0\' x)"'], {
          ...FAST,
          place: { runtime, ...(runtime === 'process' && { process: { logMaxBytes: 1_048_576, logFiles: 2 } }) },
        }),
      });
    const sockets: Socket[] = [];
    await during(async () => {
      for (const runtime of ['tmux', 'process'])
        for (let i = 0; i < 5; i++) {
          const socket = await raw(head(`/apis/sac/v1/agents/loud-${runtime}/logs?follow=true`));
          socket.pause();
          sockets.push(socket);
        }
      await until(
        'they have shouted for a while',
        async () => (await client.get('agents', 'loud-process')).status.ready,
      );
    });
    for (const socket of sockets) socket.destroy();
    await client.remove('loud-tmux', { force: true });
    await client.remove('loud-process', { force: true });
    await until('it is quiet', async () => (await client.list('agents')).items.length === 1);
  });

  it('a crash loop without waits: events are counted, not collected', async () => {
    await fleet.ok(['apply', '-f', '-'], {
      stdin: execManifest('crash', ['false'], {
        ...FAST,
        restart: { policy: 'always', maxRetries: 1_000_000, backoff: { initial: 0, max: 0 } },
      }),
    });
    await during(() =>
      until('fifty restarts', async () => (await client.get('agents', 'crash')).status.restarts >= 50, 60_000),
    );
    const events = (await client.list('events')).items.filter(({ regarding }) => regarding.name === 'crash');
    expect(events.length).toBeLessThan(50);
    await client.remove('crash', { force: true });
  });
});

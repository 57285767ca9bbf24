import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../harness.ts';
import { failure, type Sshd, SshLab } from './lab.ts';

let lab: SshLab;
beforeAll(() => {
  lab = new SshLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

const number = async (sshd: Sshd, t: ReturnType<SshLab['transport']>, count: number): Promise<number> => {
  const all = await Promise.all(Array.from({ length: count }, (_, i) => t.run(['echo', String(i)])));
  expect(all.map(({ stdout }) => stdout)).toEqual(Array.from({ length: count }, (_, i) => `${i}\n`));
  return sshd.processes.length;
};

describe('sessions', () => {
  it.each([1, 2])('are limited to the %i the server allows, which it learns', async (maxSessions) => {
    const sshd = await lab.sshd({ maxSessions });
    const t = lab.transport(sshd);
    await number(sshd, t, 100);
    await number(sshd, t, 100);
  });

  it.each([1, 2])('held by conversations leave room for commands, %i at a time', async (maxSessions) => {
    const sshd = await lab.sshd({ maxSessions });
    const t = lab.transport(sshd);
    const heard = new Set<number>();
    const talks = Array.from({ length: 5 }, (_, i) =>
      t.converse(['sh', '-c', 'echo up; exec cat'], () => heard.add(i)),
    );
    await until('all talk', () => heard.size === 5);
    await number(sshd, t, 20);
    for (const talk of talks) talk[Symbol.dispose]();
    await number(sshd, t, 20);
    await until('connections nobody needs are closed', () => sshd.processes.length <= 3);
  });
});

describe('an sshd', () => {
  it('that is restarted is used again; what was under way is told, and does not hang', async () => {
    const sshd = await lab.sshd();
    const t = lab.transport(sshd);
    const lines: string[] = [];
    const talk = t.converse(['sh', '-c', 'echo up; exec cat'], (line) => lines.push(line));
    await until('it talks', () => lines.length);
    // Like no other on this machine: it is ended by how it reads.
    const seconds = `1000.${process.pid}`;
    const running = failure(t.run(['sleep', seconds], { timeoutMs: 60_000 }));
    await until('it runs', async () => (await t.run(['ps', '-eo', 'args'])).stdout.includes(`sleep ${seconds}`));
    sshd.stop();
    expect((await running).kind).toBe('unreachable');
    expect((await talk.closed).reason).toContain('lost');
    const refused = await failure(t.run(['true']));
    expect(refused).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('ECONNREFUSED') });
    await sshd.start();
    await until('it is used again', async () => (await t.run(['echo', 'back'])).stdout === 'back\n');
    await t.run(['pkill', '-x', '-f', `sleep ${seconds.replace('.', '[.]')}`]);
  });

  it('that is frozen is given up: by the deadline of a command, by keepalives, and while connecting', async () => {
    const sshd = await lab.sshd();
    const t = lab.transport(sshd, { keepalive: { intervalMs: 200, lost: 3 }, connectTimeoutMs: 700 });
    const talk = t.converse(['sh', '-c', 'echo up; exec cat'], () => undefined);
    expect((await t.run(['true'])).code).toBe(0);
    sshd.signal('SIGSTOP');
    try {
      expect((await failure(t.run(['true'], { timeoutMs: 200 }))).kind).toBe('timeout');
      expect((await talk.closed).reason).toMatch(/lost/i);
      const frozen = await failure(t.run(['true'], { timeoutMs: 30_000 }));
      expect(frozen).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('no answer within') });
      // Letting go does not wait for it either.
      await lab.transport(sshd)[Symbol.asyncDispose]();
    } finally {
      sshd.signal('SIGCONT');
    }
    await until('it is used again', async () => (await t.run(['echo', 'back'])).stdout === 'back\n');
  });
});

describe('what is no sshd', () => {
  it('is told as unreachable', async () => {
    const silent = createServer((socket) => void socket.resume().end('HTTP/1.1 400 no\r\n\r\n'));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const sshd = await lab.sshd();
    expect((await failure(lab.transport(sshd, { port }).run(['true']))).kind).toBe('unreachable');
    await new Promise((resolve) => silent.close(resolve));
  });

  it('lets nobody wait who gave up', async () => {
    const sshd = await lab.sshd();
    const abort = new AbortController();
    sshd.signal('SIGSTOP');
    const waiting = failure(lab.transport(sshd).run(['true'], { signal: abort.signal }));
    abort.abort();
    expect((await waiting).kind).toBe('closed');
    sshd.signal('SIGCONT');
  });
});

import { expect, it } from 'vitest';
import { type PooledConnection, SessionPool, SessionRefused } from './pool.ts';

/** A server whose every session is opened or refused by hand. */
function server() {
  const asked: { readonly open: (name: string) => void; readonly refuse: () => void }[] = [];
  const connection: PooledConnection<string> = {
    open: () =>
      new Promise((resolve, reject) =>
        asked.push({ open: resolve, refuse: () => reject(new SessionRefused('open failed')) }),
      ),
    closed: new Promise(() => undefined),
    close: () => undefined,
  };
  const pool = new SessionPool({
    dial: async () => connection,
    maxSessions: 10,
    discard: () => undefined,
    now: () => 0,
  });
  const next = async () => {
    while (asked.length === 0) await new Promise(setImmediate);
    return asked.shift() ?? expect.unreachable();
  };
  return { pool, next };
}

it('learns how many sessions the server allows when it refuses one', async () => {
  const { pool, next } = server();
  const leases = [pool.acquire('command'), pool.acquire('command')];
  (await next()).open('one');
  const one = await leases[0];
  (await next()).refuse();
  await new Promise(setImmediate);
  expect(pool.limit).toBe(1);
  one?.release();
  (await next()).open('two');
  expect((await leases[1])?.session).toBe('two');
});

it('asks again for a session that was refused as the last other one ended', async () => {
  const { pool, next } = server();
  const leases = [pool.acquire('command'), pool.acquire('command')];
  (await next()).open('one');
  const one = await leases[0];
  const second = await next();
  second.refuse();
  // Between the refusal's way through two awaits.
  queueMicrotask(() => one?.release());
  (await next()).open('two');
  expect((await leases[1])?.session).toBe('two');
});

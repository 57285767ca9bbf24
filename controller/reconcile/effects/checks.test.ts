import { expect, it } from 'vitest';
import { createLocalTransport } from '../../../adapters/transport/local/local-transport.ts';
import { type Transport, TransportError } from '../../../adapters/transport/transport.ts';
import { type InstanceId, LOCAL_HOST } from '../../../api/resources/names.ts';
import type { HealthReading } from '../../machine/health.ts';
import { Checks } from './checks.ts';

const order = (argv: readonly string[], id = 'f1ee7000.web', timeoutMs = 5_000) =>
  ({
    type: 'check',
    id: id as InstanceId,
    place: { host: LOCAL_HOST, runtime: 'process' },
    incarnation: 7,
    generation: 1,
    health: { argv, cwd: '/', intervalMs: 1, timeoutMs, failureThreshold: 1 },
  }) as const;
const local = createLocalTransport(process.env);

async function ask(argv: readonly string[], transport: Transport = local, timeoutMs?: number) {
  const check = order(argv, undefined, timeoutMs);
  return new Promise<HealthReading['last']>((told) => {
    const checks = new Checks({ timers: { now: () => 42 }, onDone: (id) => told(checks.reading(id)?.last) });
    checks.ask(check, transport);
    expect(checks.reading(check.id)).toEqual({ incarnation: 7, askedAt: 42, pending: true });
  });
}

it('tells what the command said; its name reaches the command, and its words are no shell', async () => {
  expect(await ask(['sh', '-c', 'test "$SAC_AGENT" = web'])).toMatchObject({ result: 'ok', at: 42 });
  expect(await ask(['sh', '-c', 'echo "not  well $1" >&2; exit 3', 'x', '$(id)'])).toMatchObject({
    result: 'failed',
    message: 'exited with code 3, saying: not well $(id)',
  });
  expect(await ask(['no-such-program'])).toMatchObject({ result: 'failed' });
});

it('a command that takes too long has failed; a machine that cannot be asked tells nothing', async () => {
  expect(await ask(['sleep', '100'], local, 50)).toMatchObject({
    result: 'failed',
    message: 'did not end within 0.05 s',
  });
  const away = { run: () => Promise.reject(new TransportError('unreachable', 'away')) } as unknown as Transport;
  expect(await ask(['true'], away)).toMatchObject({ result: 'unknown', message: 'away' });
});

it('asks one instance once at a time, and only so many at once', async () => {
  let running = 0;
  let most = 0;
  const ends: (() => void)[] = [];
  const transport = {
    run: () => {
      most = Math.max(most, ++running);
      return new Promise((end) => ends.push(() => end({ code: running-- >= 0 ? 0 : 1, stdout: '', stderr: '' })));
    },
  } as unknown as Transport;
  const done: InstanceId[] = [];
  const checks = new Checks({ timers: { now: () => 1 }, onDone: (id) => done.push(id) });
  for (let n = 0; n < 40; n++) for (const _ of [1, 2]) checks.ask(order(['x'], `f1ee7000.a${n}`), transport);
  while (done.length < 40) {
    for (const end of ends.splice(0)) end();
    await new Promise(setImmediate);
  }
  expect([most, new Set(done).size, done.length]).toEqual([16, 40, 40]);
  checks.retain((id) => id === done[0]);
  expect([checks.reading(done[0] as InstanceId)?.pending, checks.reading(done[1] as InstanceId)]).toEqual([
    false,
    undefined,
  ]);
});

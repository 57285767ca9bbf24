import { describe, expect, it } from 'vitest';
import type { LookAtUsage, MachineUsage } from '../../adapters/runtimes/machine-usage.ts';
import type { Instance } from '../../api/resources/agent/agent.ts';
import { type FleetId, type HostName, instanceId } from '../../api/resources/names.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import { TokenRates } from './token-rates.ts';
import { UsageReads } from './usage-reads.ts';

const FLEET = 'abc' as FleetId;
const host = (name: string) => name as HostName;
const instance = (name: string, on = 'local', reading: object = {}): Instance =>
  ({
    metadata: { name },
    spec: { agent: name, host: on, runtime: 'tmux' },
    status: { phase: 'Running', activity: 'idle', startedAt: '2026-01-01T00:00:00.000Z', reading },
  }) as unknown as Instance;
const usage = (names: readonly string[]): MachineUsage => ({
  uptimeSeconds: 1,
  cpus: 2,
  cpuSeconds: 3,
  load1m: 0,
  memoryBytes: 4,
  memoryTotalBytes: 5,
  families: new Map(names.map((name) => [instanceId(FLEET, name), { cpuSeconds: 1, memoryBytes: 2, processes: 3 }])),
});

/** Time that stands still until it is moved. */
class Clock implements Timers {
  at = 0;
  #due: { readonly at: number; readonly run: () => void }[] = [];
  now = () => this.at;
  after = (delay: number, run: () => void) => {
    const timer = { at: this.at + delay, run };
    this.#due.push(timer);
    return () => {
      this.#due = this.#due.filter((one) => one !== timer);
    };
  };
  async pass(ms: number): Promise<void> {
    this.at += ms;
    for (const { run } of this.#due.filter(({ at }) => at <= this.at)) run();
    await new Promise((turn) => setImmediate(turn));
  }
}

function reads(machines: Readonly<Record<string, LookAtUsage | string>>, instances: readonly Instance[]) {
  const clock = new Clock();
  const reader = new UsageReads({
    fleet: FLEET,
    timers: clock,
    machines: () =>
      Object.entries(machines).map(([name, look]) => ({
        name: host(name),
        ...(typeof look === 'string' ? { problem: look } : { look }),
      })),
    sightings: () => [{ id: instanceId(FLEET, 'web'), place: { host: host('local'), runtime: 'tmux' }, pid: 7 }],
    instances: () => instances,
    tokensPerMinute: () => undefined,
  });
  return { clock, read: () => reader.read(() => true) };
}

describe('use, when somebody asks', () => {
  it('is one look a machine for all who ask at the same time, and soon after', async () => {
    const asked: unknown[] = [];
    const { clock, read } = reads(
      {
        local: async (roots) => {
          asked.push([...roots]);
          return usage(['web']);
        },
      },
      [instance('web'), instance('idle')],
    );
    expect(asked).toEqual([]);
    const [one, two] = await Promise.all([read(), read()]);
    expect(asked).toEqual([[[7, 'abc.web']]]);
    expect(one).toEqual(two);
    expect(one.instances).toMatchObject([{ instance: 'web', cpuSeconds: 1, memoryBytes: 2 }, { instance: 'idle' }]);
    expect(one.instances[1]).not.toHaveProperty('cpuSeconds');
    await clock.pass(300);
    await read();
    expect(asked).toHaveLength(1);
    await clock.pass(300);
    await read();
    expect(asked).toHaveLength(2);
  });
  it('a machine that does not answer is told, not waited for, and not asked once more meanwhile', async () => {
    let asked = 0;
    const { clock, read } = reads(
      {
        local: async () => usage(['web']),
        frozen: () => {
          asked++;
          return new Promise(() => undefined);
        },
        broken: async () => Promise.reject(new Error('no /proc')),
        away: 'cannot be reached',
      },
      [instance('web'), instance('far', 'frozen')],
    );
    for (let round = 0; round < 3; round++) {
      const reading = read();
      await clock.pass(0);
      await clock.pass(3_000);
      const { hosts, instances } = await reading;
      expect(hosts.map(({ name, problem }) => [name, problem])).toEqual([
        ['local', undefined],
        ['frozen', 'it did not answer within 2.5 s'],
        ['broken', 'no /proc'],
        ['away', 'cannot be reached'],
      ]);
      expect(instances.map(({ processes }) => processes)).toEqual([3, undefined]);
    }
    expect(asked).toBe(1);
  });
});

describe('tokens a minute', () => {
  const told = (n: number, sessionId = 's') =>
    instance('web', 'local', { sessionId, tokens: { input: n, output: 0, cacheRead: 0, cacheWrite: 0 } });
  const started = Date.parse('2026-01-01T00:00:00.000Z');
  it('are those of the last minute', () => {
    const rates = new TokenRates(started - 1);
    expect(rates.perMinute('web', started)).toBeUndefined();
    rates.note(instance('web'), started);
    expect(rates.perMinute('web', started)).toBeUndefined();
    rates.note(told(100), started);
    rates.note(told(150), started + 40_000);
    // Read again from the beginning: nothing new.
    rates.note(told(10), started + 41_000);
    rates.note(told(150), started + 42_000);
    expect(rates.perMinute('web', started + 50_000)).toBe(150);
    expect(rates.perMinute('web', started + 70_000)).toBe(50);
    expect(rates.perMinute('web', started + 200_000)).toBe(0);
    rates.forget('web');
    expect(rates.perMinute('web', started)).toBeUndefined();
  });
  it('do not count what was used before this controller watched', () => {
    const rates = new TokenRates(started + 1);
    rates.note(told(1_000_000), started + 2);
    expect(rates.perMinute('web', started + 3)).toBe(0);
    rates.note(told(1_000_050), started + 4);
    expect(rates.perMinute('web', started + 5)).toBe(50);
  });
});

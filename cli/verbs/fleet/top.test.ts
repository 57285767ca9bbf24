import { describe, expect, it } from 'vitest';
import type { InstanceUsage, UsageReport } from '../../../api/protocol.ts';
import { BadRequestError, EXIT, NotFoundError } from '../../../api/resources/errors.ts';
import { fakeContext } from '../../fake-context.ts';
import type { Options } from '../../verb.ts';
import { run } from './top.ts';
import { agentRows, hostRows, instanceRows, sorted } from './top-rows.ts';
import { headline } from './top-table.ts';

const MEBI = 1024 * 1024;
const instance = (name: string, more: Partial<InstanceUsage> = {}): InstanceUsage => ({
  instance: name,
  agent: name,
  host: 'local',
  runtime: 'tmux',
  phase: 'Running',
  activity: 'working',
  startedAt: 'then',
  ...more,
});
const report = (uptimeSeconds: number, cpuSeconds: number, instances: readonly InstanceUsage[]): UsageReport => ({
  at: '2026-01-01T00:00:00.000Z',
  hosts: [
    {
      name: 'local',
      machine: {
        uptimeSeconds,
        cpus: 2,
        cpuSeconds,
        load1m: 0.5,
        memoryBytes: 512 * MEBI,
        memoryTotalBytes: 1024 * MEBI,
      },
    },
    { name: 'gone', problem: 'it did not answer' },
  ],
  instances,
});
const used = (cpuSeconds: number, memory: number, processes = 2) => ({
  cpuSeconds,
  memoryBytes: memory * MEBI,
  processes,
});
const BEFORE = report(100, 10, [
  instance('web', used(5, 10)),
  instance('crew', used(1, 1)),
  instance('crew-1', { agent: 'crew', ...used(1, 1) }),
  instance('fresh', { startedAt: 'earlier', ...used(50, 1) }),
]);
const NOW = report(102, 11, [
  instance('web', { ...used(6, 20), contextUsedRatio: 0.42, tokensPerMinute: 1234, tokensToday: 20_000 }),
  instance('crew', { ...used(1.5, 3), tokensPerMinute: 1 }),
  instance('crew-1', { agent: 'crew', ...used(0.5, 4), activity: 'idle', tokensPerMinute: 2, contextUsedRatio: 0.1 }),
  instance('fresh', used(1, 1)),
  instance('far', { host: 'gone', activity: 'none' }),
]);

describe('rows of use', () => {
  it('CPU is the difference over the time of the machine; never negative, none over a restart or without two looks', () => {
    expect(instanceRows(BEFORE, NOW).map(({ name, cpu }) => [name, cpu])).toEqual([
      ['web', 0.5],
      ['crew', 0.25],
      ['crew-1', 0],
      ['fresh', undefined],
      ['far', undefined],
    ]);
    for (const before of [undefined, NOW, report(500, 0, BEFORE.instances)])
      expect(instanceRows(before, NOW).some(({ cpu }) => cpu !== undefined)).toBe(false);
  });
  it('an agent is the sum of its instances', () =>
    expect(agentRows(BEFORE, NOW).find(({ name }) => name === 'crew')).toMatchObject({
      cpu: 0.25,
      memoryBytes: 7 * MEBI,
      processes: 4,
      contextUsedRatio: 0.1,
      tokensPerMinute: 3,
      activity: 'mixed',
      places: ['local/tmux'],
    }));
  it('a host tells its own, and who lives there', () =>
    expect(hostRows(BEFORE, NOW)).toMatchObject([
      { name: 'local', cpu: 0.5, agents: 4 },
      { name: 'gone', agents: 0, problem: 'it did not answer' },
    ]));
  it.each([
    ['cpu', ['web', 'crew', 'far', 'fresh']],
    ['memory', ['web', 'crew', 'fresh', 'far']],
    ['tokens', ['web', 'crew', 'far', 'fresh']],
    ['name', ['crew', 'far', 'fresh', 'web']],
  ] as const)('sorted by %s', (key, names) =>
    expect(sorted(agentRows(BEFORE, NOW), key).map(({ name }) => name)).toEqual(names),
  );
});

async function top(args: readonly string[], options: Options = {}, terminal = false) {
  const reports = [BEFORE, NOW];
  const context = fakeContext({ terminal, client: { usage: async () => reports.shift() ?? NOW } });
  return { code: await run(args, options, context), out: context.out.text, err: context.err.text };
}

describe('sac top', () => {
  it('agents, once', async () => {
    const { code, out, err } = await top([]);
    expect(code).toBe(EXIT.done);
    expect(out).toMatch(
      /^NAME +ACTIVITY +CPU\(cores\) +MEMORY +PROCESSES +CONTEXT +TOKENS\/MIN +TOKENS-TODAY +PLACE$/m,
    );
    expect(out).toMatch(/^web +working +500m +20Mi +2 +42% +1234 +20k +local\/tmux$/m);
    expect(out).toMatch(/^far +Running +- +- +- +- +- +- +gone\/tmux$/m);
    expect(err).toBe('sac: host gone could not be looked at: it did not answer\n');
  });
  it('hosts', async () => {
    const { out } = await top(['hosts']);
    expect(out).toMatch(/^local +500m +25% +512Mi +50% +0.50 +4$/m);
    expect(out).toMatch(/^gone +- +- +- +- +- +-$/m);
  });
  it('as JSON, of one', async () => {
    const { items } = JSON.parse((await top(['agent/web'], { output: 'json' })).out);
    expect(items).toEqual([
      expect.objectContaining({ name: 'web', cpu: 0.5, memoryBytes: 20 * MEBI, tokensPerMinute: 1234 }),
    ]);
  });
  it('a terminal gets it once too when asked so', async () =>
    expect((await top([], { once: true }, true)).out).not.toContain('\u001b'));
  it('live: on a screen of its own until interrupted, which is given back', async () => {
    const abort = new AbortController();
    const reports = [BEFORE, NOW];
    const context = {
      ...fakeContext({
        terminal: true,
        client: {
          usage: async () => {
            const next = reports.shift();
            if (!next) abort.abort();
            return next ?? NOW;
          },
        },
      }),
      signal: abort.signal,
    };
    expect(await run([], { interval: '500ms' }, context)).toBe(EXIT.done);
    const { text } = context.out;
    expect(text.startsWith('\u001b[?1049h')).toBe(true);
    expect(text.split('\u001b[?1049l')).toHaveLength(2);
    expect(text.endsWith('\u001b[?1049l')).toBe(true);
    expect(text).toMatch(/3 agents, 3 working; CPU - of 2/);
    expect(headline([], [])).toMatch(/^0 agents, /);
    expect(headline(agentRows(BEFORE, NOW).slice(0, 1), [])).toMatch(/^1 agent, /);
    expect(text).toMatch(/CPU 0\.5 of 2, memory 512Mi of 1024Mi; 1237 tokens\/min/);
    for (const line of text.split(/\n|\u001b\[H/))
      expect(line.replaceAll(/\u001b\[[?\d]*[A-Za-z]/g, '').length).toBeLessThan(81);
  });
  it('refuses what it does not know', async () => {
    await expect(top(['events'])).rejects.toThrow(BadRequestError);
    await expect(top([], { sortBy: 'size' })).rejects.toThrow(BadRequestError);
    await expect(top([], { interval: '1ms' })).rejects.toThrow(BadRequestError);
    await expect(top([], { output: 'wide' })).rejects.toThrow(BadRequestError);
    await expect(top(['nobody'])).rejects.toThrow(NotFoundError);
  });
});

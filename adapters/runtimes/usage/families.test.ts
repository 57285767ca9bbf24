import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FleetId, instanceId } from '../../../api/resources/names.ts';
import { createLocalTransport } from '../../transport/local/local-transport.ts';
import { parseUsage } from './families.ts';
import { createUsageLook } from './machine-look.ts';

const FLEET = 'abc' as FleetId;
const id = (name: string) => instanceId(FLEET, name);

interface Stat {
  readonly pid: number;
  readonly parent?: number;
  readonly session?: number;
  readonly state?: string;
  readonly name?: string;
}
/** 1 + 2 ticks of its own, 3 + 4 of its children that ended, 10 pages. proc(5). */
const stat = ({ pid, parent = 1, session = 1, state = 'S', name = 'sh' }: Stat): string =>
  `${pid} (${name}) ${state} ${parent} ${pid} ${session} 0 -1 0 0 0 0 0 1 2 3 4 20 0 1 0 500 9999 10 0 0`;
const look = (marks: readonly string[], stats: readonly Stat[]): string =>
  [
    ...['self 900', 'tick 100', 'page 4096', 'cpus 2', 'cpu  100 0 50 1000 7 3 2 1 0 0', 'load 0.50 0.40 0.30 1/2 3'],
    ...['MemTotal:       1000 kB', 'MemAvailable:    400 kB', 'uptime 123.45 99.00', '--'],
    ...[...marks, '--', ...[...stats, { pid: 900 }].map(stat), ''],
  ].join('\n');
const families = (marks: readonly string[], stats: readonly Stat[], roots = new Map<number, ReturnType<typeof id>>()) =>
  Object.fromEntries(
    [...(parseUsage(look(marks, stats), FLEET, roots)?.families ?? [])].map(([key, { processes }]) => [key, processes]),
  );

describe('a look at what processes use', () => {
  it('tells the machine', () =>
    expect(parseUsage(look([], []), FLEET, new Map())).toMatchObject({
      uptimeSeconds: 123.45,
      cpus: 2,
      cpuSeconds: 1.55,
      load1m: 0.5,
      memoryBytes: 600 * 1024,
      memoryTotalBytes: 1000 * 1024,
    }));
  it('adds up a family: descent, sessions, marks of those who left it', () => {
    const stats: readonly Stat[] = [
      { pid: 10, session: 10 },
      { pid: 11, parent: 10, session: 10 },
      // Its parent is gone, its session's leader is not.
      { pid: 12, parent: 1, session: 10 },
      // Away with setsid, but marked.
      { pid: 13, parent: 1, session: 13, name: 'a b) (c' },
      { pid: 14, parent: 13, session: 13 },
      { pid: 15, parent: 10, state: 'Z' },
      { pid: 20, parent: 1, session: 20 },
    ];
    const usage = parseUsage(look(['13/environ:SAC_ID=abc.web'], stats), FLEET, new Map([[10, id('web')]]));
    expect(usage?.families.get(id('web'))).toEqual({ cpuSeconds: 0.5, memoryBytes: 5 * 10 * 4096, processes: 5 });
    expect(usage?.families.size).toBe(1);
  });
  it('an agent that another one started counts for itself', () =>
    expect(
      families(
        ['10/environ:SAC_ID=abc.web', '11/environ:SAC_ID=abc.sub', '12/environ:SAC_ID=abc.sub'],
        [{ pid: 10 }, { pid: 11, parent: 10 }, { pid: 12, parent: 11 }],
      ),
    ).toEqual({ 'abc.web': 1, 'abc.sub': 2 }));
  it('knows no other fleet, and circles of parents end', () =>
    expect(
      families(
        ['10/environ:SAC_ID=other.web', '11/environ:SAC_ID=abc'],
        [{ pid: 10 }, { pid: 11 }, { pid: 30, parent: 31 }, { pid: 31, parent: 30 }],
      ),
    ).toEqual({}));
  it('is none when it was cut short', () => {
    expect(parseUsage('', FLEET, new Map())).toBeUndefined();
    expect(parseUsage(look([], []).split('\n').slice(0, -2).join('\n'), FLEET, new Map())).toBeUndefined();
  });
});

describe('on this machine', () => {
  let agent: ChildProcess;
  beforeAll(() => {
    // A family of three, one of them in a session of its own; it burns no time for the test to depend on.
    agent = spawn('sh', ['-c', 'setsid sleep 60 & sleep 61 & echo up; wait'], {
      env: { PATH: process.env['PATH'], SAC_ID: `${FLEET}.web` },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    return new Promise((up) => agent.stdout?.once('data', up));
  });
  afterAll(async () => {
    const usage = await lookHere(new Map());
    expect(usage.families.get(id('web'))?.processes).toBeGreaterThan(0);
    process.kill(-(agent.pid ?? 0), 'SIGKILL');
    // The one with a session of its own: found by its mark, as anybody would.
    const { stdout } = await transport.run([
      'sh',
      '-c',
      'grep -lsz "SAC_ID=$1" /proc/[0-9]*/environ',
      'x',
      `${FLEET}.web`,
    ]);
    for (const [, pid] of stdout.matchAll(/proc\/(\d+)/g)) process.kill(Number(pid), 'SIGKILL');
    await transport[Symbol.asyncDispose]();
  });
  const transport = createLocalTransport(process.env);
  const lookHere = createUsageLook(transport, FLEET, 10_000);

  it('sees the whole family by its mark, and the machine', async () => {
    await expect
      .poll(async () => (await lookHere(new Map())).families.get(id('web'))?.processes, { timeout: 10_000 })
      .toBe(3);
    const { families: found, ...machine } = await lookHere(new Map());
    expect(found.get(id('web'))?.memoryBytes).toBeGreaterThan(100_000);
    for (const value of Object.values(machine)) expect(value).toBeGreaterThanOrEqual(0);
    expect(machine.memoryTotalBytes).toBeGreaterThan(machine.memoryBytes);
  });
});

/**
 * Owns: the bench of one broken git source beside healthy ones: how long these take to follow a push, in pairs of neighbours in time,
 * one with it and one without, so that what else the machine does falls on both alike. Ends by the clock.
 * Never: judges.
 */
import { randomBytes } from 'node:crypto';
import type { ApplyItem } from '../api/protocol.ts';
import type { BenchFleet } from './fleet.ts';
import { cpuSeconds, median, pause, quantile, round } from './harness.ts';
import { BenchRepository, brokenServer } from './repository.ts';

/** Sources that follow at once. */
const TOGETHER = 7;
/** A broken one is given so long to be as it will be. */
const SETTLE_MS = 400;
const APPETITE_MS = 5_000;

export interface IsolationOptions {
  readonly fleet: BenchFleet;
  readonly source: (name: string, spec: Readonly<Record<string, unknown>>) => ApplyItem;
  readonly declare: (...items: readonly ApplyItem[]) => Promise<void>;
  readonly manifest: (name: string, version: number) => string;
  readonly healthy: number;
  /** All in all, setting up included. */
  readonly seconds: number;
  /** Of the ways to be broken; empty: all. */
  readonly only: readonly string[];
}

interface Way {
  readonly url?: string;
  /** Done in the moment that is measured, before the source is let go. */
  readonly before?: (turn: number) => unknown;
  /** Done before it is suspended again. */
  readonly after?: (turn: number) => Promise<void>;
}

interface Pair {
  readonly ratio: number;
  readonly without: number;
  readonly cpuRatio: number;
}

export async function isolation(options: IsolationOptions): Promise<Readonly<Record<string, unknown>>> {
  const { fleet, source, declare, manifest, healthy } = options;
  const until = performance.now() + options.seconds * 1000;
  const repository = new BenchRepository(fleet.dir, 'fleet');
  const names = Array.from({ length: healthy }, (_, i) => `s${i}`);
  const version = (n: number) =>
    Object.fromEntries(names.map((name) => [`${name}/agent.yaml`, manifest(name, n)] as const));
  let pushes = 0;
  let commit = repository.push(version(pushes));
  const ill = new BenchRepository(fleet.dir, 'ill');
  const wrong = (n: number) => ({
    ...Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`a${i}.yaml`, manifest(`ill${i}`, n)])),
    'zz.yaml': 'kind: Agnet\n',
  });
  ill.push(wrong(0));
  const sudden = new BenchRepository(fleet.dir, 'sudden');
  const small = (n: number) => ({ 'sudden.yaml': manifest('sudden', n) });
  sudden.push(small(0));
  const huge = new BenchRepository(fleet.dir, 'huge');
  using silent = await brokenServer('silent');
  using slow = await brokenServer('slow');
  using redirecting = await brokenServer('redirecting');
  const ways: Readonly<Record<string, Way>> = {
    /** Nothing is broken: how far two measurements of the same lie apart. */
    control: {},
    hanging: { url: silent.url },
    slow: { url: slow.url },
    redirecting: { url: redirecting.url },
    unreachable: { url: 'http://127.0.0.1:1/fleet.git' },
    /** Found wrong at every turn of its interval. */
    invalid: { url: ill.url },
    /** 2,000 files changed in the moment, one of them wrong. */
    'newly-invalid': { url: ill.url, before: (turn) => ill.push(wrong(turn)) },
    /** The same from a source of one file that was well until then, and is again after. */
    'suddenly-invalid': {
      url: sudden.url,
      before: (turn) => sudden.push(wrong(turn)),
      after: async (turn) => {
        const mended = sudden.replace(small(turn));
        while (
          !JSON.stringify((await fleet.client.syncSource('suddenly-invalid')).status).includes(
            `lastAppliedRevision":"${mended}`,
          )
        )
          await pause(20);
      },
    },
    /** Fetched in the moment, and refused. */
    huge: { url: huge.url, before: () => huge.push({ 'big.yaml': randomBytes(6_000_000).toString('base64') }) },
  };
  const chosen = options.only.length > 0 ? options.only : Object.keys(ways);
  await declare(
    ...names.map((name) => source(name, { url: repository.url, path: name, interval: '1h', timeout: '5m' })),
    ...chosen.flatMap((way) => {
      const url = ways[way]?.url;
      return url ? [source(way, { url, interval: '500ms', timeout: '10m', suspend: true })] : [];
    }),
  );
  const follows = async (name: string): Promise<void> => {
    // On a crowded machine the answer may come before the end of the sync.
    while (!JSON.stringify((await fleet.client.syncSource(name)).status).includes(commit)) await pause(20);
  };
  for (let at = 0; at < healthy; at += TOGETHER) await Promise.all(names.slice(at, at + TOGETHER).map(follows));

  let next = healthy;
  const measure = async (way: string | undefined, turn: number) => {
    if (next + TOGETHER > healthy) {
      commit = repository.push(version(++pushes));
      next = 0;
    }
    const group = names.slice(next, next + TOGETHER);
    next += TOGETHER;
    const { url, before, after } = ways[way ?? ''] ?? {};
    if (way !== undefined) before?.(turn);
    const suspend = (yes: boolean) => fleet.client.patchObject('gitsources', way ?? '', { spec: { suspend: yes } });
    if (way !== undefined && url) await suspend(false);
    // What is new is met at its worst: while it is read.
    if (before === undefined) await pause(SETTLE_MS);
    const cpu = cpuSeconds(fleet.pid);
    const times = await Promise.all(
      group.map(async (name) => {
        const began = performance.now();
        await follows(name);
        return performance.now() - began;
      }),
    );
    const spent = cpuSeconds(fleet.pid) - cpu;
    await after?.(turn);
    if (way !== undefined && url) await suspend(true);
    if (before) await pause(SETTLE_MS);
    return { took: median(times), spent };
  };
  // What a broken one takes from all others: of two cores, by an interval of half a second.
  const appetite = new Map<string, number>();
  for (const way of chosen) {
    if (ways[way]?.before) continue;
    const suspend = (yes: boolean) => fleet.client.patchObject('gitsources', way, { spec: { suspend: yes } });
    if (ways[way]?.url) await suspend(false);
    await pause(2 * SETTLE_MS);
    const cpu = cpuSeconds(fleet.pid, true);
    const began = performance.now();
    await pause(APPETITE_MS);
    appetite.set(way, ((cpuSeconds(fleet.pid, true) - cpu) * 1e6) / (performance.now() - began));
    if (ways[way]?.url) await suspend(true);
  }
  const pairs = new Map<string, Pair[]>(chosen.map((way) => [way, []]));
  for (let turn = 1; performance.now() < until; turn++)
    for (const way of chosen) {
      if (performance.now() >= until) break;
      const first = turn % 2 === 0 ? await measure(undefined, turn) : undefined;
      const ill = await measure(way, turn);
      const well = first ?? (await measure(undefined, turn));
      pairs
        .get(way)
        ?.push({ ratio: ill.took / well.took, without: well.took, cpuRatio: ill.spent / Math.max(0.01, well.spent) });
    }
  return Object.fromEntries(
    [...pairs].map(([way, found]) => {
      const ratios = found.map(({ ratio }) => ratio);
      return [
        way,
        {
          pairs: found.length,
          ratio: round(median(ratios), 3),
          quartiles: [round(quantile(ratios, 0.25), 2), round(quantile(ratios, 0.75), 2)],
          withoutMs: round(median(found.map(({ without }) => without))),
          ...(appetite.has(way) && { idleCpuMsPerSecond: round(appetite.get(way) ?? 0) }),
          cpuRatio: round(median(found.map(({ cpuRatio }) => cpuRatio)), 2),
        },
      ];
    }),
  );
}

/**
 * Owns: a long run of many agents under random kills, edits and controller restarts, and what must not grow meanwhile.
 * Never: judges speed.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../sim/random.ts';
import { isSettled } from '../faults/plans/scenario.ts';
import { SupervisedFleet } from '../faults/supervised-fleet.ts';
import { until } from '../harness.ts';
import { judge } from './judge.ts';

export interface SoakOptions {
  readonly program: string;
  readonly agents: number;
  readonly minutes: number;
  readonly seed: number;
}

export interface Figures {
  readonly rssMiB: number;
  readonly fds: number;
  /** Children that have ended and were not collected. */
  readonly unreaped: number;
  readonly events: number;
  readonly databaseMiB: number;
  /** Whether a watcher could still resume from before more changes than are kept. */
  readonly keepsAll: boolean;
}
export interface Soaked {
  readonly warm: Figures;
  readonly end: Figures;
  readonly kills: number;
  readonly edits: number;
  readonly restarts: number;
  readonly findings: readonly string[];
}

/** Shares of the time: with controller restarts; then one life to its warm state; the rest is measured. */
const RESTARTING = 0.3;
const WARMING = 0.35;
/** As long as warming. */
const MORE_PHASES = 2;
const BURST = 8;
/** From one burst to the next: without it the looks between them, not the churn, would keep both cores busy. */
const PACE_MS = 500;
const SETTLE_MS = 180_000;

export async function soak({ program, agents, minutes, seed }: SoakOptions): Promise<Soaked> {
  await using fleet = new SupervisedFleet({ program, flags: ['--resync', '5s'], maxStarts: Number.POSITIVE_INFINITY });
  const random = new Random(seed);
  const names = Array.from({ length: agents }, (_, i) => `a${i}`);
  const counts = { kills: 0, edits: 0, restarts: 0 };
  await applyAll(fleet, names);
  await settled(fleet, agents);
  const began = Date.now();
  const momentOf = (share: number) => began + minutes * 60_000 * share;
  while (Date.now() < momentOf(RESTARTING)) {
    await churn(fleet, random, names, counts);
    if (fleet.controllerPid !== undefined) process.kill(fleet.controllerPid, 'SIGKILL');
    counts.restarts++;
    await settled(fleet, agents);
  }
  /** Memory goes up and down with the collector, so what counts is its least in the second half of a phase. */
  const phase = async (end: number): Promise<Figures> => {
    const half = (Date.now() + end) / 2;
    let least = Number.POSITIVE_INFINITY;
    while (Date.now() < end) {
      await churn(fleet, random, names, counts);
      if (Date.now() > half) least = Math.min(least, rss(fleet.controllerPid ?? 0));
    }
    await settled(fleet, agents);
    const found = await figures(fleet, old);
    return { ...found, rssMiB: Math.min(least, found.rssMiB) };
  };
  const old = await fillHistory(fleet, names);
  let warm = await phase(momentOf(RESTARTING + WARMING));
  let end = await phase(momentOf(1));
  // What is late to settle comes to rest; a leak goes on.
  for (let more = 0; more < MORE_PHASES && judge({ warm, end, ...counts, findings: [] }, agents).length > 0; more++) {
    warm = end;
    end = await phase(Date.now() + minutes * 60_000 * WARMING);
  }
  return { warm, end, ...counts, findings: fleet.findings };
}

/** What watchers may resume from is kept up to a bound (store/watch-history.ts): growth until there is no leak. */
const HISTORY = 5_200;
/** The version before that. */
async function fillHistory(fleet: SupervisedFleet, names: readonly string[]): Promise<number> {
  const { resourceVersion } = (await fleet.ask('the version', (client) => client.list('agents'))).metadata;
  for (let round = 0; round * names.length < HISTORY; round++) await applyAll(fleet, names, `${round}`);
  return resourceVersion;
}

/** Who watches from a version whose changes are no longer known is told of all there is, as of something new. */
const remembers = (fleet: SupervisedFleet, since: number): Promise<boolean> =>
  fleet.ask('changes', async (client) => {
    for await (const { type } of client.watch('agents', { since })) return type !== 'ADDED';
    return false;
  });

async function applyAll(fleet: SupervisedFleet, names: readonly string[], round = ''): Promise<void> {
  const items = names.map((name, i) => ({
    origin: `soak:${name}`,
    manifest: {
      apiVersion: 'sac/v1' as const,
      kind: 'Agent' as const,
      metadata: { name, labels: { round } },
      spec: {
        profile: 'exec' as const,
        command: ['sleep', '100000'],
        place: { runtime: i % 2 === 0 ? ('tmux' as const) : ('process' as const) },
        startup: { minReadySeconds: 0 },
        restart: { policy: 'always' as const, maxRetries: 1_000_000, backoff: { initial: 0, max: 0 } },
      },
    },
  }));
  await fleet.ask('apply', (client) => client.apply({ items, source: { kind: 'apply', name: 'cli' } }));
}

async function churn(
  fleet: SupervisedFleet,
  random: Random,
  names: readonly string[],
  counts: { kills: number; edits: number },
): Promise<void> {
  const paced = new Promise((wake) => setTimeout(wake, PACE_MS));
  const agents = new Map((await fleet.agents()).map((agent) => [agent.metadata.name, agent]));
  for (let i = 0; i < BURST; i++) {
    const name = names[random.int(0, names.length - 1)] ?? '';
    if (random.chance(0.7)) {
      const pid = agents.get(name)?.status.instances[0]?.pid;
      if (pid === undefined || !isOurs(fleet, pid)) continue;
      process.kill(pid, 'SIGKILL');
      counts.kills++;
    } else {
      const env = { ROUND: `${random.int(0, 1_000_000)}` };
      await fleet.ask('edit', (client) => client.patch(name, { spec: { env }, force: true }));
      counts.edits++;
    }
  }
  const gone = await fleet.agents();
  await until(
    'most to be served',
    async () => (await fleet.agents()).filter(isSettled).length >= gone.length * 0.9,
    SETTLE_MS,
  );
  await paced;
}

const isOurs = (fleet: SupervisedFleet, pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`SAC_ID=${fleet.fleetId}.`);
  } catch {
    return false;
  }
};

const settled = (fleet: SupervisedFleet, count: number) =>
  until(
    'all to be as declared',
    async () => {
      const agents = await fleet.agents();
      return agents.length === count && agents.every(isSettled) && fleet.marked().length >= count;
    },
    SETTLE_MS,
  );

async function figures(fleet: SupervisedFleet, old: number): Promise<Figures> {
  const pid = fleet.controllerPid ?? 0;
  // What a look in progress holds open is not a leak: the least of some looks counts.
  const looks: { readonly fds: number; readonly unreaped: number; readonly rss: number }[] = [];
  await until('twenty looks', () => {
    looks.push({ fds: readdirSync(`/proc/${pid}/fd`).length, unreaped: zombiesOf(pid), rss: rss(pid) });
    return looks.length >= 20;
  });
  const least = (pick: (look: (typeof looks)[number]) => number) => Math.min(...looks.map(pick));
  const events = (await fleet.ask('events', (client) => client.list('events'))).items.length;
  const database = ['', '-wal']
    .map((suffix) => join(fleet.home, `sac.db${suffix}`))
    .reduce((bytes, path) => bytes + (existsSync(path) ? statSync(path).size : 0), 0);
  return {
    rssMiB: least((look) => look.rss),
    fds: least((look) => look.fds),
    unreaped: least((look) => look.unreaped),
    events,
    databaseMiB: database / 1_048_576,
    keepsAll: await remembers(fleet, old),
  };
}

const rss = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;

const zombiesOf = (parent: number): number =>
  readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return new RegExp(`\\) Z ${parent} `).test(readFileSync(`/proc/${entry}/stat`, 'utf8'));
    } catch {
      return false;
    }
  }).length;

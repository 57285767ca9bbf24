/**
 * Bench: the service levels of a small fleet: apply to observed, crash to restart issued, restart of the controller to full
 * adoption, what a frozen place costs the others, a scrape, reads of one agent's status.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { BenchFleet, sleepers } from './fleet.ts';
import { median, pause, quantile, report, round } from './harness.ts';

const AGENTS = Number(process.argv[2] ?? 200);
const TRIALS = Number(process.argv[3] ?? 60);
const SPEC = { restart: { policy: 'always', maxRetries: 1_000_000, backoff: { initial: 0, max: 0 } } };
const SOURCE = { kind: 'apply', name: 'cli' } as const;
/** What cannot come within this long is told as missing, not waited for. */
const DEADLINE_MS = 60_000;

await using fleet = new BenchFleet();
await fleet.start();

/** The moment a watched instance first is as asked. */
async function seen(name: string, is: (status: { readonly phase: string; readonly pid?: number }) => boolean) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), DEADLINE_MS);
  try {
    for await (const { object } of fleet.client.watch('instances', { signal: abort.signal }))
      if (object?.metadata.name === name && is(object.status)) return performance.now();
    return Number.NaN;
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}
const figures = (times: readonly number[]) => ({
  trials: times.length,
  medianMs: round(median(times)),
  p99Ms: round(quantile(times, 0.99)),
  maxMs: round(Math.max(...times)),
  missing: times.filter(Number.isNaN).length,
});

const began = performance.now();
const up = fleet.running(AGENTS);
await fleet.client.apply({ items: sleepers(AGENTS, SPEC), source: SOURCE });
report('levels.start', { agents: AGENTS, allRunningMs: round((await up) - began) });

/** One more agent is applied and seen to run; then it is deleted again. */
async function applyToObserved(
  trials: number,
  prefix: string,
  spec: Readonly<Record<string, unknown>> = SPEC,
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    const [item] = sleepers(1, spec);
    if (!item) break;
    const name = `${prefix}${trial}`;
    const one = { ...item, manifest: { ...item.manifest, metadata: { name } } };
    const running = seen(name, ({ phase }) => phase === 'Running');
    const start = performance.now();
    await fleet.client.apply({ items: [one], source: SOURCE });
    times.push((await running) - start);
    await fleet.client.remove(name, { force: true });
  }
  return times;
}
report('levels.apply-to-observed', { ...figures(await applyToObserved(TRIALS, 'new')), target: 'p99 <= 1000' });

const crashes: number[] = [];
for (let trial = 0; trial < TRIALS; trial++) {
  const name = `a${(trial * 7) % AGENTS}`;
  const pid = (await fleet.client.get('instances', name)).status.pid ?? 0;
  // What is issued is told by the next incarnation's phase, whichever of them is seen first.
  const issued = seen(name, (status) => status.phase !== 'Running' || (status.pid !== undefined && status.pid !== pid));
  const start = performance.now();
  process.kill(pid, 'SIGKILL');
  crashes.push((await issued) - start);
  await seen(name, (status) => status.phase === 'Running' && status.pid !== pid);
}
report('levels.crash-to-restart-issued', { ...figures(crashes), target: 'p99 <= 500' });

/** Every agent's process: the same before and after, or it was restarted. */
async function processes(): Promise<string> {
  const { items } = await fleet.client.list('instances');
  const pids = items.map(({ metadata, status }) => `${metadata.name} ${status.phase} ${status.pid}`);
  return createHash('sha256').update(pids.sort().join('\n')).digest('hex');
}
await pause(1_000);
const before = await processes();
const adoptions: number[] = [];
for (let trial = 0; trial < 5; trial++) {
  await fleet.kill();
  const start = performance.now();
  await fleet.start();
  await fleet.running(AGENTS);
  adoptions.push(performance.now() - start);
}
report('levels.restart-to-adoption', {
  agents: AGENTS,
  ...figures(adoptions),
  restarted: (await processes()) !== before,
  target: 'at most 2000, none restarted',
});

const scrapes: number[] = [];
const statuses: number[] = [];
const curl = (path: string) => [
  '-s',
  '-o',
  '/dev/null',
  '-w',
  '%{time_total}',
  '--unix-socket',
  `${fleet.home}/sac.sock`,
  `http://localhost${path}`,
];
const timed = (path: string) => Number(execFileSync('curl', curl(path), { encoding: 'utf8' })) * 1_000;
for (let trial = 0; trial < TRIALS; trial++) {
  scrapes.push(timed('/metrics'));
  statuses.push(timed(`/apis/sac/v1/agents/a${(trial * 7) % AGENTS}/rich`));
}
report('levels.scrape', { agents: AGENTS, ...figures(scrapes), target: 'p99 <= 100' });
report('levels.status-of-one', { agents: AGENTS, ...figures(statuses), target: '<= 30 ms' });

// A place that does not answer: the tmux server, where all of them live, stands still. New ones go to the other place.
const ELSEWHERE = { ...SPEC, place: { runtime: 'process' } };
const free = await applyToObserved(TRIALS, 'free', ELSEWHERE);
const tmuxServer = Number(
  execFileSync('tmux', ['-L', `sac-${fleet.fleetId}`, 'display-message', '-p', '#{pid}'], {
    encoding: 'utf8',
    env: fleet.env,
  }),
);
process.kill(tmuxServer, 'SIGSTOP');
try {
  const held = await applyToObserved(TRIALS, 'held', ELSEWHERE);
  report('levels.frozen-place', {
    frozenAgents: AGENTS,
    freeP99Ms: round(quantile(free, 0.99)),
    ...figures(held),
    addedP99Ms: round(quantile(held, 0.99) - quantile(free, 0.99)),
    target: 'added p99 < 500',
  });
} finally {
  process.kill(tmuxServer, 'SIGCONT');
}

/**
 * Bench: SIGKILL of an agent to its replacement running, with zero backoff, among many agents; then what the same fleet costs
 * when nothing happens; then `apply` of the same manifests and `sac get agents` against `node -e 0`, all in one run.
 */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { BenchFleet, sleepers } from './fleet.ts';
import { cpuSeconds, median, pause, quantile, report, round, rssMiB } from './harness.ts';

const AGENTS = Number(process.argv[2] ?? 1000);
const TRIALS = Number(process.argv[3] ?? 100);
const IDLE_SECONDS = 30;
const CLI = resolve(import.meta.dirname, '..', 'dist', 'sac.js');
const SPEC = { restart: { policy: 'always', maxRetries: 1_000_000, backoff: { initial: 0, max: 0 } } };

await using fleet = new BenchFleet();
await fleet.start();
const up = fleet.running(AGENTS);
await fleet.client.apply({ items: sleepers(AGENTS, SPEC), source: { kind: 'apply', name: 'cli' } });
await up;
await pause(3_000);

const list = await fleet.client.list('instances');
const pids = new Map(list.items.map(({ metadata, status }) => [metadata.name, status.pid ?? 0]));
const heals: number[] = [];
const abort = new AbortController();
let told: { name: string; pid: number; resolve: (at: number) => void } | undefined;
const watching = (async () => {
  for await (const { object } of fleet.client.watch('instances', {
    since: list.metadata.resourceVersion,
    signal: abort.signal,
  })) {
    if (
      told &&
      object?.metadata.name === told.name &&
      object.status.phase === 'Running' &&
      object.status.pid !== undefined &&
      object.status.pid !== told.pid
    )
      told.resolve(performance.now());
  }
})();
for (let trial = 0; trial < TRIALS; trial++) {
  const name = `a${(trial * 7) % AGENTS}`;
  const pid = Number(pids.get(name));
  const seen = new Promise<number>((done) => {
    told = { name, pid, resolve: done };
  });
  const began = performance.now();
  process.kill(pid, 'SIGKILL');
  heals.push((await seen) - began);
  const { status } = await fleet.client.get('instances', name);
  pids.set(name, status.pid ?? 0);
  await pause(20);
}
abort.abort();
await watching.catch(() => undefined);
report('heal', {
  agents: AGENTS,
  trials: TRIALS,
  medianMs: round(median(heals)),
  p99Ms: round(quantile(heals, 0.99)),
  target: 'median <= 30, p99 <= 120',
});

await pause(5_000);
const before = cpuSeconds(fleet.pid);
await pause(IDLE_SECONDS * 1_000);
report('idle', {
  agents: AGENTS,
  seconds: IDLE_SECONDS,
  corePercent: round(((cpuSeconds(fleet.pid) - before) / IDLE_SECONDS) * 100, 2),
  rssMiB: round(rssMiB(fleet.pid)),
  target: '<= 1 % of a core, <= 150 MiB',
});

const unchanged: number[] = [];
for (let i = 0; i < 5; i++) {
  const began = performance.now();
  const { results } = await fleet.client.apply({
    items: sleepers(AGENTS, SPEC),
    source: { kind: 'apply', name: 'cli' },
  });
  unchanged.push(performance.now() - began);
  if (results.some(({ action }) => action !== 'unchanged'))
    throw new Error('an unchanged manifest was not told as unchanged');
}
const wall = (argv: readonly string[]): number => {
  const began = performance.now();
  execFileSync(process.execPath, argv, { env: fleet.env, stdio: ['ignore', 'ignore', 'inherit'] });
  return performance.now() - began;
};
const runs = Array.from({ length: 9 }, () => ({ node: wall(['-e', '0']), get: wall([CLI, 'get', 'agents']) }));
const node = median(runs.map((run) => run.node));
const get = median(runs.map((run) => run.get));
report('apply-unchanged', { agents: AGENTS, medianMs: round(median(unchanged)), target: '<= 1000' });
report('get', {
  agents: AGENTS,
  nodeMs: round(node),
  getMs: round(get),
  overBudgetMs: round(get - (2 * node + 60)),
  target: 'get <= 2 x node + 60 ms',
});
const scrape: number[] = [];
for (let i = 0; i < 20; i++) {
  const began = performance.now();
  execFileSync('curl', [
    '-s',
    '-o',
    '/dev/null',
    '--unix-socket',
    `${fleet.home}/sac.sock`,
    'http://localhost/metrics',
  ]);
  scrape.push(performance.now() - began);
}
report('scrape', {
  agents: AGENTS,
  medianMs: round(median(scrape)),
  p99Ms: round(quantile(scrape, 0.99)),
  bytes: execFileSync('curl', ['-s', '--unix-socket', `${fleet.home}/sac.sock`, 'http://localhost/metrics'], {
    maxBuffer: 1e9,
  }).length,
});

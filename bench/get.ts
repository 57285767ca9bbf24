/**
 * Bench: `sac get agents` against `node -e 0`, and against the CLI that does nothing (`sac version --help`), turn by turn in one run.
 */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { BenchFleet, sleepers } from './fleet.ts';
import { median, pause, quantile, report, round } from './harness.ts';

const AGENTS = Number(process.argv[2] ?? 1000);
const ROUNDS = Number(process.argv[3] ?? 30);
const CLI = resolve(process.env['SAC_BENCH_CLI'] ?? resolve(import.meta.dirname, '..', 'dist', 'sac.js'));

await using fleet = new BenchFleet();
await fleet.start();
const up = fleet.running(AGENTS);
await fleet.client.apply({ items: sleepers(AGENTS), source: { kind: 'apply', name: 'cli' } });
await up;
await pause(3_000);

const wall = (argv: readonly string[]): number => {
  const began = performance.now();
  execFileSync(process.execPath, argv, { env: fleet.env, stdio: ['ignore', 'ignore', 'inherit'] });
  return performance.now() - began;
};
const CASES = {
  node: ['-e', '0'],
  help: [CLI, 'version', '--help'],
  get: [CLI, 'get', 'agents'],
  wide: [CLI, 'get', 'agents', '-o', 'wide'],
  json: [CLI, 'get', 'agents', '-o', 'json'],
} as const;
const names = ['node', 'help', 'get', 'wide', 'json'] as const;
const times = new Map<string, number[]>(names.map((name) => [name, []]));
// Turn by turn, so that what else the machine does falls on all alike.
for (let turn = 0; turn < ROUNDS; turn++) for (const name of names) times.get(name)?.push(wall(CASES[name]));
const of = (name: string): number => median(times.get(name) ?? []);
report('get', {
  agents: AGENTS,
  rounds: ROUNDS,
  nodeMs: round(of('node')),
  helpMs: round(of('help')),
  getMs: round(of('get')),
  getP90Ms: round(quantile(times.get('get') ?? [], 0.9)),
  wideMs: round(of('wide')),
  jsonMs: round(of('json')),
  budgetMs: round(2 * of('node') + 60),
  overBudgetMs: round(of('get') - (2 * of('node') + 60)),
  target: 'get <= 2 x node + 60 ms',
});

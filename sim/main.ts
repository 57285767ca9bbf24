/**
 * Owns: the command line of the simulation: many seeds over a few processes, one summary line, a shrunk report of failures.
 * Never: judges a run itself.
 *
 *   npm run sim -- --seeds 10000 [--from S] [--workers 2] [--plan NAME]
 *   npm run sim -- --seed N [--plan NAME] [-v]
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isPlanName, PLAN_NAMES, type PlanName } from './faults/faults.ts';
import { shrink } from './faults/shrink.ts';
import { Reference, simulate, type Verdict } from './simulate.ts';

interface Tally {
  seeds: number;
  steps: number;
  effects: number;
  injected: Record<string, number>;
  /** Of enumerated plans: points that could be struck, and runs that struck one. */
  points: number;
  runs: number;
  failed: number[];
}

const SHOWN = 3;
/** Seeds between two reports of a worker. */
const BATCH = 50;

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string' },
    plan: { type: 'string' },
    verbose: { type: 'boolean', short: 'v', default: false },
    part: { type: 'string' },
  },
});

const count = (flag: string, text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) fail(`--${flag}: "${text}" is not a whole number`);
  return value;
};

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

function planNamed(text: string | undefined): PlanName | undefined {
  if (text === undefined || isPlanName(text)) return text;
  return fail(`--plan: "${text}" is not one of ${PLAN_NAMES.join(', ')}`);
}

const plan = planNamed(flags.plan);
const from = count('from', flags.from);

if (flags.seed !== undefined) process.exitCode = await one(count('seed', flags.seed));
else if (flags.part !== undefined)
  await work(count('part', flags.part), count('workers', flags.workers ?? '1'), count('seeds', flags.seeds ?? '1'));
else
  process.exitCode = await many(
    count('seeds', flags.seeds ?? '1000'),
    Math.max(1, count('workers', flags.workers ?? String(Math.min(2, availableParallelism())))),
  );

async function one(seed: number): Promise<number> {
  const verdict = await simulate(seed, {
    ...(plan && { plan }),
    ...(flags.verbose && { trace: (line: string) => console.log(line) }),
  });
  if (verdict.violations.length === 0) {
    console.log(
      `seed ${seed}, plan ${verdict.plan.name}: all properties hold (${verdict.steps} steps, ${verdict.effects} effects)`,
    );
    return 0;
  }
  await report(verdict);
  return 1;
}

async function report(verdict: Verdict): Promise<void> {
  const lines = (found: Verdict) =>
    found.violations
      .slice(0, 8)
      .map((violation) => `  ${violation}`)
      .join('\n');
  console.log(`seed ${verdict.seed}, plan ${verdict.plan.name}: FAILED\n${lines(verdict)}`);
  const small = await shrink(verdict, {});
  console.log(`shrunk to ${small.scenario.steps.length} steps, ${small.plan.faults.length} faults:\n${lines(small)}`);
  for (const { actions, waitMs } of small.scenario.steps) {
    for (const action of actions) console.log(`  ${JSON.stringify(action)}`);
    console.log(waitMs === undefined ? '  ... until at rest' : `  ... ${waitMs} ms`);
  }
  for (const fault of small.plan.faults) console.log(`  fault ${JSON.stringify(fault)}`);
  console.log(`replay: npm run sim -- --seed ${verdict.seed}${plan ? ` --plan ${plan}` : ''} -v`);
}

/** Every `workers`-th seed, beginning with the `part`-th. */
async function work(part: number, workers: number, seeds: number): Promise<void> {
  let tally = emptyTally();
  const reference = new Reference();
  for (let n = part; n < seeds; n += workers) {
    const verdict = await simulate(from + n, { reference, ...(plan && { plan }) });
    tally.seeds++;
    tally.points += verdict.coverage.points;
    tally.runs += verdict.coverage.runs;
    tally.steps += verdict.steps;
    tally.effects += verdict.effects;
    for (const [kind, times] of verdict.injected) tally.injected[kind] = (tally.injected[kind] ?? 0) + times;
    if (verdict.violations.length > 0) tally.failed.push(verdict.seed);
    if (tally.seeds >= BATCH) {
      process.send?.(tally);
      tally = emptyTally();
    }
  }
  process.send?.(tally);
  process.disconnect?.();
}

function emptyTally(): Tally {
  return { seeds: 0, steps: 0, effects: 0, injected: {}, points: 0, runs: 0, failed: [] };
}

async function many(seeds: number, workers: number): Promise<number> {
  const began = performance.now();
  const total = emptyTally();
  const codes = await Promise.all(Array.from({ length: workers }, (_, part) => worker(part, workers, seeds, total)));
  const seconds = (performance.now() - began) / 1000;
  for (const seed of total.failed.sort((a, b) => a - b).slice(0, SHOWN))
    await report(await simulate(seed, plan ? { plan } : {}));
  if (total.failed.length > SHOWN) console.log(`also failed: ${total.failed.slice(SHOWN, 200).join(', ')}`);
  const faults = Object.entries(total.injected)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, times]) => `${kind} ${times}`);
  console.log(
    `sim: ${total.seeds} seeds from ${from} in ${seconds.toFixed(1)} s (${(total.seeds / seconds).toFixed(0)}/s), ${total.steps} steps, ${total.effects} effects, faults: ${faults.join(', ') || 'none'}; enumerated: ${total.runs} of ${total.points} points; ${total.failed.length} failed`,
  );
  const complete = total.seeds === seeds && codes.every((code) => code === 0);
  if (!complete) console.error(`a worker ended early: ${total.seeds} of ${seeds} seeds were run`);
  return complete && total.failed.length === 0 ? 0 : 1;
}

function worker(part: number, workers: number, seeds: number, total: Tally): Promise<number | null> {
  const child = fork(fileURLToPath(import.meta.url), [
    '--part',
    String(part),
    '--workers',
    String(workers),
    '--seeds',
    String(seeds),
    '--from',
    String(from),
    ...(plan ? ['--plan', plan] : []),
  ]);
  child.on('message', (message) => add(total, message as Tally));
  return new Promise((resolve) => child.on('exit', (code) => resolve(code)));
}

function add(total: Tally, { seeds, steps, effects, injected, points, runs, failed }: Tally): void {
  total.points += points;
  total.runs += runs;
  total.seeds += seeds;
  total.steps += steps;
  total.effects += effects;
  total.failed.push(...failed);
  for (const [kind, times] of Object.entries(injected)) total.injected[kind] = (total.injected[kind] ?? 0) + times;
}

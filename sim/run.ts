/**
 * Owns: running one scenario under one fault plan, and what came of it.
 * Never: compares runs (properties.ts does) or draws faults.
 */
import { instanceId } from '../api/resources/names.ts';
import { type Fault, FaultInjector, type Mark, type Plan, type PointCounts } from './faults/faults.ts';
import { allowancesOf } from './laws/allowances.ts';
import { checkAtRest, finalStates } from './laws/expectations.ts';
import { checkRestarts } from './laws/restarts.ts';
import { checkRollout, crewLife, watchRollout } from './laws/rollouts.ts';
import { type Action, isCalm, lifeOf, type Scenario } from './scenario.ts';
import type { Declaration } from './world/door.ts';
import { type Bugs, FLEET, RESYNC_MS, Stage } from './world/stage.ts';
import type { Run } from './world/world.ts';

export interface Outcome {
  readonly violations: readonly string[];
  /** What each instance came to, in words that two runs share. */
  readonly finals: ReadonlyMap<string, string>;
  /** Starts, and endings asked for, by instance. */
  readonly creates: ReadonlyMap<string, number>;
  readonly deletes: ReadonlyMap<string, number>;
  /** Points passed while faults may strike; how far each had been passed at each effect. */
  readonly counts: PointCounts;
  readonly marks: readonly Mark[];
  readonly effects: number;
  readonly injected: ReadonlyMap<string, number>;
  readonly steps: number;
  readonly runs: ReadonlyMap<string, readonly Run[]>;
  readonly declarations: readonly Declaration[];
}

/** No timer within this long: nothing moves any more. Longer than any backoff, grace, life or wait in a scenario. */
const QUIET_MS = 90_000;
/** Timers fired per wait for rest: "within a bounded number of steps". */
const MAX_STEPS = 20_000;
const MAX_ROUNDS = 30;
const IDLE_RESYNCS = 10;

export interface RunOptions {
  readonly bugs: Bugs;
  readonly trace?: (line: string) => void;
}

export async function run(scenario: Scenario, plan: Plan, { bugs, trace }: RunOptions): Promise<Outcome> {
  const faults = new FaultInjector(plan);
  const stage = new Stage({
    seed: scenario.seed,
    faults,
    bugs,
    foreign: scenario.foreign,
    lifeOf: scenario.rollout ? crewLife(scenario.seed) : lifeOf(scenario.seed),
    trace,
    sources: scenario.sources ?? {},
  });
  const violations: string[] = [];
  const { rollout } = scenario;
  const knows = plan.faults.every((fault) => fault.at !== 'step' || fault.do !== 'lose-store');
  const rolled = rollout ? watchRollout(stage.world, rollout, () => knows) : [];
  stage.boot();
  await stage.time.runUntil(stage.time.now() + 50);
  for (const step of scenario.steps) {
    for (const fault of faults.pass('step')) await strike(stage, fault);
    const { effect, commit } = faults.counts;
    for (const action of step.actions) act(stage, action);
    if (step.waitMs !== undefined) {
      await stage.time.runUntil(stage.time.now() + step.waitMs);
      continue;
    }
    if (!(await rest(stage, faults))) violations.push(`(1) not at rest after ${MAX_STEPS} steps`);
    const changed = faults.counts.effect > effect || faults.counts.commit > commit;
    if (
      changed &&
      plan.faults.length === 0 &&
      isCalm(scenario) &&
      step.actions.every((action) => action.do === 'apply-invalid')
    )
      violations.push(`(6) an invalid manifest had effects: ${JSON.stringify(step.actions)}`);
    if (violations.length > 0) break;
  }
  faults.active = false;
  const allowed = allowancesOf(plan, scenario);
  if (!(await rest(stage, faults)))
    violations.push(`(1) not at rest after ${MAX_STEPS} steps once edits and faults had stopped`);
  else violations.push(...checkAtRest(stage, allowed.orphans), ...(await idleEffects(stage, faults)));
  const broken = stage.world.violations.filter((violation) => !(allowed.twoLive && violation.startsWith('two')));
  violations.push(...broken.map((violation) => `(${violation.startsWith('two') ? 2 : 3}) ${violation}`));
  violations.push(...rolled.slice(0, 1));
  if (scenario.sources) violations.push(...stage.laws.checkAtRest().slice(0, 3));
  if (rollout) violations.push(...checkRollout(stage, rollout.limit, knows));
  // Which restarts an edit causes is a matter of turns there.
  else violations.push(...checkRestarts(stage, allowed, { calm: isCalm(scenario), faults: plan.faults.length > 0 }));
  const runs = stage.world.runs;
  return {
    violations,
    finals: finalStates(stage),
    creates: new Map([...runs].map(([id, list]) => [id, list.length])),
    deletes: new Map([...runs].map(([id, list]) => [id, list.filter(({ asked }) => asked).length])),
    counts: faults.counts,
    marks: faults.marks,
    effects: faults.effects,
    injected: faults.injected,
    steps: stage.time.fired,
    runs,
    declarations: stage.door.log,
  };
}

async function strike(stage: Stage, fault: Extract<Fault, { at: 'step' }>): Promise<void> {
  const { time, weather, disk } = stage;
  if (fault.do === 'lose-store') {
    stage.trace(() => 'the database is lost');
    disk.lose();
    // Whoever had it open is gone with it.
    stage.crash(10);
    await time.runUntil(time.now() + 5);
    stage.declareAnew();
    await time.runUntil(time.now() + 200);
    return;
  }
  stage.trace(() => `${fault.place}: ${fault.do} for ${fault.ms} ms`);
  const until = fault.do === 'outage' ? weather.outageUntil : weather.slowUntil;
  until.set(fault.place, time.now() + fault.ms);
}

/** Until nothing moves, then past resyncs, which find what no hint told, until one met no fault and found nothing more to do. */
async function rest(stage: Stage, faults: FaultInjector): Promise<boolean> {
  const { time } = stage;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if (!(await time.runUntilQuiet(QUIET_MS, MAX_STEPS))) return false;
    const before = faults.effects + faults.struck;
    await time.runUntil(time.now() + RESYNC_MS * 1.1);
    if (!(await time.runUntilQuiet(QUIET_MS, MAX_STEPS))) return false;
    if (faults.effects + faults.struck === before) return true;
  }
  return false;
}

/** Ten more full reconciles change nothing, in the world or on disk. */
async function idleEffects(stage: Stage, faults: FaultInjector): Promise<readonly string[]> {
  const { effects } = faults;
  const commits = stage.disk.commits;
  for (let n = 0; n < IDLE_RESYNCS; n++) {
    void stage.controller?.resync();
    await stage.time.runUntilQuiet(QUIET_MS, MAX_STEPS);
  }
  return [
    ...(faults.effects > effects
      ? [`(1) ${faults.effects - effects} effects over ${IDLE_RESYNCS} more reconciles at rest`]
      : []),
    ...(stage.disk.commits > commits
      ? [`(1) ${stage.disk.commits - commits} writes over ${IDLE_RESYNCS} more reconciles at rest`]
      : []),
  ];
}

function act(stage: Stage, action: Action): void {
  const { world, door } = stage;
  stage.trace(() => `>> ${JSON.stringify(action)}`);
  switch (action.do) {
    case 'apply':
    case 'apply-invalid':
      door.apply(action.name, action.spec);
      return;
    case 'delete':
      door.delete(action.name);
      return;
    case 'restart':
      door.restart(action.name);
      return;
    case 'push':
      stage.push(action.source, action.push);
      return;
    case 'sync':
      stage.sync(action.source, action.force);
      return;
    case 'die': {
      const names = [action.name, 1, 2, 3, 4, 5].map((n, at) =>
        instanceId(FLEET, at === 0 ? action.name : `${action.name}-${n}`),
      );
      const living = world
        .all()
        .filter(({ id, ended }) => names.includes(id) && !ended)
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      const victim = living[action.nth % Math.max(1, living.length)];
      if (!victim) return;
      if (action.exit === 'vanish') world.vanish(victim.place, victim.id);
      else world.end(victim.place, victim.id, action.exit);
      return;
    }
    case 'wipe':
      for (const id of [...world.things(action.place).keys()]) world.vanish(action.place, id);
      world.hint(action.place, 'all');
      return;
  }
}

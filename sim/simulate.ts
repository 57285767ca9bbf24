/**
 * Owns: one seed: its scenario, the run without faults, the run with them, and the comparison of the two.
 * Never: prints.
 */

import { blockOf, shareOf } from './faults/enumerate.ts';
import { makePlan, NO_FAULTS, PLAN_NAMES, type Plan, type PlanName } from './faults/faults.ts';
import { makeGitScenario } from './git/git-scenario.ts';
import { allowancesOf } from './laws/allowances.ts';
import { makeRolloutScenario } from './laws/rollouts.ts';
import { mix, Random } from './random.ts';
import { type Outcome, run } from './run.ts';
import { makeScenario, type Scenario } from './scenario.ts';
import { type Bugs, FLEET, PLACE_KEYS } from './world/stage.ts';

/** Of so many blocks of seeds in a row two are enumerated; the others draw their faults. */
const BLOCKS = 5;
/** Every so manieth scenario is about a change that goes from instance to instance. */
const ROLLOUT_EVERY = 5;
/** And about git sources. */
const GIT_EVERY = 5;

/** How far enumerated plans went: points that could be struck, and runs that struck one. */
export interface Coverage {
  readonly points: number;
  readonly runs: number;
}

export interface Verdict {
  readonly seed: number;
  readonly plan: Plan;
  readonly scenario: Scenario;
  readonly violations: readonly string[];
  readonly steps: number;
  readonly effects: number;
  readonly injected: ReadonlyMap<string, number>;
  readonly coverage: Coverage;
}

/** The run without faults of the scenario that was run last: seeds of one block share it. */
export class Reference {
  #last: { readonly seed: number; readonly outcome: Promise<Outcome> } | undefined;

  of(scenario: Scenario, make: () => Promise<Outcome>): Promise<Outcome> {
    if (this.#last?.seed !== scenario.seed) this.#last = { seed: scenario.seed, outcome: make() };
    return this.#last.outcome;
  }
}

export interface SimulateOptions {
  readonly bugs?: Bugs;
  /** Instead of the plan that the seed picks. */
  readonly plan?: PlanName;
  readonly trace?: (line: string) => void;
  /** Absent: the run without faults is made anew. */
  readonly reference?: Reference;
}

const [firstPlan, ...otherPlans] = PLAN_NAMES.filter(
  (name): name is Exclude<PlanName, 'none' | 'each'> => name !== 'none' && name !== 'each',
);

function planOf(seed: number, random: Random): PlanName {
  const drawn = random.pick<PlanName>([firstPlan ?? 'none', ...otherPlans]);
  return blockOf(seed) % BLOCKS >= 3 ? 'each' : drawn;
}

function scenarioOf(seed: number, brief: boolean): Scenario {
  if (seed % GIT_EVERY === 2) return makeGitScenario(seed, brief);
  return seed % ROLLOUT_EVERY === 0
    ? makeRolloutScenario(seed, PLACE_KEYS)
    : makeScenario(seed, { places: PLACE_KEYS, fleetPrefix: FLEET, brief });
}

export async function simulate(seed: number, options: SimulateOptions = {}): Promise<Verdict> {
  const { plan: asked, bugs = {}, trace, reference: kept = new Reference() } = options;
  const random = new Random(mix(seed, 'plan'));
  const drawn = planOf(seed, random);
  const name = asked ?? drawn;
  const scenario = name === 'each' ? scenarioOf(blockOf(seed), true) : scenarioOf(seed, false);
  const fresh = () => {
    trace?.('— without faults —');
    return run(scenario, NO_FAULTS, { bugs, ...(trace && { trace }) });
  };
  if (name === 'each') {
    const reference = await kept.of(scenario, fresh);
    return { ...(await runEach(seed, scenario, reference, options)), seed };
  }
  const reference = await fresh();
  const plan = makePlan(name, random, reference.counts, PLACE_KEYS);
  return compareRuns(scenario, plan, reference, bugs, trace);
}

/** One run for each fault that falls to this seed; the first that fails is told. */
async function runEach(
  seed: number,
  scenario: Scenario,
  reference: Outcome,
  { bugs = {}, trace }: SimulateOptions,
): Promise<Verdict> {
  const { faults, points } = shareOf(seed, reference.marks, reference.counts.fetch);
  let total = verdict(scenario, { name: 'each', faults: [] }, reference.violations, [reference]);
  const injected = new Map<string, number>();
  let runs = 0;
  for (const fault of faults) {
    if (total.violations.length > 0) break;
    const one = await compareRuns(scenario, { name: 'each', faults: [fault] }, reference, bugs, trace);
    for (const [kind, times] of one.injected) injected.set(kind, (injected.get(kind) ?? 0) + times);
    total = {
      ...one,
      steps: total.steps + one.steps - reference.steps,
      effects: total.effects + one.effects - reference.effects,
    };
    runs++;
  }
  return { ...total, injected, coverage: { points, runs } };
}

/** Runs a given scenario under a given plan: what shrinking does again and again. */
export async function replay(
  scenario: Scenario,
  plan: Plan,
  bugs: Bugs,
  trace?: (line: string) => void,
): Promise<Verdict> {
  trace?.('— without faults —');
  const reference = await run(scenario, NO_FAULTS, { bugs, ...(trace && { trace }) });
  return compareRuns(scenario, plan, reference, bugs, trace);
}

async function compareRuns(
  scenario: Scenario,
  plan: Plan,
  reference: Outcome,
  bugs: Bugs,
  trace: ((line: string) => void) | undefined,
): Promise<Verdict> {
  if (reference.violations.length > 0 || plan.faults.length === 0)
    return verdict(scenario, NO_FAULTS, reference.violations, [reference]);
  trace?.(`— with faults: ${JSON.stringify(plan.faults)} —`);
  const faulty = await run(scenario, plan, { bugs, ...(trace && { trace }) });
  return verdict(
    scenario,
    plan,
    [...faulty.violations, ...differences(reference, faulty, scenario, plan)],
    [reference, faulty],
  );
}

/**
 * (5) Same end state, same creates and deletes an id. In a calm scenario each edit meets a fleet at rest, so no fault may
 * change a count; in a hurried one the absolute properties alone must hold.
 */
function differences(reference: Outcome, faulty: Outcome, scenario: Scenario, plan: Plan): readonly string[] {
  if (allowancesOf(plan, scenario).counts || scenario.rollout) return [];
  return [
    ...unequal('end state', reference.finals, faulty.finals),
    ...unequal('creates', reference.creates, faulty.creates),
    ...unequal('deletes', reference.deletes, faulty.deletes),
  ];
}

function unequal<T extends string | number>(
  what: string,
  expected: ReadonlyMap<string, T>,
  found: ReadonlyMap<string, T>,
): readonly string[] {
  const ids = new Set([...expected.keys(), ...found.keys()]);
  return [...ids]
    .filter((id) => expected.get(id) !== found.get(id))
    .map((id) => `(5) ${what} of ${id}: ${found.get(id) ?? 'none'}, without faults ${expected.get(id) ?? 'none'}`);
}

function verdict(scenario: Scenario, plan: Plan, violations: readonly string[], outcomes: readonly Outcome[]): Verdict {
  return {
    seed: scenario.seed,
    plan,
    scenario,
    violations,
    steps: outcomes.reduce((sum, { steps }) => sum + steps, 0),
    effects: outcomes.reduce((sum, { effects }) => sum + effects, 0),
    injected: outcomes.at(-1)?.injected ?? new Map(),
    coverage: { points: 0, runs: 0 },
  };
}

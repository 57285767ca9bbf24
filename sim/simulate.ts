/**
 * Owns: one seed: its scenario, the run without faults, the run with them, and the comparison of the two.
 * Never: prints.
 */
import { allowancesOf } from './allowances.ts';
import { makePlan, NO_FAULTS, PLAN_NAMES, type Plan, type PlanName } from './faults.ts';
import { mix, Random } from './random.ts';
import { makeRolloutScenario } from './rollouts.ts';
import { type Outcome, run } from './run.ts';
import { isCalm, makeScenario, type Scenario } from './scenario.ts';
import { type Bugs, FLEET, PLACE_KEYS } from './stage.ts';

/** Every so manieth seed is about a change that goes from instance to instance. */
const ROLLOUT_EVERY = 5;

export interface Verdict {
  readonly seed: number;
  readonly plan: Plan;
  readonly scenario: Scenario;
  readonly violations: readonly string[];
  readonly steps: number;
  readonly effects: number;
  readonly injected: ReadonlyMap<string, number>;
}

export interface SimulateOptions {
  readonly bugs?: Bugs;
  /** Instead of the plan that the seed picks. */
  readonly plan?: PlanName;
  readonly trace?: (line: string) => void;
}

export async function simulate(
  seed: number,
  { bugs = {}, plan: asked, trace }: SimulateOptions = {},
): Promise<Verdict> {
  const scenario =
    seed % ROLLOUT_EVERY === 0 ? makeRolloutScenario(seed, PLACE_KEYS) : makeScenario(seed, PLACE_KEYS, FLEET);
  trace?.('— without faults —');
  const reference = await run(scenario, NO_FAULTS, { bugs, ...(trace && { trace }) });
  const random = new Random(mix(seed, 'plan'));
  const [first, ...rest] = PLAN_NAMES.filter((name) => name !== 'none');
  const name = asked ?? random.pick([first ?? 'none', ...rest]);
  const plan = makePlan(name, random, reference.counts, PLACE_KEYS);
  return compareRuns(scenario, plan, reference, bugs, trace);
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
  if (allowancesOf(plan, isCalm(scenario)).counts || scenario.rollout) return [];
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
    effects: outcomes.reduce((sum, { counts }) => sum + counts.effect, 0),
    injected: outcomes.at(-1)?.injected ?? new Map(),
  };
}

/**
 * Owns: making a failing scenario small: drops faults, steps and actions as long as the same property still fails.
 * Never: changes what is left.
 */

import type { Scenario, Step } from '../scenario.ts';
import { replay, type Verdict } from '../simulate.ts';
import type { Bugs } from '../world/stage.ts';
import type { Plan } from './faults.ts';

/** Replays at most this often. */
const BUDGET = 400;

const propertyOf = (violation: string | undefined): string => violation?.slice(0, 3) ?? '';

export async function shrink(failing: Verdict, bugs: Bugs): Promise<Verdict> {
  const property = propertyOf(failing.violations[0]);
  let best = failing;
  let budget = BUDGET;
  const accept = async (scenario: Scenario, plan: Plan): Promise<boolean> => {
    if (budget-- <= 0) return false;
    const verdict = await replay(scenario, plan, bugs);
    if (!verdict.violations.some((violation) => propertyOf(violation) === property)) return false;
    best = verdict;
    return true;
  };
  for (let smaller = true; smaller && budget > 0; ) {
    smaller = false;
    for (let n = best.plan.faults.length - 1; n >= 0; n--)
      if (await accept(best.scenario, { ...best.plan, faults: without(best.plan.faults, n) })) smaller = true;
    for (let n = best.scenario.steps.length - 1; n >= 0; n--)
      if (await accept({ ...best.scenario, steps: without(best.scenario.steps, n) }, best.plan)) smaller = true;
    for (let n = best.scenario.steps.length - 1; n >= 0; n--) {
      const actions = best.scenario.steps[n]?.actions ?? [];
      for (let a = actions.length - 1; a >= 0; a--)
        if (await accept(withoutAction(best.scenario, n, a), best.plan)) smaller = true;
    }
  }
  return best;
}

const without = <T>(items: readonly T[], n: number): readonly T[] => items.filter((_, at) => at !== n);

function withoutAction(scenario: Scenario, n: number, a: number): Scenario {
  const steps = scenario.steps.map(
    (step, at): Step => (at === n ? { ...step, actions: without(step.actions, a) } : step),
  );
  return { ...scenario, steps };
}

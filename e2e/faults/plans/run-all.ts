/**
 * Owns: the reference runs and the plans that come of them, several fleets at a time.
 * Never: chooses plans; see selectPlans.
 */
import type { RuntimeKind } from '../../../api/resources/agent/agent.ts';
import { allPlans, type Plan } from './plan.ts';
import { type Reference, runPlan, runReference, type Setting } from './run-plan.ts';

/** A runtime joins by being named here. */
export const RUNTIMES: readonly RuntimeKind[] = ['tmux', 'process', 'screen'];

export interface Prepared {
  readonly references: readonly Reference[];
  readonly plans: readonly Plan[];
}

export async function prepare(runtimes: readonly RuntimeKind[], setting: Setting): Promise<Prepared> {
  const references = await Promise.all(runtimes.map((runtime) => runReference(runtime, setting)));
  return { references, plans: allPlans(references) };
}

export interface Verdict {
  readonly plan: Plan;
  readonly problems: readonly string[];
  readonly seconds: number;
}

export async function runPlans(
  plans: readonly Plan[],
  { references }: Prepared,
  setting: Setting,
  { fleets, onVerdict }: { readonly fleets: number; readonly onVerdict?: (verdict: Verdict) => void },
): Promise<readonly Verdict[]> {
  const waiting = [...plans];
  const verdicts: Verdict[] = [];
  const work = async () => {
    for (let plan = waiting.shift(); plan; plan = waiting.shift()) {
      const { runtime } = plan;
      const reference = references.find((one) => one.runtime === runtime);
      if (!reference) throw new Error(`no reference run on ${runtime}`);
      const began = performance.now();
      const verdict = {
        plan,
        problems: await runPlan(plan, reference, setting),
        seconds: (performance.now() - began) / 1000,
      };
      verdicts.push(verdict);
      onVerdict?.(verdict);
    }
  };
  await Promise.all(Array.from({ length: fleets }, work));
  return verdicts;
}

/**
 * Owns: the reference runs and the plans that come of them, several fleets at a time.
 * Never: chooses plans; see selectPlans.
 */
import type { RuntimeKind } from '../../../api/resources/agent/agent.ts';
import { allPlans, type Plan, together } from './plan.ts';
import { type Reference, runPlansAtOnce, runReference, type Setting } from './run-plan.ts';

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
  /** That were carried out in one run. */
  readonly plans: readonly Plan[];
  readonly problems: readonly string[];
  readonly seconds: number;
}

export interface Running {
  readonly fleets: number;
  readonly onVerdict?: (verdict: Verdict) => void;
}

/** Each of the groups is one run. */
export async function runGroups(
  groups: readonly (readonly Plan[])[],
  { references }: Prepared,
  setting: Setting,
  { fleets, onVerdict }: Running,
): Promise<readonly Verdict[]> {
  const waiting = [...groups];
  const verdicts: Verdict[] = [];
  const work = async () => {
    for (let plans = waiting.shift(); plans; plans = waiting.shift()) {
      const reference = references.find(({ runtime }) => runtime === plans?.[0]?.runtime);
      if (!reference) throw new Error(`no reference run for ${plans.map(({ number }) => number).join(', ')}`);
      const began = performance.now();
      const problems = await runPlansAtOnce(plans, reference, setting);
      const verdict = { plans, problems, seconds: (performance.now() - began) / 1000 };
      verdicts.push(verdict);
      onVerdict?.(verdict);
    }
  };
  await Promise.all(Array.from({ length: fleets }, work));
  return verdicts;
}

/** One run for each plan. */
export const runPlans = (plans: readonly Plan[], prepared: Prepared, setting: Setting, running: Running) =>
  runGroups(
    plans.map((plan) => [plan]),
    prepared,
    setting,
    running,
  );

/**
 * As few runs as can be; of a run that finds something each plan is run by itself, so that it is told which it was. What none
 * finds alone is found when the run finds it twice; onVerdict has told it the first time.
 */
export async function runTogether(
  plans: readonly Plan[],
  prepared: Prepared,
  setting: Setting,
  running: Running,
): Promise<readonly Verdict[]> {
  const verdicts = await runGroups(together(plans), prepared, setting, running);
  const found: Verdict[] = [];
  for (const verdict of verdicts.filter(({ problems }) => problems.length > 0)) {
    const alone = await runPlans(verdict.plans, prepared, setting, running);
    const guilty = alone.filter(({ problems }) => problems.length > 0);
    found.push(...(guilty.length > 0 ? guilty : await runGroups([verdict.plans], prepared, setting, running)));
  }
  return [...verdicts.filter(({ problems }) => problems.length === 0), ...found];
}

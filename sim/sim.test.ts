import { describe, expect, it } from 'vitest';
import { PLANTED } from './faults/bugs.ts';
import { PLAN_NAMES } from './faults/faults.ts';
import { shrink } from './faults/shrink.ts';
import { Reference, simulate, type Verdict } from './simulate.ts';

const CLEAN_SEEDS = 40;
const SEEDS_TO_FIND = 400;

describe('the simulation', () => {
  it.each(PLAN_NAMES)(
    'finds nothing under plan %s',
    async (plan) => {
      const reference = new Reference();
      for (let seed = 1; seed <= CLEAN_SEEDS; seed++) {
        const { violations } = await simulate(seed, { plan, reference });
        expect(violations, `seed ${seed}; replay: npm run sim -- --seed ${seed} --plan ${plan} -v`).toEqual([]);
      }
    },
    60_000,
  );

  it('is a function of the seed', async () => {
    const traces = [0, 1].map(async () => {
      const lines: string[] = [];
      await simulate(7, { plan: 'mixed', trace: (line) => lines.push(line) });
      return lines;
    });
    const [once = [], again = []] = await Promise.all(traces);
    expect(once.length).toBeGreaterThan(10);
    expect(again).toEqual(once);
  });

  it.each(PLANTED)(
    'finds that $name',
    async ({ bugs, plan, property }) => {
      expect(await find(bugs, plan, property)).toBeDefined();
    },
    60_000,
  );

  it('shrinks what it finds', async () => {
    const [bug] = PLANTED.filter(({ property }) => property === 2);
    if (!bug) throw new Error('no bug is planted for property 2');
    const found = await find(bug.bugs, bug.plan, bug.property);
    if (!found) throw new Error('the planted bug was not found');
    const small = await shrink(found, bug.bugs);
    const actions = (verdict: Verdict) => verdict.scenario.steps.flatMap((step) => step.actions).length;
    expect(small.violations.length).toBeGreaterThan(0);
    expect(actions(small)).toBeLessThanOrEqual(actions(found));
    expect(small.plan.faults.length).toBe(1);
  }, 60_000);
});

async function find(
  bugs: (typeof PLANTED)[number]['bugs'],
  plan: (typeof PLANTED)[number]['plan'],
  property: number,
): Promise<Verdict | undefined> {
  const reference = new Reference();
  for (let seed = 1; seed <= SEEDS_TO_FIND; seed++) {
    const verdict = await simulate(seed, { bugs, plan, reference });
    if (verdict.violations.some((violation) => violation.startsWith(`(${property})`))) return verdict;
  }
  return undefined;
}

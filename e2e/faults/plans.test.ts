/** Every kind of fault on every kind of effect on the real thing; which of the many points are hit moves with the commit. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleFaultyController } from './controller/bundle.ts';
import type { PlantedBug } from './controller/orders.ts';
import { EFFECTS, effectOf, KINDS, type Kind, type Plan, type PointKey, planName, selectPlans } from './plans/plan.ts';
import { type Prepared, prepare, RUNTIMES, runPlans, runTogether, type Verdict } from './plans/run-all.ts';
import type { Setting } from './plans/run-plan.ts';
import { planOffset, SAMPLE_MS } from './plans/today.ts';
import { Sampler } from './plans/world.ts';

/** All of tmux, where most agents live; of the others every kind on every effect, in turns that move with the commit. */
function chosenPlans(): readonly Plan[] {
  const inTurns = new Set(selectPlans(prepared.plans, { every: 0, offset: planOffset() }));
  return prepared.plans.filter((plan) => plan.runtime === 'tmux' || inTurns.has(plan));
}

/** Also what is not found again: nobody should have to wonder whether there was something. */
const tellFound = ({ plans, problems }: Verdict): void => {
  if (problems.length > 0) console.log('found something:', plans.map(planName), problems);
};

const FLEETS = 6;
const ATTEMPTS = 4;

let setting: Setting;
let prepared: Prepared;
beforeAll(async () => {
  setting = { program: await bundleFaultyController(), sampler: new Sampler(SAMPLE_MS) };
  prepared = await prepare(RUNTIMES, setting);
}, 300_000);
afterAll(() => setting.sampler[Symbol.dispose]());

describe('a fault around an effect', () => {
  it('is covered: every point on tmux; every kind at every effect, every kind and every effect on every runtime', () => {
    const chosen = chosenPlans();
    const ofTmux = (plans: readonly Plan[]) => plans.filter(({ runtime }) => runtime === 'tmux');
    expect(ofTmux(chosen)).toEqual(ofTmux(prepared.plans));
    const covered = new Set(
      chosen.flatMap(({ runtime, point, kind }) => [
        `${effectOf(point)} ${kind}`,
        `${runtime} ${effectOf(point)}`,
        `${runtime} ${kind}`,
      ]),
    );
    for (const kind of KINDS) for (const effect of EFFECTS) expect(covered).toContain(`${effect} ${kind}`);
    for (const runtime of RUNTIMES)
      for (const one of [...EFFECTS, ...KINDS]) expect(covered).toContain(`${runtime} ${one}`);
  });

  it('changes nothing of what comes of it', async () => {
    const chosen = chosenPlans();
    const verdicts = await runTogether(chosen, prepared, setting, { fleets: FLEETS, onVerdict: tellFound });
    expect(
      verdicts
        .filter(({ problems }) => problems.length > 0)
        .map(({ plans, problems }) => ({
          replay: `npx tsx e2e/faults/main.ts --together ${plans.map(({ number }) => `--plan ${number}`).join(' ')}`,
          plans: plans.map(planName),
          problems,
        })),
    ).toEqual([]);
    expect(verdicts.flatMap(({ plans }) => plans)).toHaveLength(chosen.length);
  }, 900_000);
});

describe('a planted bug is found:', () => {
  const PLANS: readonly [PlantedBug, PointKey, Kind, RegExp][] = [
    ['starts-again', 'start/job/0', 'stale-look', /job was created 2 times/],
    ['blind-at-boot', 'term/edited/0', 'crash-after', /restarts=1/],
    ['trusts-hints', 'start/killed/0', 'hint-dropped', /killed/],
  ];
  it.each(PLANS)(
    'a runtime that %s, by %s %s',
    async (bug, point, kind, finding) => {
      const plans = prepared.plans.filter(
        (plan) => plan.runtime === 'tmux' && plan.point === point && plan.kind === kind,
      );
      // Whether a look falls into the gap that a bug leaves is a matter of milliseconds; over all plans it does.
      const found: string[] = [];
      while (found.length < ATTEMPTS && !finding.test(found.join('\n'))) {
        const [verdict] = await runPlans(plans, prepared, { ...setting, bug, deadlineMs: 15_000 }, { fleets: 1 });
        found.push(verdict?.problems.join('\n') ?? '');
      }
      expect(found.join('\n')).toMatch(finding);
    },
    300_000,
  );
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planPrune } from './prune.ts';

const facts = {
  owned: ['Agent/a', 'Agent/b'],
  declared: new Set(['Agent/a']),
  prune: true,
  maxPrunePercent: 50,
  force: false,
};

it('prunes up to the limit, and no further unless forced', () => {
  expect(planPrune(facts)).toEqual({ ok: true, doomed: ['Agent/b'] });
  expect(planPrune({ ...facts, maxPrunePercent: 49 })).toMatchObject({ ok: false, reason: 'PruneLimit' });
  expect(planPrune({ ...facts, maxPrunePercent: 0, force: true })).toEqual({ ok: true, doomed: ['Agent/b'] });
  expect(planPrune({ ...facts, prune: false })).toEqual({ ok: true, doomed: [] });
  expect(planPrune({ ...facts, declared: new Set(), force: true })).toMatchObject({ ok: false, reason: 'EmptyTree' });
  expect(planPrune({ ...facts, declared: new Set(), owned: [] })).toEqual({ ok: true, doomed: [] });
});

it('never dooms what the source did not create or still declares, nor more than the share', () => {
  const key = fc.constantFrom(...'abcdefgh').map((name) => `Agent/${name}`);
  fc.assert(
    fc.property(
      fc.uniqueArray(key),
      fc.uniqueArray(key),
      fc.nat(100),
      fc.boolean(),
      fc.boolean(),
      (owned, declared, percent, prune, force) => {
        const plan = planPrune({ owned, declared: new Set(declared), prune, maxPrunePercent: percent, force });
        if (!plan.ok) return;
        for (const doomed of plan.doomed) expect(owned.includes(doomed) && !declared.includes(doomed)).toBe(true);
        if (!prune) expect(plan.doomed).toEqual([]);
        if (!force && owned.length > 0) expect((plan.doomed.length / owned.length) * 100).toBeLessThanOrEqual(percent);
      },
    ),
  );
});

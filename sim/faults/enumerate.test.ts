import { expect, it } from 'vitest';
import { BLOCK, RUNS_PER_SEED, shareOf } from './enumerate.ts';

const marks = Array.from({ length: 3 }, (_, effect) => ({ commit: effect + 1, list: 10 * effect, hint: effect }));
const shares = (first: number) => Array.from({ length: BLOCK }, (_, piece) => shareOf(first + piece, marks));

it('deals every point of a scenario once to the seeds of its block, as far as they go round', () => {
  const block = shares(7 * BLOCK);
  const faults = block.flatMap((share) => share.faults.map(({ at, do: kind, nth }) => `${at} ${nth} ${kind}`));
  const points = block.reduce((sum, share) => sum + share.points, 0);
  expect(points).toBe(3 * (8 + 4 + 3 + 3));
  expect(faults).toHaveLength(Math.min(points, BLOCK * RUNS_PER_SEED));
  expect(new Set(block.flatMap((share) => share.faults.map((fault) => JSON.stringify(fault)))).size).toBe(
    faults.length,
  );
  expect(faults.filter((one) => one.startsWith('effect 1 ')).sort()).toHaveLength(8);
});

it('is a function of the seed, and another block is dealt otherwise', () => {
  expect(shares(0)).toEqual(shares(0));
  expect(shares(0).map(({ faults }) => faults)).not.toEqual(shares(BLOCK).map(({ faults }) => faults));
});

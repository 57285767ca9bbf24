import { expect, it } from 'vitest';
import { Batch } from './batch.ts';

it('runs once for all who ask while the run before goes on, each line once', async () => {
  const runs: string[] = [];
  const gates: (() => void)[] = [];
  const batch = new Batch((items) => {
    runs.push(items.join(' '));
    return new Promise<void>((open) => gates.push(open));
  });
  const settle = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise((next) => setImmediate(next));
  };
  const first = [batch.ask('a'), batch.ask('b'), batch.ask('a')];
  await settle();
  const second = [batch.ask('a'), batch.ask('c')];
  await settle();
  expect(runs).toEqual(['a b']);
  gates[0]?.();
  await Promise.all(first);
  await settle();
  expect(runs).toEqual(['a b', 'a c']);
  gates[1]?.();
  await Promise.all(second);
});

it('a full run is followed by another', async () => {
  const runs: string[] = [];
  const batch = new Batch(async (items) => {
    runs.push(items.join(' '));
    return items.length;
  }, 2);
  expect(await Promise.all(['a', 'b', 'a', 'c', 'd', 'e'].map((item) => batch.ask(item)))).toEqual([2, 2, 2, 2, 2, 1]);
  expect(runs).toEqual(['a b', 'c d', 'e']);
});

it('a run that fails fails for all in it, and keeps nobody else from being asked', async () => {
  let broken = true;
  const batch = new Batch(async () => {
    if (broken) throw new Error('no answer');
  });
  expect((await Promise.allSettled([batch.ask('a'), batch.ask('b')])).map(({ status }) => status)).toEqual([
    'rejected',
    'rejected',
  ]);
  broken = false;
  await batch.ask('a');
});

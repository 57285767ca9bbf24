import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { disputedPaths, leafPaths, mergePatch, type Tree, threeWayMerge } from './three-way-merge.ts';

const leaf = fc.oneof(
  fc.integer(),
  fc.boolean(),
  fc.constantFrom('a', 'b', ''),
  fc.array(fc.integer(), { maxLength: 2 }),
);
const tree: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof({ maxDepth: 3 }, leaf, tie('tree')), {
    maxKeys: 3,
  }) as fc.Arbitrary<Tree>,
})).tree;

describe('the three-way merge', () => {
  it('takes what is declared, drops what is no longer declared, keeps what others set', () => {
    const live = { replicas: 3, env: { A: '1', MINE: 'x' }, suspend: true, model: 'opus' };
    expect(threeWayMerge(live, { env: { A: '1' }, model: 'opus' }, { env: { A: '2' } })).toEqual({
      replicas: 3,
      env: { A: '2', MINE: 'x' },
      suspend: true,
    });
  });
  it('drops the defaults of a mapping together with the mapping, but not what others set in it', () => {
    const before = { place: { runtime: 'docker', docker: { image: 'x' } } };
    const filled = { place: { runtime: 'docker', docker: { image: 'x', pull: 'missing', limits: { pids: 1 } } } };
    const now = { place: { runtime: 'tmux' } };
    expect(threeWayMerge(filled, before, now, filled)).toEqual(now);
    const touched = { place: { ...filled.place, docker: { ...filled.place.docker, pull: 'never' } } };
    expect(threeWayMerge(touched, before, now, filled)).toEqual({
      place: { runtime: 'tmux', docker: { pull: 'never' } },
    });
    expect(threeWayMerge({ ...filled, suspend: true }, before, before, { ...filled, suspend: true })).toHaveProperty(
      'suspend',
    );
  });
  it('applied a second time changes nothing', () => {
    fc.assert(
      fc.property(tree, tree, tree, (live, before, now) => {
        const once = threeWayMerge(live, before, now);
        expect(threeWayMerge(once, now, now)).toEqual(once);
      }),
    );
  });
  it('ends where it began after A, B, A', () => {
    fc.assert(
      fc.property(tree, tree, (a, b) => {
        const start = threeWayMerge({}, undefined, a);
        const there = threeWayMerge(start, a, b);
        expect([...leafPaths(threeWayMerge(there, b, a))].sort()).toEqual([...leafPaths(start)].sort());
      }),
    );
  });
  it('never changes its inputs', () => {
    fc.assert(
      fc.property(tree, tree, tree, (live, before, now) => {
        const copies = structuredClone([live, before, now]);
        threeWayMerge(live, before, now);
        expect([live, before, now]).toEqual(copies);
      }),
    );
  });
});

describe('the merge patch', () => {
  // The examples of RFC 7396, appendix A.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j gives %j', (target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected);
  });
});

it('a disputed path is one that was declared and would change', () => {
  expect(
    disputedPaths(
      { a: 1, b: { c: 2, d: 3 } },
      { a: 1, b: { c: 2, d: 3 }, e: 1 },
      { a: 1, b: { c: 9, d: 3 }, e: 2 },
      Object.is,
    ),
  ).toEqual(['b.c']);
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { circleThrough, waitsFor } from './dependencies.ts';

it('waits for the first that is not ready, also for one that is not there', () => {
  expect(waitsFor(['a', 'b', 'c'], (name) => name === 'a')).toBe('b');
  expect(waitsFor([], () => false)).toBeUndefined();
  expect(waitsFor(['a'], () => true)).toBeUndefined();
});

it('names the circle', () => {
  const graph: Record<string, string[]> = { a: ['x', 'b'], b: ['c'], c: ['a'], x: ['y'], y: ['x'] };
  expect(circleThrough('a', (name) => graph[name] ?? [])).toBe('a → b → c → a');
  expect(circleThrough('self', () => ['self'])).toBe('self → self');
});

it('finds a circle exactly when an agent can be reached from itself', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)), { maxLength: 12 }),
      (edges) => {
        const needs = (name: string) => edges.filter(([from]) => from === name).map(([, to]) => to);
        let reached = new Set(needs('a'));
        for (let round = 0; round < names.length; round++)
          reached = new Set([...reached, ...[...reached].flatMap(needs)]);
        const circle = circleThrough('a', needs);
        expect(circle !== undefined).toBe(reached.has('a'));
        const words = circle?.split(' → ') ?? [];
        for (const [n, to] of words.slice(1).entries()) expect(needs(words[n] ?? '')).toContain(to);
      },
    ),
  );
});

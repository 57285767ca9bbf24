import { describe, expect, it } from 'vitest';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';

describe('label selectors', () => {
  const labels = { role: 'worker', team: 'a', 'x.y/z': '1' };
  it.each([
    ['role=worker', true],
    ['role==worker', true],
    ['role=boss', false],
    ['role!=boss', true],
    ['missing!=x', true],
    ['role', true],
    ['!role', false],
    ['!missing', true],
    ['role in (worker, boss)', true],
    ['role in (boss)', false],
    ['role notin (boss)', true],
    ['missing notin (a)', true],
    ['role=worker,team=a', true],
    ['role=worker,team=b', false],
    ['x.y/z=1', true],
    ['team=', false],
  ])('%s', (selector, expected) => {
    expect(parseLabelSelector(selector)(labels)).toBe(expected);
  });
  it.each(['=x', 'a=b=c', 'a in b', 'a in (b', ',', 'a,,b', 'a b'])('%j is refused with what to write', (selector) => {
    expect(() => parseLabelSelector(selector)).toThrow(/is not understood; write/);
  });
});

describe('field selectors', () => {
  const agent = { metadata: { name: 'web' }, status: { phase: 'Running', restarts: 2, ready: true } };
  it.each([
    ['status.phase=Running', true],
    ['status.phase!=Running', false],
    ['metadata.name==web,status.restarts=2', true],
    ['status.ready=true', true],
    ['no.such.field=', true],
    ['no.such.field!=x', true],
    ['__proto__.x=', true],
  ])('%s', (selector, expected) => {
    expect(parseFieldSelector(selector)(agent)).toBe(expected);
  });
  it('refuses what it does not know', () => {
    expect(() => parseFieldSelector('status.phase>1')).toThrow(/is not understood/);
  });
});

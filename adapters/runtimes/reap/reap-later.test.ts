import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { InstanceId } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { ReapLater } from './reap-later.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('looks once for all that were replaced, up to the incarnation that is over, and again for the next', async () => {
  const looks: ReadonlyMap<InstanceId, Instant>[] = [];
  const later = new ReapLater((over) => {
    looks.push(over);
    return Promise.reject(new Error('not now'));
  });
  later.add('f.a' as InstanceId, 1);
  later.add('f.b' as InstanceId, 5);
  later.add('f.a' as InstanceId, 2);
  expect(looks).toEqual([]);
  await vi.runAllTimersAsync();
  expect(looks.map((over) => [...over])).toEqual([
    [
      ['f.a', 2],
      ['f.b', 5],
    ],
  ]);
  later.add('f.c' as InstanceId, 1);
  await vi.runAllTimersAsync();
  expect([...(looks[1] ?? [])]).toEqual([['f.c', 1]]);
});

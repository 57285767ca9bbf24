import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { InstanceId } from '../../../api/resources/names.ts';
import type { MarkedProcess } from './process-table.ts';
import { ReapLater } from './reap-later.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('looks once for all that were replaced, up to the incarnation that is over, and again for the next', async () => {
  const looks: ((mark: MarkedProcess) => boolean)[] = [];
  const later = new ReapLater({
    kill: (wanted) => {
      looks.push(wanted);
      return Promise.reject(new Error('not now'));
    },
  });
  later.add('f.a' as InstanceId, 1);
  later.add('f.b' as InstanceId, 5);
  later.add('f.a' as InstanceId, 2);
  expect(looks).toEqual([]);
  await vi.runAllTimersAsync();
  expect(looks).toHaveLength(1);
  const over = (id: string, incarnation: number) => looks[0]?.({ pid: 1, id, incarnation });
  expect([over('f.a', 1), over('f.a', 2), over('f.a', 3), over('f.b', 5), over('f.c', 0)]).toEqual([
    true,
    true,
    false,
    true,
    false,
  ]);
  later.add('f.c' as InstanceId, 1);
  await vi.runAllTimersAsync();
  expect(looks).toHaveLength(2);
});

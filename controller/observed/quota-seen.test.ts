import { expect, test } from 'vitest';
import type { PaneState } from '../../adapters/profiles/screen.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import { QuotaSeen } from './quota-seen.ts';

const A = 'f1ee7000.a' as InstanceId;
const HOUR = 3_600_000;
const idle = (quotaUsed?: PaneState['quotaUsed']): PaneState => ({
  activity: 'idle',
  reason: '',
  ...(quotaUsed && { quotaUsed }),
});

test('what was shown for a moment is known until its window is over, each with its own', () => {
  const seen = new QuotaSeen();
  expect(seen.look(A, 1, idle(), 0)).toEqual({});
  seen.look(A, 1, idle({ '5h': 0.92 }), 1_000);
  const both = seen.look(A, 1, idle({ '7d': 0.4 }), HOUR);
  expect(both.quota).toEqual({
    value: { '5h': { usedRatio: 0.92 }, '7d': { usedRatio: 0.4 } },
    source: 'screen',
    at: HOUR,
  });
  expect(seen.look(A, 1, idle(), 5 * HOUR).quota?.value).toEqual(both.quota?.value);
  expect(seen.look(A, 1, idle(), 5 * HOUR + 1_000).quota?.value).toEqual({ '7d': { usedRatio: 0.4 } });
  expect(seen.look(A, 1, idle({ '7d': 0.5 }), 6 * HOUR).quota).toMatchObject({ value: { '7d': { usedRatio: 0.5 } } });
});

test('of another start, or of an agent that is no more, nothing is known', () => {
  const seen = new QuotaSeen();
  seen.look(A, 1, idle({ '5h': 0.92 }), 0);
  expect(seen.look(A, 2, idle(), 1)).toEqual({});
  seen.look(A, 2, idle({ '5h': 0.92 }), 2);
  seen.forget(() => false);
  expect(seen.look(A, 2, idle(), 3)).toEqual({});
});

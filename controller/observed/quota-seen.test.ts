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
  seen.look(A, 1, idle({ '5h': { usedRatio: 0.92 } }), 1_000);
  const both = seen.look(A, 1, idle({ '7d': { usedRatio: 0.4 } }), HOUR);
  expect(both.quota).toEqual({
    value: { '5h': { usedRatio: 0.92 }, '7d': { usedRatio: 0.4 } },
    source: 'screen',
    at: HOUR,
  });
  expect(seen.look(A, 1, idle(), 5 * HOUR).quota?.value).toEqual(both.quota?.value);
  expect(seen.look(A, 1, idle(), 5 * HOUR + 1_000).quota?.value).toEqual({ '7d': { usedRatio: 0.4 } });
  expect(seen.look(A, 1, idle({ '7d': { usedRatio: 0.5 } }), 6 * HOUR).quota).toMatchObject({
    value: { '7d': { usedRatio: 0.5 } },
  });
});

test('of another start, or of an agent that is no more, nothing is known', () => {
  const seen = new QuotaSeen();
  seen.look(A, 1, idle({ '5h': { usedRatio: 0.92 } }), 0);
  expect(seen.look(A, 2, idle(), 1)).toEqual({});
  seen.look(A, 2, idle({ '5h': { usedRatio: 0.92 } }), 2);
  seen.forget(() => false);
  expect(seen.look(A, 2, idle(), 3)).toEqual({});
});

test('with the time of its end, of the day that is meant, it is over then; one beyond its window is not believed', () => {
  const noon = Date.UTC(2026, 10, 22, 12);
  const resets = (cron: string, timeZone: string) => ({ usedRatio: 0.92, resets: { cron, timeZone } });
  const end = (window: string, cron: string, timeZone = 'UTC') =>
    new QuotaSeen().look(A, 1, idle({ [window]: resets(cron, timeZone) }), noon).quota?.value[window]?.resetsAt;
  expect(end('5h', '17 14 * * *')).toBe(Date.UTC(2026, 10, 22, 14, 17));
  expect(end('5h', '0 1 * * *', 'Asia/Tokyo')).toBe(noon + 4 * HOUR);
  expect(end('7d', '0 15 25 11 *')).toBe(Date.UTC(2026, 10, 25, 15));
  expect(end('5h', '0 11 * * *')).toBeUndefined();
  const seen = new QuotaSeen();
  seen.look(A, 1, idle({ '5h': resets('0 13 * * *', 'UTC') }), noon);
  expect(seen.look(A, 1, idle(), noon + HOUR - 1).quota?.value).toEqual({
    '5h': { usedRatio: 0.92, resetsAt: noon + HOUR },
  });
  expect(seen.look(A, 1, idle(), noon + HOUR)).toEqual({});
});

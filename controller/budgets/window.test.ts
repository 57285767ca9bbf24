import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BUDGET_WINDOWS } from '../../api/resources/kinds/budget.ts';
import { windowAt } from './window.ts';

const at = (text: string) => Date.parse(text);
const shown = (window: (typeof BUDGET_WINDOWS)[number], timezone: string, now: string) => {
  const { start, end } = windowAt({ window, timezone }, at(now));
  return [new Date(start).toISOString(), new Date(end).toISOString()];
};

describe('a window', () => {
  it.each([
    ['hour', 'Asia/Kolkata', '2026-03-01T10:20:00Z', '2026-03-01T10:00:00.000Z', '2026-03-01T11:00:00.000Z'],
    ['day', 'UTC', '2026-03-01T00:00:00Z', '2026-03-01T00:00:00.000Z', '2026-03-02T00:00:00.000Z'],
    ['day', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
    ['day', 'America/Santiago', '2026-09-06T12:00:00Z', '2026-09-06T04:00:00.000Z', '2026-09-07T03:00:00.000Z'],
    ['week', 'UTC', '2026-03-01T12:00:00Z', '2026-02-23T00:00:00.000Z', '2026-03-02T00:00:00.000Z'],
    ['month', 'America/New_York', '2026-03-01T02:00:00Z', '2026-02-01T05:00:00.000Z', '2026-03-01T05:00:00.000Z'],
  ] as const)('%s in %s at %s', (window, timezone, now, start, end) => {
    expect(shown(window, timezone, now)).toEqual([start, end]);
  });

  it('holds its instant, and is the same for all its instants, and the next begins where it ends', () => {
    const zone = fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/Santiago',
      'Asia/Kolkata',
      'Australia/Lord_Howe',
      'Pacific/Apia',
    );
    const instant = fc.integer({ min: at('2020-01-01T00:00:00Z'), max: at('2035-01-01T00:00:00Z') });
    fc.assert(
      fc.property(fc.constantFrom(...BUDGET_WINDOWS), zone, instant, (window, timezone, now) => {
        const spec = { window, timezone };
        const { start, end } = windowAt(spec, now);
        expect(start).toBeLessThanOrEqual(now);
        expect(now).toBeLessThan(end);
        expect(windowAt(spec, start)).toEqual({ start, end });
        expect(windowAt(spec, end - 1)).toEqual({ start, end });
        expect(windowAt(spec, end).start).toBe(end);
      }),
      { numRuns: 60 },
    );
  });
});

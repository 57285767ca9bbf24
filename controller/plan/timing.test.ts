import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { agentSpecSchema } from '../../api/resources/agent/agent.ts';
import { scheduleSchema } from '../../api/resources/agent/schedule.ts';
import { planSchedule, type SchedulePlan, timingAt } from './timing.ts';

const plan = (schedule: object): SchedulePlan => {
  const parsed = scheduleSchema.parse(schedule);
  if (!parsed) throw new Error('no schedule');
  return planSchedule(parsed);
};
const at = Date.parse;
const iso = (time: number | undefined) => time !== undefined && new Date(time).toISOString();
const office = plan({ start: '0 9 * * 1-5', stop: '0 18 * * 1-5', timeZone: 'Europe/Berlin' });

describe('a window', () => {
  it.each([
    ['2026-11-20T07:59:59.999Z', false, '2026-11-20T08:00:00.000Z'],
    ['2026-11-20T08:00:00.000Z', true, '2026-11-20T17:00:00.000Z'],
    ['2026-11-20T16:59:59.999Z', true, '2026-11-20T17:00:00.000Z'],
    ['2026-11-20T17:00:00.000Z', false, '2026-11-23T08:00:00.000Z'],
    ['2026-11-22T12:00:00.000Z', false, '2026-11-23T08:00:00.000Z'],
  ])('at %s it is open: %s, until %s', (now, open, until) => {
    const timing = timingAt(office, undefined, at(now));
    expect([timing.open, iso(timing.until)]).toEqual([open, until]);
  });

  it('goes by the clocks of its zone, also when they are changed', () => {
    const friday = timingAt(office, undefined, at('2026-03-27T12:00Z'));
    expect(iso(friday.nextStart)).toBe('2026-03-30T07:00:00.000Z');
    const october = timingAt(office, undefined, at('2026-10-23T12:00Z'));
    expect([iso(october.nextStop), iso(october.nextStart)]).toEqual([
      '2026-10-23T16:00:00.000Z',
      '2026-10-26T08:00:00.000Z',
    ]);
  });

  it('over midnight it is open in the night', () => {
    const night = plan({ start: '0 22 * * *', stop: '0 6 * * *' });
    const open = ['2026-11-20T21:59Z', '2026-11-20T22:00Z', '2026-11-21T03:00Z', '2026-11-21T06:00Z'].map(
      (now) => timingAt(night, undefined, at(now)).open,
    );
    expect(open).toEqual([false, true, true, false]);
  });

  it('of no length is never open', () => {
    const none = plan({ start: '0 9 * * *', stop: '0 9 * * *' });
    expect(timingAt(none, undefined, at('2026-11-20T09:00Z')).open).toBe(false);
  });
});

describe('runs', () => {
  const nightly = plan({ cron: '30 2 * * *', timeZone: 'Europe/Berlin' });
  const SINCE = at('2026-01-01T00:00Z');
  const knownSince = { key: nightly.key, since: SINCE, from: SINCE, until: SINCE, open: true };
  const last = (now: string) => iso(timingAt(nightly, knownSince, at(now)).last);
  const next = (now: string) => iso(timingAt(nightly, knownSince, at(now)).nextStart);

  it('half past two does not exist on a night in March: it comes when the clocks have been put on', () => {
    expect(next('2026-03-29T00:00Z')).toBe('2026-03-29T01:00:00.000Z');
    expect(last('2026-03-29T01:00Z')).toBe('2026-03-29T01:00:00.000Z');
    expect(next('2026-03-29T01:00Z')).toBe('2026-03-30T00:30:00.000Z');
  });

  it('half past two comes twice on a night in October: it is run at the first', () => {
    expect(next('2026-10-25T00:00Z')).toBe('2026-10-25T00:30:00.000Z');
    expect(next('2026-10-25T00:30Z')).toBe('2026-10-26T01:30:00.000Z');
    expect(last('2026-10-25T01:30Z')).toBe('2026-10-25T00:30:00.000Z');
  });

  it('a start before it was declared is none; after that, none is lost by being away', () => {
    const first = timingAt(nightly, undefined, at('2026-11-20T12:00Z'));
    expect(first.last).toBeUndefined();
    const later = timingAt(nightly, first, at('2026-11-23T12:00Z'));
    expect(iso(later.last)).toBe('2026-11-23T01:30:00.000Z');
    const changed = plan({ cron: '0 3 * * *', timeZone: 'Europe/Berlin' });
    expect(timingAt(changed, later, at('2026-11-23T12:00Z')).last).toBeUndefined();
  });

  it('what is remembered is what would be found anew (property)', () => {
    const begin = at('2026-03-28T00:00Z');
    const patterns = ['*/7 * * * *', '0 */2 * * *', '30 2 * * *', '15 10 * * 1', '*/20 * * * * *'];
    fc.assert(
      fc.property(
        fc.constantFrom(...patterns),
        fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata'),
        fc.array(fc.integer({ min: 1, max: 26 * 3_600_000 }), { minLength: 1, maxLength: 6 }),
        (cron, timeZone, steps) => {
          const one = plan({ cron, timeZone });
          let now = begin;
          let known = timingAt(one, undefined, now);
          for (const step of steps) {
            now += step;
            known = timingAt(one, known, now);
            const anew = timingAt(one, { ...known, from: now + 1, until: now + 1 }, now);
            expect(known).toEqual({ ...anew, since: begin });
            expect(known.from <= now && now < (known.until ?? Infinity)).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('what a manifest may say', () => {
  const said = (schedule: unknown) => {
    const parsed = agentSpecSchema.safeParse({ command: ['true'], schedule });
    return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  };
  it.each([
    [{ cron: '0 3 * * *', concurrencyPolicy: 'Allow' }, 'schedule.concurrencyPolicy: Allow is not possible'],
    [{ cron: '0 0 30 2 *' }, 'schedule.cron: never comes'],
    [{ cron: '61 * * * *' }, 'schedule.cron: is not a cron expression: '],
    [{ cron: '2026-01-01T00:00:00' }, 'schedule.cron: is not a cron expression'],
    [{ start: '0 9 * * *' }, 'schedule.stop: goes together with start'],
    [{}, 'schedule: is either a window'],
    [{ start: '0 9 * * *', stop: '0 10 * * *', cron: '0 3 * * *' }, 'schedule: is either a window'],
    [{ start: '0 9 * * *', stop: '0 10 * * *', startingDeadlineSeconds: 5 }, 'goes together with cron'],
    [{ cron: '0 3 * * *', timeZone: 'Europe/Atlantis' }, 'schedule.timeZone: is not a time zone'],
  ])('%j: %s', (schedule, told) => {
    expect(said(schedule).join('\n')).toContain(told);
  });
  it.each([
    [{ cron: '@daily' }],
    [{ cron: '*/10 * * * * *', concurrencyPolicy: 'Replace', startingDeadlineSeconds: 30 }],
    [{ start: '0 9 * * MON-FRI', stop: '0 18 * * MON-FRI', timeZone: 'America/New_York' }],
  ])('%j is taken', (schedule) => {
    expect(said(schedule)).toEqual([]);
  });
});

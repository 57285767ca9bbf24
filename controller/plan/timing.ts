/**
 * Owns: what a schedule says of a moment: whether its window is open, which start came last, what comes next.
 * Never: reads a clock, or knows whether anything was started.
 */
import { Cron } from 'croner';
import type { Schedule } from '../../api/resources/agent/schedule.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';

export type SchedulePlan = {
  /** Equal texts: the same times. */
  readonly key: string;
  readonly timeZone: string;
} & (
  | { readonly kind: 'window'; readonly start: string; readonly stop: string }
  | {
      readonly kind: 'runs';
      readonly cron: string;
      readonly replace: boolean;
      /** Undefined: however late. */
      readonly deadlineMs: DurationMs | undefined;
    }
);

/** What holds from one edge of the schedule to the next. Plain data: it is remembered. */
export interface Timing {
  readonly key: string;
  /** Since when this schedule is known for it: a start before that was none of its own. */
  readonly since: Instant;
  /** It holds in [from, until); no until: for ever. */
  readonly from: Instant;
  readonly until?: Instant;
  /** Whether the window is open; of runs always true. */
  readonly open: boolean;
  /** The last start of runs, when it came after `since`. */
  readonly last?: Instant;
  readonly nextStart?: Instant;
  readonly nextStop?: Instant;
}

export function planSchedule(schedule: Schedule): SchedulePlan {
  const { timeZone, start, stop, cron = '', concurrencyPolicy, startingDeadlineSeconds } = schedule;
  if (start !== undefined && stop !== undefined)
    return { kind: 'window', key: [start, stop, timeZone].join('|'), timeZone, start, stop };
  return {
    kind: 'runs',
    key: [cron, timeZone].join('|'),
    timeZone,
    cron,
    replace: concurrencyPolicy === 'Replace',
    deadlineMs: startingDeadlineSeconds === undefined ? undefined : Math.round(startingDeadlineSeconds * 1000),
  };
}

/** `known`: what was found last; used again for as long as it holds, since finding matches costs a millisecond. */
export function timingAt(plan: SchedulePlan, known: Timing | undefined, now: Instant): Timing {
  const { key } = plan;
  if (known?.key === key && now >= known.from && (known.until === undefined || now < known.until)) return known;
  // Nobody can have known it from a time that is still to come: the clock was set back.
  const since = known?.key === key ? Math.min(known.since, now) : now;
  if (plan.kind === 'window') {
    const starts = around(plan.start, plan.timeZone, now);
    const stops = around(plan.stop, plan.timeZone, now);
    const from = latest(starts.last, stops.last);
    const until = earliest(starts.next, stops.next);
    return {
      key,
      since,
      from: from ?? since,
      ...(until !== undefined && { until }),
      // Both at once: closed, so that a window of no length is none.
      open: starts.last !== undefined && (stops.last === undefined || starts.last > stops.last),
      ...(starts.next !== undefined && { nextStart: starts.next }),
      ...(stops.next !== undefined && { nextStop: stops.next }),
    };
  }
  const { last, next } = around(plan.cron, plan.timeZone, now);
  return {
    key,
    since,
    from: last ?? Math.min(since, now),
    ...(next !== undefined && { until: next, nextStart: next }),
    open: true,
    ...(last !== undefined && last > since && { last }),
  };
}

const latest = (a: Instant | undefined, b: Instant | undefined) =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
const earliest = (a: Instant | undefined, b: Instant | undefined) =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);

/** The last match up to `now`, and the first after it. */
function around(pattern: string, timezone: string, now: Instant): { readonly last?: Instant; readonly next?: Instant } {
  const cron = new Cron(pattern, { timezone });
  // croner counts in whole seconds; the one before the next second is the last one up to now.
  const nextSecond = (Math.floor(now / 1000) + 1) * 1000;
  const last = cron.previousRuns(1, new Date(nextSecond))[0]?.getTime();
  const next = cron.nextRun(new Date(nextSecond - 1000))?.getTime();
  return { ...(last !== undefined && { last }), ...(next !== undefined && { next }) };
}

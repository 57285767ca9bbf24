/**
 * Owns: when a budget's window began and when it ends. Pure.
 * Never: reads a clock.
 */
import { Cron } from 'croner';
import type { BudgetSpec, BudgetWindow } from '../../api/resources/kinds/budget.ts';
import type { Instant } from '../../api/resources/time.ts';

export interface Window {
  readonly start: Instant;
  /** The first instant that is no longer in it. */
  readonly end: Instant;
}

const HOUR_MS = 3_600_000;
/** A window begins at each match, by the clocks of the time zone; croner knows when midnight does not exist. */
const BEGINS: Readonly<Record<Exclude<BudgetWindow, 'hour'>, string>> = {
  day: '0 0 * * *',
  week: '0 0 * * 1',
  month: '0 0 1 * *',
};

export function windowAt({ window, timezone }: Pick<BudgetSpec, 'window' | 'timezone'>, now: Instant): Window {
  // By the clock, not by the zone: where an hour comes twice a year it is two windows.
  if (window === 'hour') {
    const start = Math.floor(now / HOUR_MS) * HOUR_MS;
    return { start, end: start + HOUR_MS };
  }
  const begins = new Cron(BEGINS[window], { timezone });
  const next = begins.nextRun(new Date(now))?.getTime();
  if (next === undefined) throw new Error(`no ${window} begins after ${now}`);
  // The one before `next`; the one before `now` would be the last but one exactly at a beginning.
  const [last] = begins.previousRuns(1, new Date(next));
  return { start: last?.getTime() ?? now, end: next };
}

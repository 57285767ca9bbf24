/**
 * Owns: instants and durations: `30s`, `5m`, `1h30m`, `250ms`, `1d`, or plain seconds.
 * Never: reads a clock.
 */
import { z } from 'zod';

/** Milliseconds since the Unix epoch. */
export type Instant = number;
/** Milliseconds. */
export type DurationMs = number;

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

const NOT_A_DURATION = 'is not a duration (30s, 5m, 1h30m, 250ms, or plain seconds)';

/** A duration as written in a manifest; kept as written, read with `durationMs`. */
export type Duration = string | number;

export const durationSchema = z
  .union([z.number().nonnegative().max(31_536_000), z.string().regex(DURATION, { message: NOT_A_DURATION })], {
    error: NOT_A_DURATION,
  })
  .meta({ title: 'duration', description: 'Duration: 30s, 5m, 1h30m, 250ms, or plain seconds.' });

export function durationMs(duration: Duration): DurationMs {
  if (typeof duration === 'number') return Math.round(duration * 1000);
  let total = 0;
  for (const [, amount, unit] of duration.matchAll(PART)) total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return Math.round(total);
}

export const isoTime = (at: Instant): string => new Date(at).toISOString();

/**
 * Owns: how older manifests wrote durations and truth.
 * Never: guesses what neither side can read.
 */
import { durationMs, durationSchema } from '../resources/time.ts';
import type { Json } from './json.ts';

const TRUE_WORDS = new Set(['yes', 'on']);

export const truth = (value: Json | undefined): boolean | undefined => {
  if (typeof value === 'string') return TRUE_WORDS.has(value.toLowerCase());
  return typeof value === 'boolean' ? value : undefined;
};

/** Old durations are numbers of seconds. */
export function inSeconds(duration: Json | undefined): Json | undefined {
  const read = durationSchema.safeParse(duration);
  return read.success ? durationMs(read.data) / 1000 : duration;
}

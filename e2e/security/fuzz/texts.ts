/**
 * Owns: what fuzzing is made of: the texts that every part uses, and the shape of a part.
 * Never: runs one.
 */
import fc from 'fast-check';
import { payloads } from '../payloads.ts';

/** One thing that is tried for a share of its part's time, however many runs that is. */
export interface Fuzzed {
  readonly what: string;
  readonly share: number;
  readonly property: fc.IRawProperty<unknown>;
}

const nasty = fc.constantFrom(...payloads('/nonexistent/canary'));
export const text = fc.oneof(
  nasty,
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
);

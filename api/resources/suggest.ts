/**
 * Owns: the word a person probably meant.
 * Never: guesses when nothing is near.
 */
import { distance } from 'fastest-levenshtein';

const plain = (word: string) => word.toLowerCase().replace(/[-_.\s]/g, '');

/** The nearest of `candidates`, or undefined. `max_retries` finds `maxRetries`; far words find nothing. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  // Also bounds the work: nothing in a schema has a name this long.
  if (word.length > 64) return undefined;
  const wanted = plain(word);
  let best: string | undefined;
  // Two swapped letters are a distance of two.
  let bestDistance = 1 + (wanted.length < 4 ? 1 : Math.max(2, Math.floor(wanted.length / 3)));
  for (const candidate of candidates) {
    const far = distance(wanted, plain(candidate));
    if (far < bestDistance) {
      best = candidate;
      bestDistance = far;
    }
  }
  return best;
}

/**
 * Owns: which agents wait for which: the first one an agent still waits for, and circles that would wait for ever.
 * Never: looks at the world; who is ready is passed in.
 */

type Needs = (name: string) => readonly string[];

/** Of those it depends on, the first that is not ready; one that does not exist is not. */
export const waitsFor = (needs: readonly string[], isReady: (name: string) => boolean): string | undefined =>
  needs.find((name) => !isReady(name));

/** `a → b → a` when the agent would wait for itself; undefined: it does not. */
export function circleThrough(name: string, needs: Needs): string | undefined {
  const seen = new Set<string>();
  const follow = (at: string, way: readonly string[]): readonly string[] | undefined => {
    for (const next of needs(at)) {
      if (next === name) return [...way, next];
      if (seen.has(next)) continue;
      seen.add(next);
      const found = follow(next, [...way, next]);
      if (found) return found;
    }
    return undefined;
  };
  return follow(name, [name])?.join(' → ');
}

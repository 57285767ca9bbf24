/**
 * Owns: how long to wait before the n-th restart in a row.
 * Never: draws random numbers; jitter is a function of id and attempt, so that a crash of the controller changes nothing.
 */
import type { InstanceId } from '../../api/resources/names.ts';
import type { DurationMs } from '../../api/resources/time.ts';

export interface BackoffPolicy {
  readonly initialMs: DurationMs;
  readonly maxMs: DurationMs;
  readonly multiplier: number;
}

/** Share of the wait that jitter may add. */
export const JITTER = 0.1;

/** Wait before restart number `attempt` (0 = first): initial x multiplier^attempt, at most max, plus up to 10 %. */
export function backoffMs(policy: BackoffPolicy, id: InstanceId, attempt: number): DurationMs {
  const base = Math.min(policy.maxMs, policy.initialMs * policy.multiplier ** Math.min(attempt, 64));
  return Math.round(base * (1 + JITTER * spread(`${id}#${attempt}`)));
}

/** A number in [0, 1) spread evenly over texts: 32-bit FNV-1a (Fowler, Noll, Vo). */
function spread(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 15;
  return (hash >>> 0) / 2 ** 32;
}

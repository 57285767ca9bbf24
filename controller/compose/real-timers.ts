/**
 * Owns: the machine's own clock and timers, as the rest is given them.
 * Never: keeps the process alive.
 */
import type { Timers } from '../reconcile/work-queue.ts';

export const realTimers: Timers = {
  now: () => Date.now(),
  after(delayMs, run) {
    // setTimeout fires at once for more than 2^31-1 ms.
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), 2_147_483_647)).unref();
    return () => clearTimeout(timer);
  },
};

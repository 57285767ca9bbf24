/**
 * Owns: the registry of runtimes as a fault test wants it: the real ones, decorated; and the controller's clock, shifted.
 * Stands in for adapters/registry.ts in the bundle that bundle.ts makes.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRuntimes as createRealRuntimes } from '../../../adapters/registry.ts';
import type { Runtime, RuntimeContext } from '../../../adapters/runtimes/runtime.ts';
import { faultyRuntime } from './faulty-runtime.ts';
import { Injector } from './injector.ts';
import { ORDERS_VARIABLE, type Orders } from './orders.ts';

const TIMEOUT_MS = 600;
const LATE_MS = 300;
const CLOCK_READ_MS = 50;

// None are there while the program is bundled, which runs it as far as its help.
const file = process.env[ORDERS_VARIABLE];
const orders: Orders = file === undefined ? { journal: '/dev/null' } : JSON.parse(readFileSync(file, 'utf8'));
if (orders.clock !== undefined) shiftClock(orders.clock);

export const createRuntimes = (context: RuntimeContext): readonly (Runtime & AsyncDisposable)[] => {
  const injector = new Injector(orders);
  const { runtimes } = orders;
  const real = createRealRuntimes(context).filter(({ kind }) => !runtimes || runtimes.includes(kind));
  return real.map((runtime) =>
    faultyRuntime(runtime, {
      injector,
      sweeps: new Set(orders.sweeps),
      bug: orders.bug,
      timeoutMs: TIMEOUT_MS,
      lateMs: orders.lateMs ?? LATE_MS,
    }),
  );
};

/** As settimeofday would: Date.now jumps, timers and performance.now do not. */
function shiftClock(file: string): void {
  const real = Date.now;
  let readAt = Number.NEGATIVE_INFINITY;
  let ahead = 0;
  Date.now = () => {
    const at = performance.now();
    if (at - readAt > CLOCK_READ_MS) {
      readAt = at;
      ahead = existsSync(file) ? Number(readFileSync(file, 'utf8')) || 0 : 0;
    }
    return real() + ahead;
  };
}

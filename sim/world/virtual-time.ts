/**
 * Owns: time in the simulation: it stands still while anything can run, then jumps to the next timer.
 * Never: reads a clock. Timers due at the same instant fire in the order they were set.
 */
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import type { Timers } from '../../controller/reconcile/work-queue.ts';

interface Timer {
  readonly at: Instant;
  readonly order: number;
  run: (() => void) | undefined;
}

export class VirtualTime implements Timers {
  #now: Instant;
  #order = 0;
  /** Binary heap by time, then order. */
  readonly #heap: Timer[] = [];
  #fired = 0;

  constructor(start: Instant) {
    this.#now = start;
  }

  now(): Instant {
    return this.#now;
  }

  /** Timers fired so far: the simulation's measure of work. */
  get fired(): number {
    return this.#fired;
  }

  after(delayMs: DurationMs, run: () => void): () => void {
    const timer: Timer = { at: this.#now + Math.max(0, delayMs), order: this.#order++, run };
    this.#push(timer);
    return () => {
      timer.run = undefined;
    };
  }

  /** Resolves after that long. */
  wait(delayMs: DurationMs): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Lets everything run that can run without time passing: a macrotask comes after all microtasks. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** When the next timer is due; undefined: never. */
  get nextAt(): Instant | undefined {
    while (this.#heap[0] && !this.#heap[0].run) this.#pop();
    return this.#heap[0]?.at;
  }

  /** Fires the next timer and lets what follows run. */
  async step(): Promise<void> {
    if (this.nextAt === undefined) return;
    const timer = this.#pop();
    if (!timer?.run) return;
    this.#now = Math.max(this.#now, timer.at);
    this.#fired++;
    timer.run();
    await this.settle();
  }

  /** Fires everything due until `at`, then stands there. */
  async runUntil(at: Instant): Promise<void> {
    await this.settle();
    for (let next = this.nextAt; next !== undefined && next <= at; next = this.nextAt) await this.step();
    this.#now = Math.max(this.#now, at);
  }

  /**
   * Fires timers until none is due within `quietMs`. Returns false when that took more than `maxSteps` steps:
   * something keeps waking itself.
   */
  async runUntilQuiet(quietMs: DurationMs, maxSteps: number): Promise<boolean> {
    await this.settle();
    for (let steps = 0; ; steps++) {
      const next = this.nextAt;
      if (next === undefined || next > this.#now + quietMs) return true;
      if (steps >= maxSteps) return false;
      await this.step();
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (!parent || !before(timer, parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = timer;
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const l = heap[left];
      if (!l) break;
      const r = heap[left + 1];
      const child = r && before(r, l) ? r : l;
      if (!before(child, last)) break;
      heap[at] = child;
      at = child === l ? left : left + 1;
    }
    heap[at] = last;
    return top;
  }
}

const before = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

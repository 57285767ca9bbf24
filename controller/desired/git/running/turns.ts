/**
 * Owns: the one thread that all sources share: a large commit is read in slices, and stands back while other sources sync.
 * Never: lets a source that hangs hold one up, or holds one up for long.
 */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { DurationMs, Instant } from '../../../../api/resources/time.ts';
import type { Timers } from '../../../reconcile/work-queue.ts';

/** A sync that takes longer waits for somebody else, most likely: nobody stands back for it. */
const QUICK_MS: DurationMs = 5_000;
/** So much a commit stands back in all: a large one that mends things is to be there within five seconds. */
const PATIENCE_MS: DurationMs = 3_000;
const LOOK_MS: DurationMs = 20;
/** Slices that are read without standing back: a commit of usual size delays nobody. */
const FREE_SLICES = 10;

/** Called between two slices of work. */
export type Breathe = () => Promise<void>;

export class Turns {
  readonly #timers: Timers;
  /** When each sync that runs began. */
  readonly #running = new Map<symbol, Instant>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** `work` counts as a sync of its own while it runs; it gets its own way to breathe. */
  async during<T>(work: (breathe: Breathe) => Promise<T>): Promise<T> {
    const self = Symbol();
    this.#running.set(self, this.#timers.now());
    try {
      return await work(this.#breathing(self));
    } finally {
      this.#running.delete(self);
    }
  }

  #breathing(self: symbol): Breathe {
    let slices = 0;
    let patience = PATIENCE_MS;
    return async () => {
      await turnOfTheLoop();
      if (++slices <= FREE_SLICES) return;
      for (; patience > 0 && this.#othersBusy(self); patience -= LOOK_MS) await this.#pause();
    };
  }

  #othersBusy(self: symbol): boolean {
    const since = this.#timers.now() - QUICK_MS;
    return [...this.#running].some(([other, began]) => other !== self && began > since);
  }

  #pause(): Promise<void> {
    return new Promise((wake) => void this.#timers.after(LOOK_MS, wake));
  }
}

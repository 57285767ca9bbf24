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
/** Of that, so much before its files are fetched, or before they are read. */
const FETCH_PATIENCE_MS: DurationMs = 2_000;
/** Slices that are read without standing back: a commit of usual size delays nobody. */
const FREE_SLICES = 10;
/** The same for a source that is likely to bring more than that, or nothing that can be used. */
const FREE_SLICES_OF_WEIGHTY = 2;

export interface Turn {
  /** Called between two slices of work. */
  readonly breathe: () => Promise<void>;
  /** Called before files are fetched. */
  readonly giveWay: () => Promise<void>;
  /** Called when there is much to read, before it is read: also of a source that nobody took for weighty. */
  readonly much: () => Promise<void>;
}

export class Turns {
  readonly #timers: Timers;
  /** When each sync that runs began; without those that stand back just now. */
  readonly #running = new Map<symbol, Instant>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** `work` counts as a sync of its own while it runs; it gets its own turn. `weighty`: it is likely to be more than a few files. */
  async during<T>(work: (turn: Turn) => Promise<T>, weighty = false): Promise<T> {
    const self = Symbol();
    this.#running.set(self, this.#timers.now());
    try {
      return await work(this.#turn(self, weighty));
    } finally {
      this.#running.delete(self);
    }
  }

  #turn(self: symbol, weighty: boolean): Turn {
    let free = weighty ? FREE_SLICES_OF_WEIGHTY : FREE_SLICES;
    let patience = PATIENCE_MS;
    const standBack = async (keep: DurationMs) => {
      const began = this.#running.get(self) ?? this.#timers.now();
      // Two that stand back for each other would both wait in vain.
      for (; patience > keep && this.#othersBusy(self); patience -= LOOK_MS) {
        this.#running.delete(self);
        await this.#pause();
      }
      this.#running.set(self, began);
    };
    return {
      giveWay: () => (weighty ? standBack(PATIENCE_MS - FETCH_PATIENCE_MS) : Promise.resolve()),
      breathe: async () => {
        await turnOfTheLoop();
        if (--free < 0) await standBack(0);
      },
      much: () => {
        free = Math.min(free, FREE_SLICES_OF_WEIGHTY);
        return weighty ? Promise.resolve() : standBack(PATIENCE_MS - FETCH_PATIENCE_MS);
      },
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

/**
 * Owns: which keys wait for a worker. client-go's semantics: a key added while it waits is one run, a key added while it
 * is worked on is exactly one more run, one worker a key; failures back off per key, success forgets.
 * Never: runs anything itself, or reads a clock: timers are passed in.
 *
 * Bound: one entry a key; keys are instances, which the store bounds.
 */
import type { DurationMs, Instant } from '../../api/resources/time.ts';

export interface Timers {
  now(): Instant;
  /** Calls `run` once after `delayMs`; the returned function cancels it. */
  after(delayMs: DurationMs, run: () => void): () => void;
}

export interface WorkQueueOptions<K> {
  readonly timers: Timers;
  readonly work: (key: K) => Promise<void>;
  /** Keys worked on at the same time, in all. */
  readonly concurrency: number;
  /** First and longest wait after a failure, ms. client-go: 5 ms doubling to 1000 s. */
  readonly backoff?: { readonly initialMs: DurationMs; readonly maxMs: DurationMs };
  readonly observe?: QueueObserver;
}

export interface QueueObserver {
  added(): void;
  retried(): void;
  depth(waiting: number): void;
  /** A key left the queue after waiting that long. */
  waited(ms: DurationMs): void;
  worked(ms: DurationMs): void;
}

interface Entry {
  state: 'waiting' | 'working' | 'working-again';
  addedAt: Instant;
}

interface Alarm {
  readonly at: Instant;
  readonly cancel: () => void;
}

export class WorkQueue<K> {
  readonly #options: WorkQueueOptions<K>;
  readonly #entries = new Map<K, Entry>();
  readonly #waiting: K[] = [];
  #head = 0;
  #working = 0;
  #draining: (() => void) | undefined;
  #closed = false;
  readonly #alarms = new Map<K, Alarm>();
  readonly #failures = new Map<K, number>();

  constructor(options: WorkQueueOptions<K>) {
    this.#options = options;
  }

  get depth(): number {
    return this.#waiting.length - this.#head;
  }
  get busy(): number {
    return this.#working;
  }

  add(key: K): void {
    if (this.#closed) return;
    const entry = this.#entries.get(key);
    if (entry?.state === 'waiting' || entry?.state === 'working-again') return;
    this.#options.observe?.added();
    if (entry) {
      entry.state = 'working-again';
      return;
    }
    this.#entries.set(key, { state: 'waiting', addedAt: this.#options.timers.now() });
    this.#waiting.push(key);
    this.#pump();
  }

  /** Of several times asked for, the earliest counts. */
  addAt(key: K, at: Instant): void {
    if (this.#closed) return;
    const delay = at - this.#options.timers.now();
    if (delay <= 0) {
      this.add(key);
      return;
    }
    const before = this.#alarms.get(key);
    if (before && before.at <= at) return;
    before?.cancel();
    const cancel = this.#options.timers.after(delay, () => {
      this.#alarms.delete(key);
      this.add(key);
    });
    this.#alarms.set(key, { at, cancel });
  }

  /** Adds after this key's failure wait: initial x 2^failures. */
  addRateLimited(key: K): void {
    const { initialMs, maxMs } = this.#options.backoff ?? { initialMs: 5, maxMs: 1_000_000 };
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#options.observe?.retried();
    this.addAt(key, this.#options.timers.now() + Math.min(maxMs, initialMs * 2 ** Math.min(failures, 40)));
  }

  /** Success: the next failure begins at the first wait again. */
  forget(key: K): void {
    this.#failures.delete(key);
  }

  failures(key: K): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Takes no more keys and resolves when those being worked on are done. */
  async drain(): Promise<void> {
    this.#closed = true;
    for (const { cancel } of this.#alarms.values()) cancel();
    this.#alarms.clear();
    this.#waiting.length = 0;
    this.#head = 0;
    if (this.#working === 0) return;
    await new Promise<void>((resolve) => {
      this.#draining = resolve;
    });
  }

  #pump(): void {
    while (this.#working < this.#options.concurrency && this.depth > 0 && !this.#closed) {
      const key = this.#waiting[this.#head++] as K;
      if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) {
        this.#waiting.splice(0, this.#head);
        this.#head = 0;
      }
      void this.#run(key);
    }
    this.#options.observe?.depth(this.depth);
  }

  async #run(key: K): Promise<void> {
    const { timers, work, observe } = this.#options;
    const entry = this.#entries.get(key);
    if (!entry) return;
    entry.state = 'working';
    this.#working++;
    const began = timers.now();
    observe?.waited(began - entry.addedAt);
    try {
      await work(key);
    } catch {
      // Work tells of its own failures; one that escaped is tried again like any other, and stops nobody else.
      this.addRateLimited(key);
    } finally {
      observe?.worked(timers.now() - began);
      this.#working--;
      if ((entry.state as Entry['state']) === 'working-again' && !this.#closed) {
        entry.state = 'waiting';
        entry.addedAt = timers.now();
        this.#waiting.push(key);
      } else {
        this.#entries.delete(key);
      }
      if (this.#working === 0) this.#draining?.();
      this.#pump();
    }
  }
}

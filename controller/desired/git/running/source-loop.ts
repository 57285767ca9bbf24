/**
 * Owns: one GitSource over time: when it syncs, that never two syncs of it run at once, and its status in the store.
 * Never: waits for agents to become ready: a newer commit is taken as soon as it is there.
 */
import { ConflictError, FencedError, NotFoundError } from '../../../../api/resources/errors.ts';
import { type GitSourceSpec, type GitSourceStatus, NO_GIT_STATUS } from '../../../../api/resources/kinds/git-source.ts';
import { type DurationMs, durationMs } from '../../../../api/resources/time.ts';
import type { Timers } from '../../../reconcile/work-queue.ts';
import type { ObjectRecord, RecordedEvent, Store, Versioned } from '../../../store/store.ts';
import type { SyncPlan, SyncResult } from '../fleet-port.ts';
import type { GitSource } from '../git-source.ts';
import { GitError } from '../repository/git-error.ts';
import type { SourceRepository } from '../repository/repository.ts';
import { conditionOf } from '../status.ts';

export interface SourceLoopOptions {
  readonly name: string;
  readonly store: Store;
  /** Made anew when the address or the credentials change. */
  readonly open: (spec: GitSourceSpec) => { readonly source: GitSource; readonly repository: SourceRepository };
  /** Of these sources, those that are not Ready. */
  readonly notReady: (names: readonly string[]) => readonly string[];
  readonly timers: Timers;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Equal texts: equal values. */
  readonly canonical: (value: unknown) => string;
  readonly observe: (result: 'success' | 'error', seconds: number) => void;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

export interface Order {
  readonly force?: boolean;
  /** A commit to hold; null: go on with the ref. Absent: as it is. */
  readonly hold?: string | null;
}

/** Share of the interval that is added at random, so that many sources do not ask at once. */
const JITTER = 0.1;
/** Many agents become ready one by one. */
const HEALTH_MS: DurationMs = 200;
/** Somebody who changes things by hand rarely changes one. */
const DRIFT_MS: DurationMs = 500;
const ATTEMPTS = 5;

type Record_ = ObjectRecord<'GitSource'>;

export class SourceLoop implements AsyncDisposable {
  readonly #options: SourceLoopOptions;
  readonly #abort = new AbortController();
  #opened: { readonly key: string; readonly source: GitSource; readonly repository: SourceRepository } | undefined;
  #running: Promise<void> | undefined;
  /** Gives up the run that goes on. */
  #attempt = new AbortController();
  /** The orders that one more run will carry out. */
  #next: Order | undefined;
  #cancelTimer: (() => void) | undefined;
  #cancelHealth: (() => void) | undefined;
  #cancelDrift: (() => void) | undefined;

  constructor(options: SourceLoopOptions) {
    this.#options = options;
  }

  /** Resolves when a sync that began after this call has ended. */
  sync(order: Order = {}): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.resolve();
    this.#next = { ...this.#next, ...order };
    if (this.#running) return this.#running.then(() => (this.#next ? this.sync() : this.#running));
    this.#running = this.#runAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** It was declared anew: what runs by the old declaration (a fetch from an address that hangs) is given up. */
  redeclared(): Promise<void> {
    const done = this.sync();
    if (this.#next) this.#attempt.abort();
    return done;
  }

  /** Syncs after a while; an earlier appointment is dropped. */
  soon(delayMs: DurationMs): void {
    this.#cancelTimer?.();
    if (this.#abort.signal.aborted) return;
    this.#cancelTimer = this.#options.timers.after(delayMs, () => void this.sync());
  }

  /** Agents of this source changed. */
  healthChanged(): void {
    if (this.#cancelHealth || this.#abort.signal.aborted) return;
    this.#cancelHealth = this.#options.timers.after(HEALTH_MS, () => {
      this.#cancelHealth = undefined;
      const source = this.#opened?.source;
      if (source) void this.#write((status) => source.refresh(status)).catch((error) => this.#failed(error));
    });
  }

  /** Something of this source was changed or deleted by another hand: it is put right, or told, before the interval is over. */
  touched(): void {
    if (this.#cancelDrift || this.#abort.signal.aborted) return;
    this.#cancelDrift = this.#options.timers.after(DRIFT_MS, () => {
      this.#cancelDrift = undefined;
      void this.sync();
    });
  }

  /** Throws NotFoundError when it is gone, GitError. */
  plan(): Promise<SyncPlan> {
    const { spec, status } = this.#current();
    return this.#open(spec).source.plan({ spec, status, signal: this.#abort.signal });
  }

  /** The full id of a commit that is named by its beginning; as it is when our copy does not know it. */
  expand(revision: string): Promise<string> {
    return this.#open(this.#current().spec).repository.expand(revision);
  }

  /** Stops, and removes our copy of the repository. */
  async forget(): Promise<void> {
    await this[Symbol.asyncDispose]();
    await this.#opened?.repository.forget();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    this.#attempt.abort();
    this.#cancelTimer?.();
    this.#cancelHealth?.();
    this.#cancelDrift?.();
    await this.#running;
  }

  async #runAll(): Promise<void> {
    while (this.#next && !this.#abort.signal.aborted) {
      const order = this.#next;
      this.#next = undefined;
      this.#attempt = new AbortController();
      const done = await this.#runOnce(order, this.#attempt.signal);
      // What was ordered is done all the same, by the new declaration.
      if (!done) this.#next = Object.assign({}, order, this.#next);
    }
  }

  /** False: given up. */
  async #runOnce(order: Order, signal: AbortSignal): Promise<boolean> {
    const { timers, random, observe, notReady } = this.#options;
    const began = timers.now();
    let intervalMs = 60_000;
    try {
      const { spec, generation, status: before } = this.#current();
      intervalMs = durationMs(spec.interval);
      const { heldAt: _held, ...free } = before;
      const status = order.hold === undefined ? before : order.hold === null ? free : { ...before, heldAt: order.hold };
      const result = await this.#open(spec).source.sync({
        spec,
        status,
        waitingFor: notReady(spec.dependsOn),
        signal,
        ...(order.force && { force: true }),
      });
      await this.#write(() => ({ ...result.status, observedGeneration: generation }), eventOf(before, result));
      const ok =
        conditionOf(result.status, 'Synced')?.status === 'True' &&
        conditionOf(result.status, 'Fetched')?.status === 'True';
      observe(ok ? 'success' : 'error', (timers.now() - began) / 1000);
      intervalMs = result.retryMs ?? intervalMs;
    } catch (error) {
      if (signal.aborted && error instanceof GitError && error.kind === 'Cancelled') return false;
      this.#failed(error);
      observe('error', (timers.now() - began) / 1000);
    }
    this.soon(intervalMs * (1 + JITTER * random()));
    return true;
  }

  /** What is neither the repository's nor a manifest's fault: gone, fenced, cancelled, or a bug. */
  #failed(error: unknown): void {
    if (error instanceof FencedError || error instanceof NotFoundError) return;
    if (error instanceof GitError && error.kind === 'Cancelled') return;
    this.#options.log('git source failed; it will be tried again', {
      source: this.#options.name,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }

  #current(): { readonly spec: GitSourceSpec; readonly generation: number; readonly status: GitSourceStatus } {
    const { record } = this.#record();
    return { spec: record.spec, generation: record.generation, status: statusOf(record) };
  }

  #record(): Versioned<Record_> {
    const { store, name } = this.#options;
    const found = store.object('GitSource', name);
    if (!found) throw new NotFoundError(`gitsource "${name}" is gone`);
    return found;
  }

  #open(spec: GitSourceSpec): { readonly source: GitSource; readonly repository: SourceRepository } {
    const key = this.#options.canonical([spec.url, spec.auth, spec.timeout]);
    if (this.#opened?.key !== key) this.#opened = { key, ...this.#options.open(spec) };
    return this.#opened;
  }

  async #write(change: (status: GitSourceStatus) => GitSourceStatus, event?: Told): Promise<void> {
    const { store, canonical, name, timers } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const { record, resourceVersion } = this.#record();
      const before = statusOf(record);
      const after = change(before);
      const same = canonical(before) === canonical(after);
      if (same && !event) return;
      const events: readonly RecordedEvent[] = event
        ? [{ ...event, at: timers.now(), regarding: { kind: 'GitSource', name } }]
        : [];
      try {
        await store.commit(
          same ? [] : [{ type: 'put-object', expected: resourceVersion, record: { ...record, status: { ...after } } }],
          events,
        );
        return;
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt >= ATTEMPTS) throw error;
      }
    }
  }
}

export const statusOf = ({ status }: { readonly status: Readonly<Record<string, unknown>> }): GitSourceStatus => ({
  ...NO_GIT_STATUS,
  ...status,
});

type Told = Pick<RecordedEvent, 'type' | 'reason' | 'message'>;

/** Told once: when something was done, or when it fails in another way than before. */
function eventOf(before: GitSourceStatus, { status, changed }: SyncResult): Told | undefined {
  const failed = (['Fetched', 'Synced'] as const)
    .map((type) => conditionOf(status, type))
    .find((condition) => condition?.status === 'False');
  if (failed) {
    const same = conditionOf(before, failed.type);
    const known = same?.status === 'False' && same.message === failed.message;
    return known ? undefined : { type: 'Warning', reason: failed.reason, message: failed.message };
  }
  const synced = conditionOf(status, 'Synced');
  if (!synced || (changed.length === 0 && before.lastAppliedRevision === status.lastAppliedRevision)) return undefined;
  const what = changed.length === 0 ? 'nothing changed' : `${changed.length} changed`;
  return { type: 'Normal', reason: synced.reason, message: `${synced.message} (${what})` };
}

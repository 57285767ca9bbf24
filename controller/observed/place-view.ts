/**
 * Owns: what one place was last seen to hold, and the looking: one listing at a time, shared by all who ask.
 * Never: decides, or takes a failed look for an empty place.
 *
 * Bound: one cached sighting an instance; waiting callers are bounded by the work queue's concurrency.
 */
import type { Runtime, Sighting } from '../../adapters/runtimes/runtime.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import type { Reading } from '../machine/onboarding.ts';
import type { PlacedSighting } from '../machine/snapshot.ts';
import type { Place } from '../plan/desired-instance.ts';
import type { Timers } from '../reconcile/work-queue.ts';

export type Look =
  | { readonly kind: 'seen'; readonly sighting: PlacedSighting | undefined }
  | { readonly kind: 'unknown'; readonly reason: string; readonly since: Instant };

export interface PlaceViewOptions {
  readonly place: Place;
  readonly runtime: Runtime;
  readonly transport: Transport;
  readonly timers: Timers;
  /** Something about these may have changed: look at them again. */
  readonly onChange: (ids: readonly InstanceId[] | 'all') => void;
  /** What this instance's screen told last. */
  readonly reading?: (id: InstanceId) => Reading | undefined;
  readonly observeList?: (seconds: number, ok: boolean) => void;
  /** First and longest wait before a failed listing is tried again. */
  readonly retry?: { readonly initialMs: DurationMs; readonly maxMs: DurationMs };
  /** A place that holds something is listed at least this often: one that hangs tells nobody. */
  readonly listEveryMs: DurationMs;
}

/** With at most this many asked for, or this part of what was last seen there, the place is asked for just those. */
const FEW = 16;
/** tmux 3.3a needs as long to show one alone as for ten lines of a listing of all (measured at 100 to 1,000 sessions). */
const FEW_SHARE = 0.1;

export class PlaceView implements Disposable {
  readonly place: Place;
  readonly #options: PlaceViewOptions;
  readonly #cache = new Map<InstanceId, PlacedSighting>();
  /** Logical time: raised by each invalidation and each listing, so that "began after" is decidable. */
  #clock = 0;
  /** Invalidated at; a look that began later makes it clean again. */
  readonly #dirty = new Map<InstanceId, number>();
  #allDirtyAt = 0;
  #fullListBeganAt = -1;
  #waiting = new Map<InstanceId, ((look: Look) => void)[]>();
  #listing = false;
  #scheduled = false;
  #unknown: { readonly reason: string; readonly since: Instant; readonly failures: number } | undefined;
  #retryCancel: (() => void) | undefined;
  #nextListCancel: (() => void) | undefined;
  #disposed = false;
  #refreshing: Promise<void> | undefined;
  readonly #afterListing: (() => void)[] = [];
  #watch: Disposable | undefined;
  #lastListedAt: Instant | undefined;

  constructor(options: PlaceViewOptions) {
    this.#options = options;
    this.place = options.place;
    this.#watch = options.runtime.watch?.(options.transport, (id) => this.#hint(id));
  }

  get lastListedAt(): Instant | undefined {
    return this.#lastListedAt;
  }
  get unknown(): { readonly reason: string; readonly since: Instant } | undefined {
    return this.#unknown;
  }
  get sightings(): ReadonlyMap<InstanceId, PlacedSighting> {
    return this.#cache;
  }

  /** As of a look that began after the last invalidation of `id`. Resolves at once when the cache is that new. */
  look(id: InstanceId): Promise<Look> {
    if (this.#unknown) return Promise.resolve({ kind: 'unknown', ...this.#unknown });
    if (this.#isFresh(id)) return Promise.resolve({ kind: 'seen', sighting: this.#seen(id) });
    return new Promise((resolve) => {
      const others = this.#waiting.get(id);
      if (others) others.push(resolve);
      else this.#waiting.set(id, [resolve]);
      this.#schedule();
    });
  }

  /** What was read of an incarnation before this one is history. */
  #seen(id: InstanceId): PlacedSighting | undefined {
    const sighting = this.#cache.get(id);
    const reading = sighting?.state === 'running' ? this.#options.reading?.(id) : undefined;
    return sighting && reading && reading.at > sighting.incarnation ? { ...sighting, reading } : sighting;
  }

  invalidate(id: InstanceId): void {
    this.#dirty.set(id, ++this.#clock);
  }

  /** What was last seen of it has surely ended since. The next listing tells of it anew. */
  forget(id: InstanceId): void {
    this.#cache.delete(id);
  }

  /** Everything cached is history; lists again now and tells what changed. */
  refresh(): Promise<void> {
    this.#allDirtyAt = ++this.#clock;
    // Asked for again before it has begun: the same listing serves both.
    this.#refreshing ??= this.#refreshSoon();
    return this.#refreshing;
  }

  async #refreshSoon(): Promise<void> {
    if (this.#listing) await new Promise<void>((resolve) => this.#afterListing.push(resolve));
    else await Promise.resolve();
    this.#refreshing = undefined;
    await this.#list('all');
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    this.#retryCancel?.();
    this.#nextListCancel?.();
  }

  #isFresh(id: InstanceId): boolean {
    if (this.#fullListBeganAt < 0 || this.#allDirtyAt > this.#fullListBeganAt) return false;
    return !this.#dirty.has(id);
  }

  #hint(id: InstanceId | 'all'): void {
    if (id === 'all') {
      this.#allDirtyAt = ++this.#clock;
      void this.refresh();
    } else {
      this.invalidate(id);
      this.#options.onChange([id]);
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#listing) return;
    this.#scheduled = true;
    // A tick later, so that all who ask in this turn share the look.
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.#listing && this.#waiting.size > 0) void this.#list('waiting');
    });
  }

  async #list(what: 'all' | 'waiting'): Promise<void> {
    const { runtime, transport, timers, observeList } = this.#options;
    this.#listing = true;
    const beganAt = ++this.#clock;
    const asked = this.#waiting;
    this.#waiting = new Map();
    const partial =
      what === 'waiting' &&
      asked.size <= Math.max(FEW, this.#cache.size * FEW_SHARE) &&
      this.#fullListBeganAt >= 0 &&
      this.#allDirtyAt <= this.#fullListBeganAt;
    const began = timers.now();
    try {
      const sightings = await runtime.list(transport, partial ? [...asked.keys()] : undefined);
      observeList?.((timers.now() - began) / 1000, true);
      this.#lastListedAt = timers.now();
      const changed = this.#take(sightings, beganAt, partial ? asked : undefined).filter((id) => !asked.has(id));
      this.#recovered();
      if (!partial) this.#listAgainLater();
      for (const [id, resolvers] of asked)
        for (const resolve of resolvers) resolve({ kind: 'seen', sighting: this.#seen(id) });
      if (changed.length > 0) this.#options.onChange(changed);
    } catch (error) {
      observeList?.((timers.now() - began) / 1000, false);
      this.#failed(error instanceof Error ? error.message : String(error));
      const { reason = '', since = began } = this.#unknown ?? {};
      for (const resolvers of asked.values())
        for (const resolve of resolvers) resolve({ kind: 'unknown', reason, since });
    } finally {
      this.#listing = false;
      for (const resolve of this.#afterListing.splice(0)) resolve();
      if (this.#waiting.size > 0) this.#schedule();
    }
  }

  #listAgainLater(): void {
    const { timers, listEveryMs } = this.#options;
    this.#nextListCancel?.();
    if (this.#disposed) return;
    this.#nextListCancel = timers.after(listEveryMs, () => {
      // What failed meanwhile is tried again by itself.
      if (this.#unknown || this.#cache.size === 0) this.#listAgainLater();
      else void this.refresh();
    });
  }

  /** Returns the ids whose state is other than it was. */
  #take(
    sightings: readonly Sighting[],
    beganAt: number,
    partial: ReadonlyMap<InstanceId, unknown> | undefined,
  ): InstanceId[] {
    const changed: InstanceId[] = [];
    const gone = new Set<InstanceId>(partial ? partial.keys() : this.#cache.keys());
    for (const sighting of sightings) {
      gone.delete(sighting.id);
      const before = this.#cache.get(sighting.id);
      if (before && sameSighting(before, sighting)) continue;
      this.#cache.set(sighting.id, { ...sighting, place: this.place });
      changed.push(sighting.id);
    }
    for (const id of gone) if (this.#cache.delete(id)) changed.push(id);
    if (!partial) this.#fullListBeganAt = beganAt;
    for (const [id, dirtyAt] of this.#dirty)
      if (dirtyAt < beganAt && (!partial || partial.has(id))) this.#dirty.delete(id);
    return changed;
  }

  #failed(reason: string): void {
    const { timers, retry = { initialMs: 500, maxMs: 30_000 } } = this.#options;
    const failures = (this.#unknown?.failures ?? 0) + 1;
    this.#unknown = { reason, since: this.#unknown?.since ?? timers.now(), failures };
    this.#allDirtyAt = ++this.#clock;
    // Nobody may be looking just now: those last seen here have to learn that nothing is known of them any more. They may look at once.
    if (failures === 1 && this.#cache.size > 0) this.#options.onChange([...this.#cache.keys()]);
    this.#retryCancel?.();
    if (this.#disposed) return;
    this.#retryCancel = timers.after(
      Math.min(retry.maxMs, retry.initialMs * 2 ** (failures - 1)),
      () => void this.refresh(),
    );
  }

  #recovered(): void {
    if (!this.#unknown) return;
    this.#unknown = undefined;
    this.#retryCancel?.();
    this.#options.onChange('all');
  }
}

type Comparable = Pick<Sighting, 'state' | 'incarnation' | 'launchHash' | 'session'> & {
  readonly pid?: number | undefined;
  readonly exit?: Sighting['exit'] | undefined;
  readonly submitted?: number | undefined;
  readonly detail?: string | undefined;
};

const sameSighting = (a: Comparable, b: Comparable): boolean =>
  a.state === b.state &&
  a.incarnation === b.incarnation &&
  a.launchHash === b.launchHash &&
  a.pid === b.pid &&
  a.session === b.session &&
  a.submitted === b.submitted &&
  a.exit?.code === b.exit?.code &&
  a.exit?.signal === b.exit?.signal &&
  a.exit?.cause === b.exit?.cause &&
  a.detail === b.detail;

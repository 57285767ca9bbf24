/**
 * Owns: the running whole: what enqueues, who works, when everything is looked at again, in which order it starts and stops.
 * Never: names a concrete adapter, or decides about an agent.
 */
import type { Runtime } from '../adapters/runtimes/runtime.ts';
import type { Transport } from '../adapters/transport/transport.ts';
import type { InstanceId } from '../api/resources/names.ts';
import type { DurationMs, Instant } from '../api/resources/time.ts';
import { decide } from './machine/decide.ts';
import { knownOver } from './machine/gap.ts';
import type { Decide } from './machine/snapshot.ts';
import type { Metrics } from './metrics.ts';
import { PlacesObserver } from './observed/observer.ts';
import { PlaceView } from './observed/place-view.ts';
import type { Place } from './plan/desired-instance.ts';
import type { PlanFacts } from './plan/plan-instances.ts';
import { EffectRunner, placesOf, type RunHook } from './reconcile/effect-runner.ts';
import { Intentions } from './reconcile/intentions.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { type Timers, WorkQueue } from './reconcile/work-queue.ts';
import type { Store } from './store/store.ts';

export interface PlaceHands {
  readonly place: Place;
  readonly runtime: Runtime;
  readonly transport: Transport;
}

export interface ControllerOptions {
  readonly store: Store;
  readonly places: readonly PlaceHands[];
  readonly facts: () => PlanFacts;
  readonly timers: Timers;
  readonly runHook: RunHook;
  readonly metrics: () => Omit<Metrics, 'registry'>;
  /** The decision; the simulation passes broken ones to show that it finds them. */
  readonly decide?: Decide;
  readonly resyncMs: DurationMs;
  /** A number in [0, 1), to spread resyncs of many controllers. */
  readonly random: () => number;
  readonly onFenced: () => void;
  /** Sources of intentions look again too. */
  readonly onResync?: () => Promise<void>;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

/** Instances worked on at once. Most of a pass is waiting for a place, so this is far above the number of cores. */
const CONCURRENCY = 256;
const CONCURRENCY_PER_PLACE = 128;
/** Share of the resync interval that jitter adds. */
const RESYNC_JITTER = 0.1;

export class Controller {
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue<InstanceId>;
  readonly #intentions: Intentions;
  readonly observer: PlacesObserver;
  #watch: Disposable | undefined;
  #cancelResync: (() => void) | undefined;
  #synced = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { store, places, timers, metrics, log } = options;
    this.#intentions = new Intentions(store, options.facts);
    const views = places.map(
      ({ place, runtime, transport }) =>
        new PlaceView({
          place,
          runtime,
          transport,
          timers,
          onChange: (ids) => this.#lookAt(ids),
          observeList: (seconds, ok) => metrics().placeListed(place.host, place.runtime, seconds, ok),
        }),
    );
    this.observer = new PlacesObserver(views);
    const runner = new EffectRunner({
      places: placesOf(places),
      runHook: options.runHook,
      assertNotFenced: () => store.assertNotFenced(),
      concurrencyPerPlace: CONCURRENCY_PER_PLACE,
      observe: (effect, result) => metrics().effect(effect, result),
    });
    const reconciler = new Reconciler({
      store,
      runner,
      log,
      decide: options.decide ?? decide,
      intentions: this.#intentions,
      observer: this.observer,
      now: () => timers.now(),
      queue: () => this.#queue,
      onFenced: options.onFenced,
      observe: {
        reconciled: (result, seconds) => metrics().reconcile.reconciled(result, seconds),
        restarted: (agent) => metrics().reconcile.restarted(agent),
        started: (seconds) => metrics().reconcile.started(seconds),
      },
    });
    this.#queue = new WorkQueue({
      timers,
      work: (id) => reconciler.reconcile(id),
      concurrency: CONCURRENCY,
      observe: {
        added: () => metrics().queue.added(),
        retried: () => metrics().queue.retried(),
        depth: (waiting) => metrics().queue.depth(waiting),
        waited: (ms) => metrics().queue.waited(ms),
        worked: (ms) => metrics().queue.worked(ms),
      },
    });
  }

  /** All places were listed once and all agents planned. */
  get synced(): boolean {
    return this.#synced;
  }

  /** Things with our mark that no record and no manifest knows. */
  orphans(): readonly string[] {
    return this.observer
      .orphans((id) => this.#options.store.instance(id) !== undefined || this.#intentions.desired(id) !== undefined)
      .map(({ session }) => session);
  }

  async start(): Promise<void> {
    const { store } = this.#options;
    this.#watch = store.watch(store.version, ({ object }) => {
      if (object.kind === 'Agent') this.#enqueue(this.#intentions.update(object.metadata.name));
    });
    await this.observer.refresh();
    this.#enqueue(this.#intentions.replanAll());
    for (const { record } of store.instances()) this.#queue.add(record.id);
    this.#synced = true;
    this.#scheduleResync();
  }

  /** Facts about places changed. */
  replan(): void {
    this.#enqueue(this.#intentions.replanAll());
  }

  /** Finishes what is being worked on and lets go; agents stay as they are. */
  async stop(): Promise<void> {
    this.#cancelResync?.();
    this.#watch?.[Symbol.dispose]();
    await this.#queue.drain();
    this.observer[Symbol.dispose]();
  }

  /** Lists every place, looks at every instance, clears away leftovers that belong to nobody. */
  async resync(): Promise<void> {
    const { store, places, log } = this.#options;
    await this.#options.onResync?.();
    await this.observer.refresh();
    for (const { record } of store.instances()) this.#queue.add(record.id);
    this.#enqueue(this.#intentions.replanAll());
    for (const { place, runtime, transport } of places) {
      try {
        store.assertNotFenced();
        const swept = await runtime.sweep(transport, this.#over());
        if (swept > 0) log('leftover processes ended', { place: `${place.host}/${place.runtime}`, count: swept });
      } catch (error) {
        log('sweep failed, will be tried at the next resync', {
          place: `${place.host}/${place.runtime}`,
          error: String(error),
        });
      }
    }
  }

  /** Which incarnations are known to be over: what still carries their mark is a leftover. */
  #over(): ReadonlyMap<InstanceId, Instant> {
    const over = new Map<InstanceId, Instant>();
    for (const { record } of this.#options.store.instances()) {
      const incarnation = knownOver(record.snapshot.memory);
      if (incarnation !== undefined) over.set(record.id, incarnation);
    }
    return over;
  }

  #scheduleResync(): void {
    const { timers, resyncMs, random } = this.#options;
    this.#cancelResync = timers.after(resyncMs * (1 + RESYNC_JITTER * random()), () => {
      void this.resync().finally(() => this.#scheduleResync());
    });
  }

  #lookAt(ids: readonly InstanceId[] | 'all'): void {
    if (!this.#synced) return;
    if (ids !== 'all') this.#enqueue(ids);
    else for (const { record } of this.#options.store.instances()) this.#queue.add(record.id);
  }

  #enqueue(ids: readonly InstanceId[]): void {
    for (const id of ids) this.#queue.add(id);
  }
}

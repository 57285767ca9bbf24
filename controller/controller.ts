/**
 * Owns: the running whole: what enqueues, who works, when everything is looked at again, in which order it starts and stops.
 * Never: names a concrete adapter, or decides about an agent.
 */
import type { PaneState, Screen } from '../adapters/profiles/screen.ts';
import type { Runtime } from '../adapters/runtimes/runtime.ts';
import type { Transport } from '../adapters/transport/transport.ts';
import type { ProfileName } from '../api/resources/agent/agent.ts';
import type { AgentFacts } from '../api/resources/agent/facts.ts';
import type { HostName, InstanceId } from '../api/resources/names.ts';
import type { DurationMs, Instant } from '../api/resources/time.ts';
import { decide } from './machine/decide.ts';
import { knownOver } from './machine/gap.ts';
import type { Decide, Observation } from './machine/snapshot.ts';
import type { Metrics } from './metrics.ts';
import { PlacesObserver } from './observed/observer.ts';
import { PlaceView } from './observed/place-view.ts';
import { ScreenReaders } from './observed/screen-readers.ts';
import { refusalOf } from './observed/start-refusal.ts';
import { type Place, type PlaceKey, placeKey } from './plan/desired-instance.ts';
import { type PlanFacts, planAgent } from './plan/plan-instances.ts';
import type { RolloutInput, RolloutStep } from './plan/rollout/rollout.ts';
import { Checks } from './reconcile/effects/checks.ts';
import { EffectRunner, type EffectRunnerOptions, type RunHook } from './reconcile/effects/effect-runner.ts';
import { Typist } from './reconcile/effects/typist.ts';
import { Expiry } from './reconcile/expiry.ts';
import { Intentions } from './reconcile/intentions.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { Released } from './reconcile/released.ts';
import { Rollouts } from './reconcile/rollouts.ts';
import { type Timers, WorkQueue } from './reconcile/work-queue.ts';
import type { InstanceRecord, Store } from './store/store.ts';
import type { WorkspaceSyncer } from './workspace/syncer.ts';

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
  readonly typist?: Typist;
  /** What is known of an agent besides its screen; absent: nothing. */
  readonly factsOf?: (id: InstanceId, state: PaneState, at: Instant) => Promise<AgentFacts>;
  /** Done on the agent's machine before each start. */
  readonly beforeStart?: EffectRunnerOptions['beforeStart'];
  /** Deploys the files that come with agents. */
  readonly files?: WorkspaceSyncer;
  /** Absent: no place has leases. */
  readonly leaseFile?: (host: HostName) => string;
  /** How the screens of a profile read. */
  readonly readScreen?: (profile: ProfileName, screen: Screen) => PaneState;
  readonly metrics: () => Omit<Metrics, 'registry'>;
  /** The decision; the simulation passes broken ones to show that it finds them. */
  readonly decide?: Decide;
  readonly stepRollout?: (input: RolloutInput) => RolloutStep;
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
/** All that changes about hosts within this time is planned with once. */
const REPLAN_MS = 1_000;
/** Share of the resync interval that jitter adds. */
const RESYNC_JITTER = 0.1;
/** A place that holds something is listed so often in that time: a look costs little, and a place that hangs tells nobody. */
const LISTS_A_RESYNC = 10;

export class Controller {
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue<InstanceId>;
  readonly #intentions: Intentions;
  readonly observer = new PlacesObserver();
  readonly #places = new Map<PlaceKey, PlaceHands>();
  readonly #rollouts: Rollouts;
  readonly #expiry: Expiry;
  readonly #checks: Checks;
  readonly screens: ScreenReaders;
  #watch: Disposable | undefined;
  #cancelResync: (() => void) | undefined;
  #cancelReplan: (() => void) | undefined;
  readonly #released = new Released();
  #synced = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { store, places, timers, metrics, log } = options;
    this.#intentions = new Intentions(store, options.facts);
    this.screens = new ScreenReaders({
      store,
      intentions: this.#intentions,
      timers,
      onChange: (ids) => this.#lookAt(ids),
      ...(options.factsOf && { facts: options.factsOf }),
      ...(options.readScreen && { readScreen: options.readScreen }),
    });
    this.#rollouts = new Rollouts({
      store,
      timers,
      log,
      facts: options.facts,
      onFenced: options.onFenced,
      lookAnew: (instances) => this.#lookAnew(instances),
      onDoubt: (ids) => this.#enqueue(ids),
      ...(options.stepRollout && { step: options.stepRollout }),
    });
    this.#expiry = new Expiry({
      store,
      timers,
      log,
      instanceNames: (record) => planAgent(record, options.facts()).map(({ name }) => name),
      onFenced: options.onFenced,
    });
    for (const hands of places) this.#join(hands);
    this.#checks = new Checks({ timers, onDone: (id) => this.#queue.add(id) });
    const runner = new EffectRunner({
      checks: this.#checks,
      places: this.#places,
      typist: options.typist ?? new Typist(timers),
      reader: (id) => this.screens.readerOf(id),
      runHook: options.runHook,
      ...(options.beforeStart && { beforeStart: options.beforeStart }),
      ...(options.files && { files: options.files }),
      leaseFile: options.leaseFile ?? (() => '/nonexistent'),
      assertNotFenced: () => store.assertNotFenced(),
      concurrencyPerPlace: CONCURRENCY_PER_PLACE,
      observe: (effect, result) => metrics().effect(effect, result),
    });
    const reconciler = new Reconciler({
      store,
      released: this.#released,
      runner,
      log,
      decide: options.decide ?? decide,
      intentions: this.#intentions,
      files: (id) => options.files?.reading(id),
      health: (id) => this.#checks.reading(id),
      refusal: async ({ id, launch }, place) => {
        const { runtime, transport } = this.#places.get(placeKey(place)) ?? {};
        return runtime && transport ? refusalOf(runtime, transport, id, launch.options.tmux.width) : {};
      },
      observer: {
        observe: (id, required, forsaken) => this.observer.observe(id, required, forsaken),
        invalidate: (id, place) => {
          this.observer.invalidate(id, place);
          if (this.#intentions.desired(id)?.onboarding) this.screens.soon(placeKey(place));
        },
      },
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
      work: async (id) => {
        await reconciler.reconcile(id);
        this.screens.expect(id);
      },
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

  #join(hands: PlaceHands): void {
    const { timers, metrics } = this.#options;
    const { place, runtime, transport } = hands;
    const key = placeKey(place);
    const reader = this.screens.join(key, { runtime, transport });
    this.#places.set(key, hands);
    this.observer.add(
      new PlaceView({
        place,
        runtime,
        transport,
        timers,
        listEveryMs: this.#options.resyncMs / LISTS_A_RESYNC,
        onChange: (ids) => this.#lookAt(ids),
        observeList: (seconds, ok) => metrics().placeListed(place.host, place.runtime, seconds, ok),
        ...(reader && { reading: (id) => reader.reading(id) }),
      }),
    );
  }

  /** Places that came or went with their host; plans everything again. */
  async changePlaces(
    added: readonly PlaceHands[],
    gone: readonly PlaceHands[],
    back: readonly PlaceHands[] = [],
  ): Promise<void> {
    for (const { place } of gone) {
      const key = placeKey(place);
      this.screens.leave(key);
      this.#places.delete(key);
      this.observer.remove(place);
    }
    for (const hands of added) this.#join(hands);
    if (!this.#synced) return;
    const isBack = (view: PlaceView) => back.some(({ place }) => placeKey(place) === placeKey(view.place));
    // A view tries again by itself, but more rarely the longer it cannot.
    for (const view of this.observer.views) if (view.unknown && isBack(view)) void view.refresh();
    if (added.length === 0 && gone.length === 0) return this.#replanSoon();
    // Before anything can be seen there: what was planned for a host that was out of reach guessed at its folders, and would
    // take what lives there for an older launch.
    const ids = this.#intentions.replanAll();
    const listed = [...this.observer.views].filter((view) =>
      added.some(({ place }) => placeKey(place) === placeKey(view.place)),
    );
    await Promise.all(listed.map((view) => view.refresh()));
    this.#enqueue(ids);
    this.#lookAt('all');
    for (const { place } of added) this.screens.soon(placeKey(place));
  }

  /** Hosts come and go by themselves; many of them at once are one reason to plan anew. */
  #replanSoon(): void {
    this.#cancelReplan ??= this.#options.timers.after(REPLAN_MS, () => {
      this.#cancelReplan = undefined;
      this.replan();
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
      if (object.kind !== 'Agent') return;
      this.#rollouts.consider(object.metadata.name);
      this.#expiry.consider(object.metadata.name);
      const ids = this.#intentions.update(object.metadata.name);
      this.#enqueue(ids);
      this.#enqueue(this.#intentions.waiting(object.metadata.name));
      if (ids.length > 0) this.screens.soon();
    });
    await this.observer.refresh();
    this.#enqueue(this.#intentions.replanAll());
    for (const { record } of store.instances()) this.#queue.add(record.id);
    this.#synced = true;
    this.#expiry.considerAll();
    this.#rollouts.considerAll();
    this.screens.soon();
    this.#scheduleResync();
  }

  /** Something was done to it from outside: its screen is read again. */
  lookAgain(id: InstanceId): void {
    this.screens.soon();
    this.#queue.add(id);
  }

  /** Where this instance is to work; undefined: it is not wanted. */
  workspaceOf(id: InstanceId): string | undefined {
    return this.#intentions.desired(id)?.launch.cwd;
  }

  /** How many instances are to live on this host. */
  plannedOn(host: HostName): number {
    return this.#intentions.placedOn(host);
  }

  /** Facts about places changed. */
  replan(): void {
    this.#enqueue(this.#intentions.replanAll());
  }

  /** Finishes what is being worked on and lets go; agents stay as they are. */
  async stop(): Promise<void> {
    this.#cancelResync?.();
    this.#cancelReplan?.();
    this.#watch?.[Symbol.dispose]();
    this.#rollouts[Symbol.dispose]();
    this.#expiry[Symbol.dispose]();
    this.screens[Symbol.dispose]();
    await this.#queue.drain();
    this.observer[Symbol.dispose]();
  }

  /** Lists every place, looks at every instance, clears away leftovers that belong to nobody. */
  async resync(): Promise<void> {
    const { store } = this.#options;
    await this.#options.onResync?.();
    await this.observer.refresh();
    this.#options.files?.doubtAll((id) => this.#intentions.desired(id) !== undefined);
    this.#checks.retain((id) => this.#intentions.desired(id)?.health !== undefined);
    this.#rollouts.considerAll();
    for (const { record } of store.instances()) this.#queue.add(record.id);
    this.#enqueue(this.#intentions.replanAll());
    await Promise.all([...this.#places.values()].map((hands) => this.#sweep(hands)));
  }

  /** All at once: the places of one machine share their looks, and a slow machine keeps no other waiting. */
  async #sweep({ place, runtime, transport }: PlaceHands): Promise<void> {
    const { store, log } = this.#options;
    const where = `${place.host}/${place.runtime}`;
    try {
      store.assertNotFenced();
      const swept = await runtime.sweep(transport, this.#over());
      if (swept > 0) log('leftover processes ended', { place: where, count: swept });
    } catch (error) {
      log('sweep failed, will be tried at the next resync', { place: where, error: String(error) });
    }
  }

  /** Which incarnations are known to be over: what still carries their mark is a leftover. */
  #over(): ReadonlyMap<InstanceId, Instant> {
    const over = new Map<InstanceId, Instant>();
    for (const { record } of this.#options.store.instances()) {
      const incarnation = knownOver(record.snapshot.memory);
      if (incarnation !== undefined) over.set(record.id, incarnation);
    }
    for (const [id, incarnation] of this.#released)
      if (!this.#options.store.instance(id) && !this.#intentions.desired(id)) over.set(id, incarnation);
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

  async #lookAnew(instances: readonly InstanceRecord[]): Promise<ReadonlyMap<string, Observation>> {
    for (const { id, snapshot } of instances)
      if (snapshot.memory.place) this.observer.invalidate(id, snapshot.memory.place);
    const looks = instances.map(async ({ id, name, snapshot }) => {
      const { place } = snapshot.memory;
      return [name, await this.observer.observe(id, place ? [place] : [])] as const;
    });
    return new Map(await Promise.all(looks));
  }

  #enqueue(ids: readonly InstanceId[]): void {
    for (const id of ids) this.#queue.add(id);
  }
}

/**
 * Owns: one run's whole stage: world, disk, weather, and the controllers that come and go on it.
 * Never: judges. A controller is the real one; all it reaches passes through its Life, so that it can be killed or stopped
 * between any two steps.
 */

import type { RuntimeKind } from '../../api/resources/agent/agent.ts';
import type { GitSourceSpec } from '../../api/resources/kinds/git-source.ts';
import { type FleetId, type HostName, type InstanceId, instanceId, LOCAL_HOST } from '../../api/resources/names.ts';
import { Controller } from '../../controller/controller.ts';
import type { GitSources } from '../../controller/desired/git/running/git-sources.ts';
import { decide } from '../../controller/machine/decide.ts';
import type { Decide } from '../../controller/machine/snapshot.ts';
import type { Metrics } from '../../controller/metrics.ts';
import { type Place, type PlaceKey, placeKey } from '../../controller/plan/desired-instance.ts';
import type { PlanFacts } from '../../controller/plan/plan-instances.ts';
import type { RolloutInput, RolloutStep } from '../../controller/plan/rollout/rollout.ts';
import type { Timers } from '../../controller/reconcile/work-queue.ts';
import type { Store } from '../../controller/store/store.ts';
import type { FaultInjector } from '../faults/faults.ts';
import { GitLaws } from '../git/git-laws.ts';
import { Hub, type Push } from '../git/hub.ts';
import { type GitBugs, makeSources, sourceRecord } from '../git/sources.ts';
import { mix, Random } from '../random.ts';
import { Door, type DoorBugs } from './door.ts';
import { FakeRuntime, noTransport, type RuntimeBugs, type Weather } from './fake-runtime.ts';
import { Life } from './life.ts';
import { Disk, MemoryStore } from './memory-store.ts';
import { VirtualTime } from './virtual-time.ts';
import { type Foreign, type Life as ProcessLife, World } from './world.ts';

export const FLEET = 'f1ee7000' as FleetId;
const HOST_B = 'hostb' as HostName;
export const PLACES: readonly [Place, ...Place[]] = [
  { host: LOCAL_HOST, runtime: 'tmux' },
  { host: LOCAL_HOST, runtime: 'process' },
  { host: HOST_B, runtime: 'tmux' },
];
const [firstPlace, ...otherPlaces] = PLACES;
export const PLACE_KEYS: readonly [PlaceKey, ...PlaceKey[]] = [placeKey(firstPlace), ...otherPlaces.map(placeKey)];
export const RESYNC_MS = 1_200_000;
const START_OF_TIME = Date.UTC(2026, 0, 1);

/** Deliberate bugs: each property has one that it must find. */
export interface Bugs extends RuntimeBugs, DoorBugs {
  readonly git?: GitBugs;
  readonly decide?: (decide: Decide) => Decide;
  readonly stepRollout?: (input: RolloutInput) => RolloutStep;
}

const AVAILABLE = { available: true, detail: 'simulated' };
const runtimesOf = (host: HostName): ReadonlyMap<RuntimeKind, typeof AVAILABLE> =>
  new Map(PLACES.filter((place) => place.host === host).map(({ runtime }) => [runtime, AVAILABLE]));

export const noMetrics: Omit<Metrics, 'registry'> = {
  queue: { added() {}, retried() {}, depth() {}, waited() {}, worked() {} },
  reconcile: { reconciled() {}, restarted() {}, started() {} },
  effect() {},
  placeListed() {},
  sourceSynced() {},
};

export interface StageOptions {
  readonly seed: number;
  readonly faults: FaultInjector;
  readonly bugs: Bugs;
  readonly foreign: readonly Foreign[];
  readonly lifeOf: (id: InstanceId, ordinal: number, argv: readonly string[]) => ProcessLife;
  readonly trace: ((line: string) => void) | undefined;
  readonly sources: Readonly<Record<string, GitSourceSpec>>;
}

/** A person who asked and was not answered looks again after this. */
const PATIENCE_MS = 1_000;

interface Incarnation {
  readonly life: Life;
  readonly store: MemoryStore;
  readonly controller: Controller;
  readonly sources: GitSources;
}

export class Stage {
  readonly time = new VirtualTime(START_OF_TIME);
  readonly disk = new Disk();
  readonly world: World;
  readonly door: Door;
  readonly hub = new Hub();
  readonly laws: GitLaws;
  readonly weather: Weather = { outageUntil: new Map(), slowUntil: new Map() };
  readonly #o: StageOptions;
  #current: Incarnation | undefined;
  #boots = 0;

  constructor(options: StageOptions) {
    this.#o = options;
    this.world = new World(this.time, PLACE_KEYS, options.foreign, options.lifeOf);
    this.door = new Door(this.disk, this.time, options.bugs);
    const { hub, disk, door, time } = this;
    this.laws = new GitLaws({ hub, disk, door, time, sources: options.sources });
    if (Object.keys(options.sources).length > 0)
      disk.onCommit = (changes, before) => this.laws.committed(changes, before);
    this.#declareSources();
  }

  get controller(): Controller | undefined {
    return this.#current?.controller;
  }

  trace(line: () => string): void {
    this.#o.trace?.(`${String(this.time.now() - START_OF_TIME).padStart(8)} ms  ${line()}`);
  }

  /** A new controller takes the token and looks at everything. */
  boot(): void {
    const life = new Life();
    const store = new MemoryStore(this.disk);
    const random = new Random(mix(this.#o.seed, `boot${this.#boots++}`));
    this.trace(() => `controller ${this.#boots} starts`);
    const timers: Timers = {
      now: () => this.time.now(),
      after: (delayMs, run) => this.time.after(delayMs, () => life.enter(run)),
    };
    const guardedStore = this.#guard(store, life, random);
    // One object: plans are kept for as long as facts are the same.
    const known = facts(guardedStore);
    const controller = new Controller({
      store: guardedStore,
      timers,
      places: PLACES.map((place) => ({
        place,
        runtime: this.#runtime(place, life, store, random),
        transport: noTransport(place.host),
      })),
      facts: () => known,
      runHook: () => Promise.resolve(),
      metrics: () => noMetrics,
      resyncMs: RESYNC_MS,
      random: () => 0.5,
      onFenced: () => {
        this.trace(() => 'a controller learns that it was replaced');
        life.kill();
      },
      log: (message, fields) => this.trace(() => `${message} ${JSON.stringify(fields)}`),
      decide: this.#o.bugs.decide?.(decide) ?? decide,
      ...(this.#o.bugs.stepRollout && { stepRollout: this.#o.bugs.stepRollout }),
    });
    const sources = makeSources({
      store: guardedStore,
      timers,
      life,
      facts: known,
      random,
      bugs: this.#o.bugs.git ?? {},
      hub: this.hub,
      time: this.time,
      faults: this.#o.faults,
      trace: (line) => this.trace(() => line),
      crash: (ms) => this.crash(ms),
    });
    this.#current = { life, store, controller, sources };
    void controller.start();
    if (Object.keys(this.#o.sources).length > 0) sources.start();
  }

  /** The database is lost: what declares things declares them anew. */
  declareAnew(): void {
    this.laws.lost();
    this.#declareSources();
    this.door.pushAll();
  }

  #declareSources(): void {
    for (const [name, spec] of Object.entries(this.#o.sources))
      this.disk.write([{ type: 'put-object', expected: 0, record: sourceRecord(name, spec, this.time.now()) }]);
  }

  push(source: string, push: Push): void {
    const { id } = this.hub.push(source, push);
    this.trace(() => `${source} is ${id.slice(0, 12)} now`);
    const tell = () => void this.#current?.sources.sync(source, {}).catch(() => undefined);
    const [due] = this.#o.faults.pass('hint');
    if (due?.do === 'drop') return;
    if (due?.do === 'late') return void this.time.after(due.ms, tell);
    tell();
    if (due?.do === 'double') tell();
  }

  /** `sac sync`: asked again for as long as whoever was asked is gone without an answer. */
  sync(source: string, force: boolean, answered = force ? this.laws.forced(source) : () => undefined): void {
    const asked = this.#current;
    let done = false;
    const end = () => {
      done = true;
      answered();
    };
    asked?.sources.sync(source, force ? { force } : {}).then(end, end);
    const look = (): void => {
      if (done) return;
      if (this.#current !== asked) this.sync(source, force, answered);
      else this.time.after(PATIENCE_MS, look);
    };
    this.time.after(PATIENCE_MS, look);
  }

  /** SIGKILL; another one starts after a while. */
  crash(downMs: number): void {
    const old = this.#current;
    if (!old) return;
    this.trace(() => `controller killed, down for ${downMs} ms`);
    old.life.kill();
    this.#current = undefined;
    this.time.after(downMs, () => this.boot());
  }

  /** SIGSTOP; another one takes over at once; SIGCONT after a while. */
  takeOver(stoppedMs: number): void {
    const old = this.#current;
    if (!old) return;
    this.trace(() => `controller stopped for ${stoppedMs} ms, another takes over`);
    old.life.stop();
    old.store.freeze();
    this.boot();
    this.time.after(stoppedMs, () => old.life.continue());
  }

  #runtime(place: Place, life: Life, store: MemoryStore, random: Random): FakeRuntime {
    const runtime = new FakeRuntime({
      place,
      world: this.world,
      faults: this.#o.faults,
      weather: this.weather,
      random,
      bugs: this.#o.bugs,
      trace: (line) => this.trace(() => line),
      strike: (fault, ms) => (fault.startsWith('crash') ? this.crash(ms) : this.takeOver(ms)),
    });
    const stillMay = () => store.assertNotFenced();
    const list = runtime.list.bind(runtime);
    const watch = runtime.watch.bind(runtime);
    const start = runtime.start.bind(runtime);
    const signal = runtime.signal.bind(runtime);
    const remove = runtime.remove.bind(runtime);
    return Object.assign(runtime, {
      list: (...args: Parameters<typeof list>) => life.call(() => list(...args)),
      watch: (t: Parameters<typeof watch>[0], onHint: Parameters<typeof watch>[1]) =>
        watch(t, (id) => life.enter(() => onHint(id))),
      start: (...args: Parameters<typeof start>) => life.call(() => start(...args), stillMay),
      signal: (...args: Parameters<typeof signal>) => life.call(() => signal(...args), stillMay),
      remove: (...args: Parameters<typeof remove>) => life.call(() => remove(...args), stillMay),
    });
  }

  #guard(store: MemoryStore, life: Life, random: Random): Store {
    const commit = store.commit.bind(store);
    const watch = store.watch.bind(store);
    return Object.assign(store, {
      commit: (...args: Parameters<typeof commit>) =>
        life.call(async () => {
          const [fault] = args[0].length > 0 ? this.#o.faults.pass('commit') : [];
          if (fault) this.trace(() => `commit [${fault.do}]`);
          if (fault?.do === 'crash-before') {
            this.crash(fault.ms);
            return [];
          }
          if (fault?.do === 'takeover-before') this.takeOver(fault.ms);
          if (fault?.do === 'fails') throw new Error('disk full');
          const versions = await commit(...args);
          if (fault?.do === 'crash-after') this.crash(fault.ms);
          await this.time.wait(random.int(0, 2));
          return versions;
        }),
      watch: (since: number, onEvent: Parameters<typeof watch>[1]) =>
        watch(since, (event) => life.enter(() => onEvent(event))),
    });
  }
}

const facts = (store: Store): PlanFacts => ({
  fleet: FLEET,
  workspaces: '/workspaces',
  userHome: '/home/user',
  hosts: new Map([...new Set(PLACES.map(({ host }) => host))].map((host) => [host, { runtimes: runtimesOf(host) }])),
  launch: (profile, spec) => ({ argv: spec.command ?? [profile], env: {}, readsActivity: profile !== 'exec' }),
  placedAt: (name) => store.instance(instanceId(FLEET, name))?.record.snapshot.memory.place,
});

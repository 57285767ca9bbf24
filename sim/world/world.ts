/**
 * Owns: the simulated world: places, the things living there, how their processes die, and the history of it all.
 * Never: knows a controller. What it records is the truth that properties are checked against.
 */
import type { Launch, Sighting } from '../../adapters/runtimes/runtime.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import type { PlaceKey } from '../../controller/plan/desired-instance.ts';
import type { VirtualTime } from './virtual-time.ts';

export type Exit = { readonly code: number } | { readonly signal: string };

/** How one start of an agent behaves: a function of who and which start it is, so that two runs can be compared. */
export interface Life {
  /** Ends by itself after this long. */
  readonly endsAfterMs?: DurationMs;
  readonly exit: Exit;
  /** How long it takes to leave after TERM; undefined: it ignores TERM. */
  readonly leavesAfterMs?: DurationMs;
  /** How long the kernel takes to end it after KILL. */
  readonly killedAfterMs: DurationMs;
}

export interface Thing {
  readonly id: InstanceId;
  readonly place: PlaceKey;
  readonly launch: Pick<Launch, 'argv' | 'env' | 'launchHash' | 'incarnation'>;
  readonly life: Life;
  readonly startedAt: Instant;
  readonly pid: number;
  /** Was asked to leave, by anybody of ours. */
  readonly asked: boolean;
  readonly ended?: { readonly at: Instant; readonly exit: Exit };
}

/** What happened to one incarnation, first to last. */
export interface Run {
  readonly id: InstanceId;
  readonly place: PlaceKey;
  readonly incarnation: Instant;
  readonly launchHash: string;
  readonly startedAt: Instant;
  endedAt?: Instant;
  exit?: Exit;
  /** Ended without leaving a corpse to read. */
  vanished: boolean;
  /** The corpse was destroyed by somebody else, perhaps before it was read. */
  corpseLost?: boolean;
  /** Somebody of ours asked it to leave before it ended. */
  asked: boolean;
}

/** A thing without our fleet's mark. */
export interface Foreign {
  readonly session: string;
  readonly place: PlaceKey;
}

interface PlaceState {
  things: ReadonlyMap<InstanceId, Thing>;
  /** Older contents, newest last: what a stale look may show. */
  readonly history: ReadonlyMap<InstanceId, Thing>[];
  readonly watchers: Set<(id: InstanceId | 'all') => void>;
}

const VERSIONS_KEPT = 6;

export class World {
  readonly time: VirtualTime;
  readonly runs = new Map<InstanceId, Run[]>();
  /** Broken laws of the world: two live incarnations, foreign things touched. */
  readonly violations: string[] = [];
  readonly foreign: readonly Foreign[];
  readonly #places: ReadonlyMap<PlaceKey, PlaceState>;
  readonly #lifeOf: (id: InstanceId, ordinal: number, argv: readonly string[]) => Life;
  /** Hears of every start and every request to leave, as it reaches the world. */
  onOrder: ((order: 'start' | 'signal', thing: Thing) => void) | undefined;
  #pid = 1000;

  constructor(
    time: VirtualTime,
    places: readonly PlaceKey[],
    foreign: readonly Foreign[],
    lifeOf: (id: InstanceId, ordinal: number, argv: readonly string[]) => Life,
  ) {
    this.time = time;
    this.foreign = foreign;
    this.#lifeOf = lifeOf;
    this.#places = new Map(places.map((key) => [key, { things: new Map(), history: [], watchers: new Set() }]));
  }

  get places(): readonly PlaceKey[] {
    return [...this.#places.keys()];
  }

  things(place: PlaceKey): ReadonlyMap<InstanceId, Thing> {
    return this.#place(place).things;
  }

  all(): readonly Thing[] {
    return [...this.#places.values()].flatMap(({ things }) => [...things.values()]);
  }

  living(id: InstanceId): readonly Thing[] {
    return this.all().filter((thing) => thing.id === id && !thing.ended);
  }

  /** What is listed, `lag` versions ago. */
  list(place: PlaceKey, lag = 0): readonly Sighting[] {
    const { things, history } = this.#place(place);
    const shown = lag === 0 ? things : (history[Math.max(0, history.length - lag)] ?? things);
    return [...shown.values()].map(toSighting);
  }

  watch(place: PlaceKey, onHint: (id: InstanceId | 'all') => void): Disposable {
    const { watchers } = this.#place(place);
    watchers.add(onHint);
    return { [Symbol.dispose]: () => void watchers.delete(onHint) };
  }

  /** Replaces a corpse of the same id; the caller has looked for a living one, unless it is broken on purpose. */
  start(place: PlaceKey, launch: Launch): void {
    const other = this.living(launch.id)[0];
    if (other)
      this.violations.push(
        `two live incarnations of ${launch.id}: ${other.launch.incarnation} in ${other.place} and ${launch.incarnation} in ${place}`,
      );
    const runs = this.runs.get(launch.id) ?? [];
    this.runs.set(launch.id, runs);
    const thing: Thing = {
      id: launch.id,
      place,
      launch,
      life: this.#lifeOf(launch.id, runs.length, launch.argv),
      startedAt: this.time.now(),
      pid: this.#pid++,
      asked: false,
    };
    runs.push({
      id: launch.id,
      place,
      incarnation: launch.incarnation,
      launchHash: launch.launchHash,
      startedAt: thing.startedAt,
      vanished: false,
      asked: false,
    });
    this.#put(thing);
    this.onOrder?.('start', thing);
    const { endsAfterMs, exit } = thing.life;
    if (endsAfterMs !== undefined) this.time.after(endsAfterMs, () => this.end(place, launch.id, exit, thing.pid));
  }

  /** Ends a process, if it is still that one. Leaves a corpse and a hint. */
  end(place: PlaceKey, id: InstanceId, exit: Exit, pid?: number): void {
    const thing = this.things(place).get(id);
    if (!thing || thing.ended || (pid !== undefined && thing.pid !== pid)) return;
    const at = this.time.now();
    this.#note(thing, (run) => Object.assign(run, { endedAt: at, exit, asked: thing.asked }));
    this.#put({ ...thing, ended: { at, exit } });
    this.hint(place, id);
  }

  signal(place: PlaceKey, id: InstanceId, how: 'term' | 'kill'): void {
    const thing = this.things(place).get(id);
    if (!thing || thing.ended) return;
    this.onOrder?.('signal', thing);
    if (!thing.asked) this.#put({ ...thing, asked: true });
    const { leavesAfterMs, killedAfterMs } = thing.life;
    if (how === 'kill') this.time.after(killedAfterMs, () => this.end(place, id, { signal: 'SIGKILL' }, thing.pid));
    else if (leavesAfterMs !== undefined)
      this.time.after(leavesAfterMs, () => this.end(place, id, { code: 0 }, thing.pid));
  }

  remove(place: PlaceKey, id: InstanceId): void {
    this.#change(place, (things) => things.delete(id));
  }

  /** It is gone without a trace, dead or alive (a tmux server killed, a reboot). */
  vanish(place: PlaceKey, id: InstanceId): void {
    const thing = this.things(place).get(id);
    if (!thing) return;
    if (!thing.ended)
      this.#note(thing, (run) => Object.assign(run, { endedAt: this.time.now(), vanished: true, asked: thing.asked }));
    else this.#note(thing, (run) => Object.assign(run, { corpseLost: true }));
    this.#change(place, (things) => things.delete(id));
    this.hint(place, id);
  }

  hint(place: PlaceKey, id: InstanceId | 'all'): void {
    for (const watcher of [...this.#place(place).watchers]) watcher(id);
  }

  /** A signal or removal hit something without our mark. */
  touchForeign({ session, place }: Foreign): void {
    this.violations.push(`foreign ${session} in ${place} was touched`);
  }

  #note(thing: Thing, change: (run: Run) => void): void {
    const run = this.runs
      .get(thing.id)
      ?.find(({ incarnation, startedAt }) => incarnation === thing.launch.incarnation && startedAt === thing.startedAt);
    if (run) change(run);
  }

  #put(thing: Thing): void {
    this.#change(thing.place, (things) => things.set(thing.id, thing));
  }

  #change(place: PlaceKey, change: (things: Map<InstanceId, Thing>) => void): void {
    const state = this.#place(place);
    state.history.push(state.things);
    if (state.history.length > VERSIONS_KEPT) state.history.shift();
    const things = new Map(state.things);
    change(things);
    state.things = things;
  }

  #place(place: PlaceKey): PlaceState {
    const state = this.#places.get(place);
    if (!state) throw new Error(`${place} is not in this world`);
    return state;
  }
}

const toSighting = ({ id, launch, startedAt, pid, ended }: Thing): Sighting => ({
  id,
  incarnation: launch.incarnation,
  launchHash: launch.launchHash,
  state: ended ? 'exited' : 'running',
  session: id,
  pid,
  startedAt,
  ...(ended && { exit: { ...ended.exit, at: ended.at } }),
});

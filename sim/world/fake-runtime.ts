/**
 * Owns: the Runtime port over the simulated world, with latency, and the faults due at each listing and effect.
 * Never: decides. Its unbroken form keeps the contract of adapters/runtimes/runtime.ts to the letter.
 */
import { type Launch, type Runtime, RuntimeError, type Sighting } from '../../adapters/runtimes/runtime.ts';
import { type Transport, TransportError } from '../../adapters/transport/transport.ts';
import type { RuntimeKind } from '../../api/resources/agent/agent.ts';
import { FencedError } from '../../api/resources/errors.ts';
import type { HostName, InstanceId } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import { type Place, type PlaceKey, placeKey } from '../../controller/plan/desired-instance.ts';
import type { EffectFault, FaultInjector } from '../faults/faults.ts';
import type { Random } from '../random.ts';
import type { World } from './world.ts';

/** Deliberately broken runtimes, for the tests of the simulation itself. */
export interface RuntimeBugs {
  /** start looks for nobody of the same id, as if ids were random. */
  readonly randomIds?: boolean;
  /** signal and remove take whatever lives under the id, whichever incarnation. */
  readonly ignoresIncarnation?: boolean;
  /** list says "nothing there" where it could not look. */
  readonly failsAsEmpty?: boolean;
  /** signal takes every session whose name begins with the id's. */
  readonly matchesPrefixes?: boolean;
}

/** What the place is like now: shared by all controllers that look at it. */
export interface Weather {
  readonly outageUntil: Map<PlaceKey, Instant>;
  readonly slowUntil: Map<PlaceKey, Instant>;
}

export interface FakeRuntimeOptions {
  readonly place: Place;
  readonly world: World;
  readonly faults: FaultInjector;
  readonly weather: Weather;
  readonly random: Random;
  readonly bugs: RuntimeBugs;
  /** The controller that uses this is killed, or stopped and replaced. */
  readonly strike: (fault: EffectFault, ms: number) => void;
  readonly trace: (line: string) => void;
}

const TIMEOUT_MS = 2_000;

export class FakeRuntime implements Runtime {
  readonly kind: RuntimeKind;
  readonly capabilities = { screen: false, attach: false, push: true };
  readonly #o: FakeRuntimeOptions;
  readonly #key: PlaceKey;

  constructor(options: FakeRuntimeOptions) {
    this.#o = options;
    this.kind = options.place.runtime;
    this.#key = placeKey(options.place);
  }

  probe(): Promise<{ readonly available: boolean; readonly detail: string }> {
    return Promise.resolve({ available: true, detail: 'simulated' });
  }

  async list(_t: Transport, ids?: readonly InstanceId[]): Promise<readonly Sighting[]> {
    const { world, faults, bugs } = this.#o;
    const due = faults.pass('list');
    await this.#latency(1, 6);
    if (bugs.failsAsEmpty && (this.#isOut() || due.some((fault) => fault.do === 'fail'))) return [];
    this.#mustReach();
    if (due.some((fault) => fault.do === 'fail')) throw new TransportError('timeout', 'listing timed out');
    const lag = due.reduce((most, fault) => (fault.do === 'stale' ? Math.max(most, fault.lag) : most), 0);
    const listed = world.list(this.#key, lag);
    if (lag > 0)
      this.#o.trace(
        `${this.#key} listed ${lag} versions old: ${listed.map(({ id, incarnation, state }) => `${id}@${incarnation} ${state}`).join(', ') || 'nothing'}`,
      );
    await this.#latency(0, 2);
    return ids ? listed.filter(({ id }) => ids.includes(id)) : listed;
  }

  watch(_t: Transport, onHint: (id: InstanceId | 'all') => void): Disposable {
    const { world, faults } = this.#o;
    return world.watch(this.#key, (id) => {
      // What happens while a place cannot be reached is not told by it.
      if (this.#isOut()) return;
      const [due] = faults.pass('hint');
      if (due?.do === 'drop') return;
      if (due?.do === 'late') return void world.time.after(due.ms, () => onHint(id));
      onHint(id);
      if (due?.do === 'double') onHint(id);
    });
  }

  start(_t: Transport, launch: Launch): Promise<void> {
    const { world, bugs } = this.#o;
    return this.#effect(`start ${launch.id}@${launch.incarnation}`, () => {
      const there = world.things(this.#key).get(launch.id);
      if (there && !there.ended && !bugs.randomIds) {
        if (there.launch.launchHash === launch.launchHash) return;
        throw new RuntimeError(`${launch.id} already lives in ${this.#key} with another launch`);
      }
      if (there && there.launch.incarnation >= launch.incarnation && !bugs.randomIds) return;
      world.start(this.#key, launch);
    });
  }

  signal(_t: Transport, id: InstanceId, incarnation: Instant, how: 'term' | 'kill'): Promise<void> {
    const { world, bugs } = this.#o;
    return this.#effect(`${how} ${id}@${incarnation}`, () => {
      if (bugs.matchesPrefixes)
        for (const foreign of world.foreign)
          if (foreign.place === this.#key && foreign.session.startsWith(id)) world.touchForeign(foreign);
      const thing = world.things(this.#key).get(id);
      if (thing && (bugs.ignoresIncarnation || thing.launch.incarnation === incarnation))
        world.signal(this.#key, id, how);
    });
  }

  remove(_t: Transport, id: InstanceId, incarnation: Instant): Promise<void> {
    const { world, bugs } = this.#o;
    return this.#effect(`remove ${id}@${incarnation}`, () => {
      const thing = world.things(this.#key).get(id);
      if (!thing || (thing.launch.incarnation !== incarnation && !bugs.ignoresIncarnation)) return;
      if (thing.ended) world.remove(this.#key, id);
      else if (bugs.ignoresIncarnation) world.vanish(this.#key, id);
    });
  }

  /** What carries a mark that is over is killed, without being asked whether a listing shows it as alive. */
  async sweep(_t: Transport, over: ReadonlyMap<InstanceId, Instant>): Promise<number> {
    const { world, trace } = this.#o;
    if (this.#isOut()) throw new TransportError('unreachable', `${this.#key} cannot be reached`);
    const leftovers = [...world.things(this.#key).values()].filter(
      ({ id, ended, launch }) => !ended && launch.incarnation <= (over.get(id) ?? -1),
    );
    for (const { id } of leftovers) {
      trace(`${this.#key} sweep kills ${id}`);
      world.signal(this.#key, id, 'kill');
    }
    return leftovers.length;
  }

  async *logs(): AsyncIterable<string> {}

  async #effect(what: string, perform: () => void): Promise<void> {
    const { faults, strike, trace, world } = this.#o;
    const [fault] = faults.pass('effect');
    trace(`${this.#key} ${what}${fault ? ` [${fault.do}]` : ''}`);
    if (fault?.do === 'crash-before' || fault?.do === 'takeover-before') {
      strike(fault.do, fault.ms);
      // A dead one never hears this; a stopped one had not asked yet, and is refused when it goes on.
      throw new FencedError('another controller has taken over');
    }
    await this.#latency(2, 12);
    this.#mustReach();
    switch (fault?.do) {
      case 'not-done':
        return;
      case 'fails':
        throw new TransportError('unreachable', `${what}: connection refused`);
      case 'reply-late':
        world.time.after(fault.ms, () => {
          try {
            perform();
          } catch {
            // Nobody is there to hear it.
          }
        });
        throw new TransportError('timeout', `${what}: timed out`);
      case 'reply-lost':
        perform();
        await world.time.wait(TIMEOUT_MS);
        throw new TransportError('timeout', `${what}: timed out`);
      case 'crash-after':
      case 'takeover-after':
        perform();
        strike(fault.do, fault.ms);
        return;
      case undefined:
        perform();
        return this.#latency(1, 8);
    }
  }

  #isOut(): boolean {
    return (this.#o.weather.outageUntil.get(this.#key) ?? 0) > this.#o.world.time.now();
  }

  #mustReach(): void {
    if (this.#isOut()) throw new TransportError('unreachable', `${this.#key} cannot be reached`);
  }

  #latency(low: number, high: number): Promise<void> {
    const { world, weather, random } = this.#o;
    const slow = (weather.slowUntil.get(this.#key) ?? 0) > world.time.now();
    return world.time.wait(random.int(low, high) * (slow ? 100 : 1));
  }
}

/** Fake runtimes reach the world without a transport. */
export const noTransport = (host: HostName): Transport => {
  const refuse = () => {
    throw new TransportError('missing-program', 'there is no transport in the simulation');
  };
  return {
    host,
    run: refuse,
    converse: refuse,
    putFiles: refuse,
    interactive: (argv) => argv,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
};

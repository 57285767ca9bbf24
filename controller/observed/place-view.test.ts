import { describe, expect, it } from 'vitest';
import type { Runtime, Sighting } from '../../adapters/runtimes/runtime.ts';
import { type HostName, type InstanceId, LOCAL_HOST } from '../../api/resources/names.ts';
import { noTransport } from '../../sim/world/fake-runtime.ts';
import { VirtualTime } from '../../sim/world/virtual-time.ts';
import type { Place } from '../plan/desired-instance.ts';
import { PlacesObserver } from './observer.ts';
import { PlaceView } from './place-view.ts';

const A = 'f1ee7000.a' as InstanceId;
const B = 'f1ee7000.b' as InstanceId;
const sighting = (id: InstanceId, state: Sighting['state'] = 'running', incarnation = 1): Sighting => ({
  id,
  incarnation,
  launchHash: 'h',
  state,
  session: id,
});

/** A place whose listings end when the test says so, or at once. */
class Rig {
  readonly time = new VirtualTime(0);
  things: Sighting[] = [];
  broken = false;
  held = false;
  readonly asked: (readonly InstanceId[] | 'all')[] = [];
  readonly changes: (readonly InstanceId[] | 'all')[] = [];
  readonly view: PlaceView;
  hint: (id: InstanceId | 'all') => void = () => undefined;
  told: (ids: readonly InstanceId[] | 'all') => void = () => undefined;
  #release: (() => void)[] = [];

  constructor(kind: 'tmux' | 'process' = 'tmux', host = LOCAL_HOST) {
    const rest = () => Promise.reject(new Error('not asked for here'));
    const runtime: Runtime = {
      kind,
      capabilities: { screen: false, attach: false, push: true },
      probe: () => Promise.resolve({ available: true, detail: '' }),
      list: async (_t, ids) => {
        this.asked.push(ids ?? 'all');
        // What is listed is what was there when the listing began.
        const { things, broken } = this;
        if (this.held) await new Promise<void>((resolve) => this.#release.push(resolve));
        if (broken) throw new Error('no answer');
        return things;
      },
      watch: (_t, onHint) => {
        this.hint = onHint;
        return { [Symbol.dispose]() {} };
      },
      start: rest,
      signal: rest,
      remove: rest,
      sweep: () => Promise.resolve(0),
      async *logs() {},
    };
    this.view = new PlaceView({
      place: { host, runtime: kind },
      runtime,
      transport: noTransport(host),
      timers: this.time,
      onChange: (ids) => {
        this.changes.push(ids);
        this.told(ids);
      },
      listEveryMs: 60_000,
    });
  }

  async release(): Promise<void> {
    for (const go of this.#release.splice(0)) go();
    await this.time.settle();
  }
}

describe('the view of a place', () => {
  it('lists once for all who ask, and not again while nothing happened', async () => {
    const { view, asked, time, things } = new Rig();
    things.push(sighting(A));
    const looks = await Promise.all([view.look(A), view.look(B), view.look(A)]);
    expect(asked).toHaveLength(1);
    expect(looks.map((look) => (look.kind === 'seen' ? look.sighting?.session : look.kind))).toEqual([A, undefined, A]);
    await view.look(B);
    await time.settle();
    expect(asked.length).toBeLessThanOrEqual(2);
    const before = asked.length;
    for (let n = 0; n < 10; n++) await view.look(A);
    expect(asked).toHaveLength(before);
  });

  it('asks only for those that were invalidated', async () => {
    const { view, asked } = new Rig();
    await view.refresh();
    view.invalidate(A);
    await Promise.all([view.look(A), view.look(B)]);
    expect(asked).toEqual(['all', [A]]);
  });

  it('asks for all when they are more than a tenth of what is there, and a few', async () => {
    const { view, asked, things } = new Rig();
    const ids = Array.from({ length: 400 }, (_, i) => `f1ee7000.n${i}` as InstanceId);
    for (const id of ids) things.push(sighting(id));
    await view.refresh();
    for (const count of [40, 41]) {
      for (const id of ids.slice(0, count)) view.invalidate(id);
      await Promise.all(ids.slice(0, count).map((id) => view.look(id)));
    }
    expect(asked).toEqual(['all', ids.slice(0, 40), 'all']);
  });

  it('that cannot be looked at for one is unknown for all who were seen there, in the moment in which they are told', async () => {
    const rig = new Rig();
    rig.things.push(sighting(A), sighting(B));
    await rig.view.refresh();
    const looks: Promise<{ readonly kind: string }>[] = [];
    rig.told = () => void looks.push(rig.view.look(B));
    rig.broken = true;
    rig.view.invalidate(A);
    expect(await rig.view.look(A)).toMatchObject({ kind: 'unknown' });
    expect(rig.asked.at(-1)).toEqual([A]);
    expect(await Promise.all(looks)).toMatchObject([{ kind: 'unknown' }]);
  });

  it('looks again when something was invalidated while a listing was under way', async () => {
    const rig = new Rig();
    await rig.view.refresh();
    rig.held = true;
    rig.view.invalidate(A);
    const early = rig.view.look(A);
    await rig.time.settle();
    rig.view.invalidate(A);
    rig.things = [sighting(A)];
    const late = rig.view.look(A);
    await rig.release();
    expect(await early).toMatchObject({ kind: 'seen', sighting: undefined });
    await rig.release();
    expect(await late).toMatchObject({ kind: 'seen', sighting: { id: A } });
  });

  it('is unknown, not empty, when it cannot be listed; others asking meanwhile do not wait; recovery is told', async () => {
    const rig = new Rig();
    rig.things = [sighting(A)];
    await rig.view.refresh();
    rig.broken = true;
    rig.view.invalidate(A);
    expect(await rig.view.look(A)).toMatchObject({ kind: 'unknown', reason: 'no answer' });
    const asked = rig.asked.length;
    expect(await rig.view.look(B)).toMatchObject({ kind: 'unknown' });
    expect(rig.asked).toHaveLength(asked);
    rig.broken = false;
    rig.changes.length = 0;
    await rig.time.runUntil(2_000);
    expect(rig.changes).toContain('all');
    expect(await rig.view.look(A)).toMatchObject({ kind: 'seen', sighting: { id: A } });
  });

  it('tells those it has seen as soon as it cannot be listed, once', async () => {
    const rig = new Rig();
    rig.things = [sighting(A)];
    await rig.view.refresh();
    rig.broken = true;
    rig.changes.length = 0;
    await rig.view.refresh();
    await rig.view.refresh();
    expect(rig.changes).toEqual([[A]]);
  });

  it('tries a broken place again ever more slowly', async () => {
    const rig = new Rig();
    rig.broken = true;
    await rig.view.refresh();
    await rig.time.runUntil(600_000);
    expect(rig.asked.length).toBeGreaterThan(10);
    expect(rig.asked.length).toBeLessThan(40);
  });

  it('after a hint tells whom to look at, and looks at it anew', async () => {
    const rig = new Rig();
    rig.things = [sighting(A)];
    await rig.view.refresh();
    rig.changes.length = 0;
    rig.things = [sighting(A, 'exited')];
    rig.hint(A);
    rig.hint(A);
    expect(rig.changes).toEqual([[A], [A]]);
    expect(await rig.view.look(A)).toMatchObject({ sighting: { state: 'exited' } });
  });

  it('a resync finds what no hint told', async () => {
    const rig = new Rig();
    rig.things = [sighting(A), sighting(B)];
    await rig.view.refresh();
    rig.changes.length = 0;
    rig.things = [sighting(A, 'exited'), sighting(B)];
    await rig.view.refresh();
    expect(rig.changes).toEqual([[A]]);
  });

  it('is listed again by itself while it holds something: a place that hangs tells nobody', async () => {
    const rig = new Rig();
    rig.things = [sighting(A)];
    await rig.view.refresh();
    rig.broken = true;
    await rig.time.runUntil(rig.time.now() + 61_000);
    expect(rig.view.unknown?.reason).toBe('no answer');
    rig.broken = false;
    rig.things = [];
    await rig.time.runUntil(rig.time.now() + 61_000);
    expect(rig.view.unknown).toBeUndefined();
    rig.asked.length = 0;
    await rig.time.runUntil(rig.time.now() + 600_000);
    expect(rig.asked).toEqual([]);
    rig.view[Symbol.dispose]();
  });
});

describe('an observer of several places', () => {
  it('asks only where the instance may live, but knows of what it saw elsewhere', async () => {
    const tmux = new Rig('tmux');
    const process = new Rig('process');
    const observer = new PlacesObserver([tmux.view, process.view]);
    await observer.refresh();
    process.broken = true;
    process.view.invalidate(A);
    expect(await observer.observe(A, [tmux.view.place])).toEqual({ kind: 'seen', sightings: [] });
    expect(await observer.observe(A, [process.view.place])).toMatchObject({ kind: 'unknown' });
  });

  it('that remembers nothing has to know every place', async () => {
    const tmux = new Rig('tmux');
    const process = new Rig('process');
    const observer = new PlacesObserver([tmux.view, process.view]);
    process.broken = true;
    expect(await observer.observe(A, [])).toMatchObject({ kind: 'unknown' });
  });

  it('looks anew at a corpse it remembers elsewhere, and lets it be while that place cannot be looked at', async () => {
    const tmux = new Rig('tmux');
    const process = new Rig('process');
    const observer = new PlacesObserver([tmux.view, process.view]);
    process.things = [sighting(A, 'exited')];
    await observer.refresh();
    expect(await observer.observe(A, [tmux.view.place])).toMatchObject({ sightings: [{ id: A, state: 'exited' }] });
    process.things = [];
    observer.invalidate(A, process.view.place);
    expect(await observer.observe(A, [tmux.view.place])).toEqual({ kind: 'seen', sightings: [] });
  });
});

describe('two places that are one', () => {
  it('show one thing, where it is expected; others of its name are still told apart', async () => {
    const here = new Rig('tmux');
    const there = new Rig('tmux', 'box' as HostName);
    const observer = new PlacesObserver([here.view, there.view]);
    for (const { things } of [here, there]) things.push({ ...sighting(A), pid: 7 });
    await observer.refresh();
    const seen = async (...required: Place[]) => {
      const observation = await observer.observe(A, required);
      return observation.kind === 'seen'
        ? observation.sightings.map(({ place, pid }) => [place.host, pid])
        : observation;
    };
    expect(await seen(there.view.place)).toEqual([['box', 7]]);
    expect(await seen(here.view.place)).toEqual([[LOCAL_HOST, 7]]);
    expect(await seen()).toHaveLength(1);
    here.things = [{ ...sighting(A, 'running', 2), pid: 8 }];
    await observer.refresh();
    expect(await seen(there.view.place)).toEqual([
      [LOCAL_HOST, 8],
      ['box', 7],
    ]);
  });
});

describe('an instance that left a lost place', () => {
  const places = async () => {
    const [lost, home] = [new Rig('tmux'), new Rig('process')];
    lost.things = [sighting(A)];
    const observer = new PlacesObserver([lost.view, home.view]);
    await observer.refresh();
    lost.broken = true;
    await observer.refresh();
    home.things = [sighting(A, 'running', 2)];
    await home.view.refresh();
    return { lost, home, observer };
  };

  it('is unknown as long as it may live there', async () => {
    const { observer, home } = await places();
    expect((await observer.observe(A, [home.view.place])).kind).toBe('unknown');
  });

  it('is known where it lives once that place was forsaken, also later, and what is found there counts again', async () => {
    const { observer, lost, home } = await places();
    const seen = async (forsaken?: typeof lost.view.place) => {
      const look = await observer.observe(A, [home.view.place], forsaken);
      return look.kind === 'seen' ? look.sightings.map(({ incarnation }) => incarnation) : look.kind;
    };
    expect(await seen(lost.view.place)).toEqual([2]);
    expect(await seen()).toEqual([2]);
    lost.broken = false;
    await lost.view.refresh();
    expect(await seen()).toEqual([1, 2]);
  });
});

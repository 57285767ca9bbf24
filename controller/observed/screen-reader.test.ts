import { describe, expect, it } from 'vitest';
import type { Screen } from '../../adapters/profiles/screen.ts';
import type { Runtime } from '../../adapters/runtimes/runtime.ts';
import { type InstanceId, LOCAL_HOST } from '../../api/resources/names.ts';
import { noTransport } from '../../sim/world/fake-runtime.ts';
import { VirtualTime } from '../../sim/world/virtual-time.ts';
import { ScreenReader, type Watched } from './screen-reader.ts';

const A = 'f1ee7000.a' as InstanceId;
const B = 'f1ee7000.b' as InstanceId;

function rig() {
  const time = new VirtualTime(0);
  const watched = new Map<InstanceId, Watched>();
  const screens = new Map<InstanceId, Screen>();
  const changes: InstanceId[] = [];
  let asked = 0;
  const rest = () => Promise.reject(new Error('not asked for here'));
  const runtime: Runtime = {
    kind: 'tmux',
    capabilities: { screen: true, attach: false, push: true },
    probe: rest,
    list: rest,
    start: rest,
    signal: rest,
    remove: rest,
    sweep: rest,
    async *logs() {},
    screen: (_t, ids) => {
      asked++;
      return Promise.resolve(new Map([...screens].filter(([id]) => ids.includes(id))));
    },
  };
  const reader = new ScreenReader({
    runtime,
    transport: noTransport(LOCAL_HOST),
    timers: time,
    watched: () => watched,
    onChange: (ids) => changes.push(...ids),
  });
  return { time, watched, screens, changes, reader, asked: () => asked };
}
const watch = (over: Partial<Watched> = {}): Watched => ({
  read: () => ({ activity: 'idle', reason: 'it is idle' }),
  readyPatterns: [],
  customDialogs: [],
  pollMs: 250,
  pending: true,
  ...over,
});

describe('a reader', () => {
  // Seen on CI: the look behind a start came before the pass that saw it run, and nobody asked for another.
  it('finds who is watched only after the last time it was told to look', async () => {
    const { time, watched, screens, changes, reader, asked } = rig();
    reader.soon();
    await time.runUntil(1_000);
    expect(asked()).toBe(0);
    watched.set(A, watch());
    screens.set(A, { text: '>' });
    await time.runUntil(5_000);
    expect(changes).toEqual([A]);
    expect(reader.reading(A)?.activity).toBe('idle');
    reader[Symbol.dispose]();
  });

  it('goes on with the others when one screen cannot be read', async () => {
    const { time, watched, screens, reader } = rig();
    const broken = () => {
      throw new Error('a box without sides');
    };
    watched.set(A, watch({ read: broken })).set(B, watch());
    screens.set(A, { text: 'x' }).set(B, { text: '>' });
    reader.soon();
    await time.runUntil(1_000);
    expect(reader.reading(A)).toMatchObject({ activity: 'unknown', reason: expect.stringContaining('without sides') });
    expect(reader.reading(B)?.activity).toBe('idle');
    reader[Symbol.dispose]();
  });
});

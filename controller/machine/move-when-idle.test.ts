/** A drained host: what works there stays until it is at its prompt. */
import { expect, it } from 'vitest';
import { type HostName, LOCAL_HOST } from '../../api/resources/names.ts';
import { decide } from './decide.ts';
import { type MachineSnapshot, NEW_SNAPSHOT, type PlacedSighting } from './snapshot.ts';
import { desiredExample } from './status/phase-table.ts';

const NOW = 1_000_000;
const OLD = { host: LOCAL_HOST, runtime: 'tmux' as const };
const desired = {
  ...desiredExample,
  place: { host: 'b' as HostName, runtime: 'tmux' as const },
  launchHash: 'there',
  readsActivity: true,
  moveWhenIdle: true as const,
};
const snapshot: MachineSnapshot = {
  ...NEW_SNAPSHOT,
  phase: 'Running',
  memory: {
    ...NEW_SNAPSHOT.memory,
    incarnation: 5,
    place: OLD,
    liveSince: 10,
    readySince: 20,
    observedGeneration: desired.generation,
  },
};
const living = (activity: 'idle' | 'working'): PlacedSighting => ({
  place: OLD,
  incarnation: 5,
  launchHash: 'here',
  state: 'running',
  session: 'web',
  reading: { at: NOW, since: 0, activity, reason: 'x', matchesReady: false },
});
const decided = (
  activity: 'idle' | 'working',
  change: Partial<typeof desired> & { readonly restartAt?: number } = {},
) =>
  decide({
    id: desired.id,
    desired: { ...desired, ...change },
    observed: { kind: 'seen', sightings: [living(activity)] },
    snapshot,
    now: NOW,
  });
const asked = (decision: ReturnType<typeof decided>) => decision.effects.map(({ type }) => type);

it('works on, and says why', () => {
  const decision = decided('working');
  expect(asked(decision)).toEqual([]);
  expect(decision.snapshot).toMatchObject({ phase: 'Running', memory: { place: OLD } });
  expect(decision.snapshot.conditions.find(({ type }) => type === 'UpToDate')).toMatchObject({
    status: 'False',
    reason: 'WaitsForIdle',
  });
});
it('moves when idle', () => expect(asked(decided('idle'))).toEqual(['term']));
it('moves when it is restarted anyway', () => expect(asked(decided('working', { restartAt: 100 }))).toEqual(['term']));
it('moves at once when nobody can tell idle from working', () =>
  expect(asked(decided('working', { readsActivity: false }))).toEqual(['term']));

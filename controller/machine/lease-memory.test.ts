/** What was launched without a lease is never remembered as having one, however the manifest changes. */
import { describe, expect, it } from 'vitest';
import type { HostName } from '../../api/resources/names.ts';
import { LEASE_MS } from '../plan/placement.ts';
import { decide } from './decide.ts';
import { type MachineSnapshot, NEW_SNAPSHOT, type PlacedSighting } from './snapshot.ts';
import { desiredExample } from './status/phase-table.ts';

const FAR = { host: 'far' as HostName, runtime: 'tmux' as const };
const WITHOUT = {
  ...desiredExample,
  place: FAR,
  launchHash: 'without',
  update: { strategy: 'OnDelete' as const, maxWaitMs: 0 },
};
const WITH = { ...WITHOUT, generation: WITHOUT.generation + 1, launchHash: 'with', leaseMs: LEASE_MS };

/** One pass; `launchHash`: what lives there, absent: nothing. */
function pass(snapshot: MachineSnapshot, desired: typeof WITHOUT | typeof WITH, now: number, launchHash?: string) {
  const { incarnation = 7 } = snapshot.memory;
  const living: PlacedSighting = {
    place: FAR,
    incarnation,
    launchHash: launchHash ?? '',
    state: 'running',
    session: 'web',
  };
  const observed = { kind: 'seen' as const, sightings: launchHash === undefined ? [] : [living] };
  return decide({ id: desired.id, desired, observed, snapshot, now }).snapshot;
}
const leased = ({ memory }: MachineSnapshot): boolean => memory.leased === true;

describe('whether an instance has a lease', () => {
  it('is what it was started with, until it is started anew', () => {
    let now = pass(NEW_SNAPSHOT, WITHOUT, 1_000);
    expect(leased(now)).toBe(false);
    for (const [at, desired] of [WITHOUT, WITH, WITH].entries()) now = pass(now, desired, 2_000 + at, 'without');
    expect([now.phase, leased(now)]).toEqual(['Running', false]);

    const started = pass(NEW_SNAPSHOT, WITH, 1_000);
    expect(leased(started)).toBe(true);
    expect(leased(pass(pass(started, WITH, 2_000, 'with'), WITHOUT, 3_000, 'with'))).toBe(true);
  });

  it('is not believed of a start that is repeated: the first one may have worked', () => {
    const first = pass(NEW_SNAPSHOT, WITHOUT, 1_000);
    expect(leased(pass(first, WITH, 60_000))).toBe(false);
    const other = pass(NEW_SNAPSHOT, WITH, 1_000);
    expect(leased(pass(other, WITHOUT, 60_000))).toBe(false);
    expect(leased(pass(other, WITH, 60_000))).toBe(true);
  });

  it('is told by its launch where nothing is remembered, as of a record that is older than this', () => {
    expect(leased(pass(NEW_SNAPSHOT, WITH, 1_000, 'with'))).toBe(true);
    expect(leased(pass(NEW_SNAPSHOT, WITH, 1_000, 'without'))).toBe(false);
    let now = NEW_SNAPSHOT;
    for (const at of [1_000, 2_000, 60_000]) now = pass(now, WITH, at, 'with');
    const { leased: _, ...older } = now.memory;
    expect(leased(pass({ ...now, memory: older }, WITH, 70_000, 'with'))).toBe(true);
  });
});

import { expect, it } from 'vitest';
import { decide } from '../decide.ts';
import type { Reading } from '../onboarding.ts';
import type { MachineSnapshot, PlacedSighting } from '../snapshot.ts';
import { eventsFor } from './conditions.ts';
import { desiredExample } from './phase-table.ts';

const T = 1_000_000;

/** An agent that is up, whose screen is read again and again. */
function life() {
  const place = { host: 'local', runtime: 'tmux' } as PlacedSighting['place'];
  const onboarding = { answers: [], idleMs: 0, timeoutMs: 60_000, onTimeout: 'fail', submit: [] } as const;
  const desired = { ...desiredExample, onboarding };
  let now = T;
  let snapshot: MachineSnapshot = {
    phase: 'Running',
    memory: {
      attempts: 0,
      restarts: 0,
      observedGeneration: 1,
      incarnation: T - 60_000,
      place,
      liveSince: T - 60_000,
      readySince: T - 50_000,
      onboarding: { incarnation: T - 60_000, since: T - 60_000, done: T - 50_000 },
    },
    conditions: [],
  };
  return (activity: Reading['activity'], over: Partial<Reading> = {}) => {
    now += 1000;
    const reading: Reading = { at: now, since: now, activity, reason: 'as seen', matchesReady: true, ...over };
    const thing: PlacedSighting = {
      place,
      incarnation: T - 60_000,
      launchHash: 'declared',
      state: 'running',
      session: 's',
      reading,
    };
    const decision = decide({ id: desired.id, desired, observed: { kind: 'seen', sightings: [thing] }, snapshot, now });
    ({ snapshot } = decision);
    const bad = ['RequestFailed', 'AuthFailed', 'QuotaLimited', 'Blocked'] as const;
    return {
      bad: snapshot.conditions
        .filter(({ type, status }) => bad.some((one) => one === type) && status === 'True')
        .map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
      events: decision.events.map(({ type, reason, message }) => `${type} ${reason} ${message}`),
    };
  };
}

it.each([
  ['overloaded', 'Overloaded'],
  ['server_error', 'ServerError'],
  [undefined, 'ApiError'],
] as const)(
  'a failed request that is the fault of %s has a condition of its own, with an event, and is over',
  (fault, reason) => {
    const shows = life();
    expect(shows('idle').bad).toEqual([]);
    const failed = shows('error', { reason: '529: Overloaded', ...(fault && { fault }) });
    expect(failed.bad).toEqual([`RequestFailed ${reason}: 529: Overloaded`]);
    expect(failed.events).toEqual([`Warning RequestFailed ${reason}: 529: Overloaded`]);
    const over = shows('working');
    expect(over.bad).toEqual([]);
    expect(over.events).toEqual(['Normal RequestFailedOver No failure of a request is shown.']);
  },
);

it('what the account is refused is no failure of the service', () => {
  const shows = life();
  expect(shows('rate_limited').bad).toEqual(['QuotaLimited RateLimited: as seen']);
  expect(shows('auth_error').bad).toEqual(['AuthFailed AuthError: as seen']);
});

it.each([
  ['submit 0', 'Submits startup text 1 (attempt 2).'],
  ['send 1', 'Sends startup text 1 again (attempt 2).'],
  ['dialog trust', 'Answers dialog trust (attempt 2).'],
])('what was done at start (%s) is told as what it is', (what, message) => {
  const onboarding = { incarnation: 1, since: 1 };
  const memory = { attempts: 0, restarts: 0, observedGeneration: 1, incarnation: 1, onboarding };
  const before: MachineSnapshot = { phase: 'Running', memory, conditions: [] };
  const after = { ...before, memory: { ...memory, onboarding: { ...onboarding, last: { what, at: 2, times: 2 } } } };
  expect(eventsFor(before, after, 3).map((event) => event.message)).toEqual([message]);
});

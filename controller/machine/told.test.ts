import { expect, it } from 'vitest';
import { decide } from './decide.ts';
import type { Reading } from './onboarding.ts';
import type { FilesReading, MachineSnapshot, PlacedSighting } from './snapshot.ts';
import { desiredExample } from './status/phase-table.ts';

const T = 1_000_000;
const hooks = { ...desiredExample.hooks, onDiff: ['tell'], onCompact: ['note'] };
const onboarding = { answers: [], idleMs: 0, timeoutMs: 60_000, onTimeout: 'fail', submit: [] } as const;
const plan = { key: 'k', cwd: '/w', files: [], leftOut: [] } as never;

/** An agent that runs and is ready, looked at pass by pass; gives the hooks that are asked for. */
function life(change: Partial<typeof desiredExample> = {}) {
  const place = { host: 'local', runtime: 'tmux' } as PlacedSighting['place'];
  const desired = { ...desiredExample, hooks, onboarding, ...change };
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
  const thing: PlacedSighting = {
    place,
    incarnation: T - 60_000,
    launchHash: 'declared',
    state: 'running',
    session: 's',
  };
  return (seen: Partial<PlacedSighting> = {}, files?: FilesReading): readonly string[] => {
    now += 100;
    const sightings = [{ ...thing, ...seen }];
    const decision = decide({ id: desired.id, desired, observed: { kind: 'seen', sightings }, snapshot, files, now });
    const changed = decision.snapshot !== snapshot;
    snapshot = JSON.parse(JSON.stringify(decision.snapshot));
    const points = decision.effects.flatMap((effect) => (effect.type === 'hook' ? [effect.point] : []));
    // What is told is remembered by the same pass.
    if (points.length > 0) expect(changed).toBe(true);
    return points;
  };
}
const reading = (activity: Reading['activity'], since: number, over: Partial<Reading> = {}): { reading: Reading } => ({
  reading: { at: since, since, activity, reason: '', matchesReady: true, ...over },
});
const files = (over: Partial<FilesReading>): FilesReading => ({
  key: 'k',
  ok: true,
  reason: 'Synced',
  message: 'ok',
  stale: false,
  ...over,
});

it('a launch that differs is told once, again when it differs anew, and never when it is as declared', () => {
  const look = life({ update: { strategy: 'OnDelete', maxWaitMs: 0 } });
  expect(look()).toEqual([]);
  expect(look({ launchHash: 'other' })).toEqual(['on_diff']);
  expect(look({ launchHash: 'other' })).toEqual([]);
  expect(look()).toEqual([]);
  expect(look({ launchHash: 'other' })).toEqual(['on_diff']);
});

it('a launch that differs and is replaced at once is told before it is asked to leave', () => {
  const look = life({ update: { strategy: 'Immediate', maxWaitMs: 0 } });
  expect(look({ launchHash: 'other' })).toEqual(['on_diff']);
  expect(look({ launchHash: 'other' })).toEqual([]);
});

it('deployed files that were changed are told once: when it is reported, and each time they are mended', () => {
  const look = life({ workspace: plan });
  expect(look({}, files({}))).toEqual([]);
  const drifted = files({ ok: false, reason: 'Drifted', message: 'Changed at the place: a.' });
  expect(look({}, drifted)).toEqual(['on_diff']);
  expect(look({}, drifted)).toEqual([]);
  expect(look({}, files({ mendedAt: T + 5 }))).toEqual(['on_diff']);
  expect(look({}, files({ mendedAt: T + 5 }))).toEqual([]);
  // A controller that comes back knows of no mending.
  expect(look({}, files({}))).toEqual([]);
  expect(look({}, files({ mendedAt: T + 9 }))).toEqual(['on_diff']);
  // What is known of another plan says nothing of this one.
  expect(look({}, files({ key: 'old', reason: 'Drifted', ok: false }))).toEqual([]);
});

it('mended files are told also of what has no prompt and is settled', () => {
  const { onboarding: _, ...plain } = { ...desiredExample, onboarding };
  const look = life({ ...plain, hooks, onboarding: undefined as never, workspace: plan });
  for (let n = 0; n < 3; n++) expect(look({}, files({}))).toEqual([]);
  expect(look({}, files({ mendedAt: T + 5 }))).toEqual(['on_diff']);
});

it('a compaction is told once, however its hook and its screen tell of it', () => {
  const look = life();
  expect(look(reading('working', T - 900))).toEqual([]);
  expect(look(reading('compacting', T + 300, { compactedAt: T + 200 }))).toEqual(['on_compact']);
  expect(look(reading('compacting', T + 300, { compactedAt: T + 200 }))).toEqual([]);
  // An unreadable screen in between is no end.
  expect(look(reading('unknown', T + 400, { compactedAt: T + 200 }))).toEqual([]);
  expect(look(reading('compacting', T + 20_000, { compactedAt: T + 200 }))).toEqual([]);
  expect(look(reading('idle', T + 30_000, { compactedAt: T + 200 }))).toEqual([]);
  expect(look(reading('compacting', T + 60_000, { compactedAt: T + 60_000 }))).toEqual(['on_compact']);
});

it('a compaction that was over before anybody looked is told by its hook; one of an earlier life is not', () => {
  const look = life();
  expect(look(reading('idle', T - 900, { compactedAt: T - 70_000 }))).toEqual([]);
  expect(look(reading('idle', T + 900, { compactedAt: T + 200 }))).toEqual(['on_compact']);
  expect(look(reading('working', T + 999, { compactedAt: T + 200 }))).toEqual([]);
});

it('a compaction that only the screen shows is told', () => {
  const look = life();
  expect(look(reading('compacting', T + 300))).toEqual(['on_compact']);
  expect(look(reading('working', T + 900))).toEqual([]);
  expect(look(reading('compacting', T + 50_000))).toEqual(['on_compact']);
});

/**
 * Owns: what a schedule makes of what is wanted, at one moment: run, rest, wait; due is what comes from the clock alone,
 * so that a controller that was away finds the same.
 * Never: remembers that a start was begun: the incarnation says that.
 */
import type { ConditionStatus } from '../../api/resources/meta.ts';
import { type DurationMs, type Instant, isoTime } from '../../api/resources/time.ts';
import type { DesiredInstance } from '../plan/desired-instance.ts';
import { type SchedulePlan, type Timing, timingAt } from '../plan/timing.ts';
import type { MachineSnapshot, Memory, PlacedSighting, SnapshotPhase } from './snapshot.ts';

export interface AtTime {
  /** What is wanted now. */
  readonly desired: DesiredInstance;
  readonly timing: Timing;
  /** For the condition Scheduled. */
  readonly fact: readonly [ConditionStatus, string, string];
  readonly wakeAt?: Instant;
}

/** A timer further away than this is set again on the way. */
const FARTHEST_MS: DurationMs = 12 * 3_600_000;
/** A start that has not come about for so long is told: nothing else does where no deadline gives it up. */
const OVERDUE_MS: DurationMs = 10 * 60_000;
/** Reason of the condition Scheduled of what rests for another reason than its schedule. */
export const SUSPENDED = 'Suspended';
/** In these, something is on its way that the restart policy looks after. */
const ACTIVE: ReadonlySet<SnapshotPhase> = new Set(['Queued', 'Starting', 'Running', 'Stopping', 'Backoff']);

/** Undefined: it has no schedule. */
export function atTime(
  desired: DesiredInstance | undefined,
  sightings: readonly PlacedSighting[],
  { phase, memory }: Pick<MachineSnapshot, 'phase' | 'memory'>,
  now: Instant,
): AtTime | undefined {
  if (!desired?.schedule || desired.want === 'gone') return undefined;
  const { schedule } = desired;
  const timing = timingAt(schedule, memory.timing, now);
  const edge = timing.until === undefined ? {} : { wakeAt: Math.min(timing.until, now + FARTHEST_MS) };
  if (desired.want === 'rest')
    return { desired, timing, fact: no('Suspended', 'No start is planned while it is suspended.') };
  if (schedule.kind === 'window')
    return timing.open
      ? { desired, timing, fact: yes('InWindow', `Runs${until(timing.nextStop)}.`), ...edge }
      : {
          desired: { ...desired, want: 'rest' },
          timing,
          fact: no('OutsideWindow', `At rest${nextStart(timing)}.`),
          ...edge,
        };
  const newest = sightings.reduce<Instant | undefined>(
    (best, { incarnation }) => Math.max(best ?? incarnation, incarnation),
    memory.incarnation,
  );
  const isNew = (at: Instant | undefined): at is Instant => at !== undefined && (newest === undefined || newest < at);
  const late = lateness(schedule, timing, now);
  const due = isNew(timing.last) && !late ? timing.last : undefined;
  const active =
    ACTIVE.has(phase) ||
    sightings.some(({ state }) => state !== 'exited') ||
    (phase === 'Pending' && sightings.length > 0);
  const missed = isNew(timing.last) && late ? missedText(timing.last, timing) : undefined;
  const deadline = due !== undefined && schedule.deadlineMs !== undefined ? due + schedule.deadlineMs : undefined;
  if (active) {
    if (due === undefined) {
      const going = yes('Active', `A run goes on${nextStart(timing)}.`);
      return { desired, timing, fact: missed === undefined ? going : yes('MissedStart', missed), ...edge };
    }
    if (schedule.replace) return { desired: asked(desired, due), timing, fact: yes('Due', dueText(due)), ...edge };
    const wakeAt = earliest(edge.wakeAt, deadline === undefined ? undefined : deadline + 1);
    const message = `The start of ${isoTime(due)} waits for the run before it${nextStart(timing)}.`;
    return { desired, timing, fact: yes('StillRunning', message), ...(wakeAt !== undefined && { wakeAt }) };
  }
  if (due !== undefined) {
    const idleSince = Math.max(newest ?? timing.since, memory.lastExit?.at ?? 0);
    // Also of what is due so often that no start of it is ever late by itself.
    const overdueAt = Math.min(due, idleSince + (timing.nextStart ?? due) - due) + OVERDUE_MS;
    const isOverdue = now >= overdueAt;
    const wakeAt = earliest(edge.wakeAt, isOverdue ? undefined : overdueAt);
    const fact = isOverdue ? yes('Overdue', overdueText(idleSince)) : yes('Due', dueText(due));
    return { desired: asked(desired, due), timing, fact, ...(wakeAt !== undefined && { wakeAt }) };
  }
  // `sac restart`: a run of its own, whatever the clock says.
  if (isNew(desired.restartAt)) return { desired, timing, fact: yes('Due', 'A run was asked for.'), ...edge };
  const ended = phase === 'Succeeded' || phase === 'Failed';
  return {
    desired: ended ? { ...desired, notNow: true } : { ...desired, want: 'rest' },
    timing,
    fact:
      missed === undefined ? no('Waiting', `Its time has not come${nextStart(timing)}.`) : no('MissedStart', missed),
    ...edge,
  };
}

/** After a decision that ended a run: a start that waited for that comes at once. */
export const dueNext = (before: AtTime | undefined, after: SnapshotPhase, now: Instant): Instant | undefined =>
  before?.fact[1] === 'StillRunning' && !ACTIVE.has(after) ? now + 1 : before?.wakeAt;

export const sameTiming = (a: Memory['timing'], b: Memory['timing']): boolean =>
  a === b ||
  (a?.key === b?.key &&
    a?.from === b?.from &&
    a?.until === b?.until &&
    a?.since === b?.since &&
    a?.nextStart === b?.nextStart);

const yes = (reason: string, message: string) => ['True', reason, message] as const;
const no = (reason: string, message: string) => ['False', reason, message] as const;
const lateness = ({ deadlineMs }: Extract<SchedulePlan, { kind: 'runs' }>, { last }: Timing, now: Instant): boolean =>
  deadlineMs !== undefined && last !== undefined && now > last + deadlineMs;
const asked = (desired: DesiredInstance, at: Instant): DesiredInstance => ({
  ...desired,
  restartAt: Math.max(at, desired.restartAt ?? at),
});
const earliest = (a: Instant | undefined, b: Instant | undefined): Instant | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
const until = (at: Instant | undefined): string => (at === undefined ? '' : ` until ${isoTime(at)}`);
const nextStart = ({ nextStart: at }: Timing): string => (at === undefined ? '' : `; next start at ${isoTime(at)}`);
const missedText = (at: Instant, timing: Timing): string =>
  `The start of ${isoTime(at)} was missed by more than startingDeadlineSeconds${nextStart(timing)}.`;
const overdueText = (since: Instant): string =>
  `It was to run, and has not since ${isoTime(since)}; it is begun as soon as it can be.`;
const dueText = (at: Instant): string => `The start of ${isoTime(at)} is due.`;

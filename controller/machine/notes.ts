/**
 * Owns: what is remembered of an instance, one named change at a time.
 * Never: decides which change is made (chart.ts does).
 */
import type { Instant } from '../../api/resources/time.ts';
import type { DesiredInstance } from '../plan/desired-instance.ts';
import { backoffMs } from './backoff.ts';
import { attemptsSoFar, exitOf, type Pass, readyFor, seenIn } from './rules.ts';
import type { Memory } from './snapshot.ts';

const DEFAULT_GRACE_MS = 10_000;
/** A request to leave is repeated after this long, a kill after the shorter one. */
export const ASK_AGAIN_MS = 3_000;
export const KILL_AGAIN_MS = 1_000;
/** So much later than it was due means that the controller, or the way to the place, was away in between. */
const AWAY_MS = 500;

/** When a stop in progress is to be asked for again: killing starts at `killAt`. */
export const nextAskAt = (stop: NonNullable<Memory['stop']>): Instant =>
  stop.askedAt >= stop.killAt ? stop.askedAt + KILL_AGAIN_MS : Math.min(stop.killAt, stop.askedAt + ASK_AGAIN_MS);

function forget<K extends keyof Memory>(memory: Memory, ...keys: K[]): Omit<Memory, K> {
  const rest = { ...memory };
  for (const key of keys) delete rest[key];
  return rest;
}

/** What has a prompt is not ready before it stands at it. */
const onboarded = ({ onboarding }: Memory, incarnation: Instant, desired: DesiredInstance | undefined): boolean =>
  desired?.onboarding === undefined || (onboarding?.incarnation === incarnation && onboarding.done !== undefined);

export const notes = {
  beginStart: ({ memory, event }) => ({
    ...forget(
      memory,
      'notBefore',
      'liveSince',
      'readySince',
      'stop',
      'driftSince',
      'finalFor',
      'finalReason',
      'onboarding',
      'unhealthy',
      'leased',
    ),
    // Strictly newer than any incarnation known, also when the clock was set back.
    incarnation: Math.max(event.now, (memory.incarnation ?? 0) + 1, (memory.lastExit?.incarnation ?? 0) + 1),
    ...(event.desired?.place && { place: event.desired.place }),
    ...(event.desired?.leaseMs !== undefined && { leased: true as const }),
  }),
  startAgain: ({ memory, event }) => ({
    // The start before this one may yet turn out to have worked: both must have had a lease.
    ...(event.desired?.leaseMs === undefined ? forget(memory, 'leased') : memory),
    incarnation: memory.incarnation ?? event.now,
    ...(event.desired?.place && { place: event.desired.place }),
  }),
  clearAttempts: ({ memory }) => ({ ...memory, attempts: 0 }),
  markLive: ({ memory, event }) => {
    const seen = seenIn(event.gap);
    if (!seen) return memory;
    const same = memory.incarnation === seen.incarnation && memory.liveSince !== undefined;
    const adopted = memory.incarnation !== seen.incarnation;
    const liveSince = same ? memory.liveSince : adopted ? Math.min(event.now, seen.incarnation) : event.now;
    const readyAt = (liveSince ?? event.now) + (event.desired?.minReadyMs ?? 0);
    // Whatever was asked to leave is not there any more, or the gap would say so.
    const base: Memory = same
      ? forget(memory, 'stop')
      : forget(memory, 'readySince', 'driftSince', 'notBefore', 'finalFor', 'finalReason', 'stop');
    // Whether an adopted one has a lease is told by its launch alone.
    const { leased: before, ...others } = base;
    const isLeased =
      seen.launchHash === event.desired?.launchHash ? event.desired.leaseMs !== undefined : same && before === true;
    return {
      ...others,
      incarnation: seen.incarnation,
      place: seen.place,
      ...(isLeased && { leased: true as const }),
      ...(liveSince !== undefined && { liveSince }),
      ...(event.now >= readyAt &&
        onboarded(base, seen.incarnation, event.desired) && {
          readySince: base.readySince ?? Math.max(readyAt, base.onboarding?.done ?? readyAt),
        }),
    };
  },
  noteDrift: ({ memory, event }) => ({ ...memory, driftSince: memory.driftSince ?? event.now }),
  clearDrift: ({ memory }) => (memory.driftSince === undefined ? memory : forget(memory, 'driftSince')),
  beginStop: ({ memory, event }) => {
    if (event.gap.type !== 'surplus') return memory;
    const { seen, why } = event.gap;
    return {
      ...forget(memory, 'readySince'),
      stop: {
        incarnation: seen.incarnation,
        since: event.now,
        killAt: event.now + (event.desired?.graceMs ?? DEFAULT_GRACE_MS),
        askedAt: event.now,
        why,
      },
    };
  },
  askAgain: ({ memory, event }) => {
    const { stop } = memory;
    if (!stop || event.now < nextAskAt(stop)) return memory;
    const { killAt, askedAt, late } = stop;
    // The request is saved before it is made: a controller that ended in between never made it.
    const byPredecessor = askedAt < (event.since ?? askedAt);
    // Or nobody was there when it was time to ask again.
    const wasAway = late === undefined && askedAt < killAt && (byPredecessor || event.now > nextAskAt(stop) + AWAY_MS);
    if (wasAway && event.now >= killAt) {
      const grace = event.desired?.graceMs ?? DEFAULT_GRACE_MS;
      return { ...memory, stop: { ...stop, askedAt: event.now, killAt: event.now + grace, late: true } };
    }
    return { ...memory, stop: { ...stop, askedAt: event.now } };
  },
  rest: ({ memory }) => ({
    ...forget(memory, 'notBefore', 'readySince', 'liveSince', 'driftSince', 'finalFor', 'finalReason', 'stop'),
    attempts: 0,
  }),
  markQueued: ({ memory, event }) => {
    const seen = seenIn(event.gap);
    if (!seen) return memory;
    const adopted = memory.incarnation !== seen.incarnation;
    return { ...(adopted ? forget(memory, 'leased') : memory), incarnation: seen.incarnation, place: seen.place };
  },
  clearStop: ({ memory }) => forget(memory, 'stop'),
  recordExit: (pass) => {
    const exit = exitOf(pass);
    const rest = forget(pass.memory, 'liveSince');
    // A stray that left is no news of the one that counts.
    if (rest.lastExit && rest.lastExit.incarnation > exit.incarnation) return rest;
    return { ...rest, attempts: attemptsSoFar(pass), lastExit: { ...exit, readyMs: readyFor(pass) } };
  },
  countRetry: ({ memory, event }) => ({
    ...forget(memory, 'readySince', 'driftSince'),
    attempts: memory.attempts + 1,
    restarts: memory.restarts + 1,
    ...(event.desired && { notBefore: event.now + backoffMs(event.desired.restart, event.id, memory.attempts) }),
  }),
  countRestart: ({ memory }) => ({ ...memory, restarts: memory.restarts + 1 }),
  finalize: ({ memory, event }) => {
    const policyEnds =
      event.desired?.restart.policy === 'never' ||
      (event.desired?.restart.policy === 'on-failure' && memory.lastExit?.code === 0);
    return {
      ...forget(memory, 'readySince', 'driftSince'),
      finalFor: event.desired?.generation ?? memory.observedGeneration,
      finalReason:
        memory.lastExit?.code === 0 && event.desired?.restart.policy !== 'always'
          ? 'Completed'
          : policyEnds
            ? (memory.lastExit?.reason ?? 'Error')
            : 'CrashLoop',
    };
  },
} satisfies Record<string, (pass: Pass) => Memory>;

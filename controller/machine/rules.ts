/**
 * Owns: what the chart asks about one pass: how it ended, whether that is final, whether it is to be tried anew.
 * Never: changes what is remembered (notes.ts does).
 */
import { type ExitCause, VERSION_REFUSED } from '../../api/resources/agent/agent.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import { type DesiredInstance, placeKey } from '../plan/desired-instance.ts';
import { backoffMs } from './backoff.ts';
import type { Gap, GapType } from './gap.ts';
import type { ExitRecord, Memory, PlacedSighting } from './snapshot.ts';

/** A gap with what is needed to act on it. `type` is the gap's, which is how the chart selects. */
export interface GapEvent {
  readonly type: GapType;
  readonly gap: Gap;
  readonly id: InstanceId;
  readonly desired: DesiredInstance | undefined;
  readonly now: Instant;
  /** See DecideInput. */
  readonly since: Instant | undefined;
}

/** What a rule or a note is given. */
export interface Pass {
  readonly memory: Memory;
  readonly event: GapEvent;
}

export const seenIn = (gap: Gap): PlacedSighting | undefined => ('seen' in gap ? gap.seen : undefined);

/** The end that this pass learns of: read from the corpse, or concluded from absence. */
export function exitOf({ memory, event: { gap, now, desired } }: Pass): ExitRecord {
  const seen = seenIn(gap);
  if (!seen)
    return {
      at: now,
      reason: memory.stop ? (memory.stop.why === 'unhealthy' ? 'Unhealthy' : 'Stopped') : 'Vanished',
      incarnation: memory.stop?.incarnation ?? memory.incarnation ?? now,
    };
  const { code, signal, at, foundVersion, said } = seen.exit ?? {};
  const left = memory.stop?.incarnation === seen.incarnation;
  const asked = left && memory.stop?.why !== 'unhealthy';
  const cause = left && !asked ? 'Unhealthy' : (seen.exit?.cause ?? refused(seen, desired));
  return {
    // Who was made to end and left politely has not done its work: no success.
    ...(code !== undefined && !(code === 0 && cause !== undefined && !asked) && { code }),
    ...(signal !== undefined && { signal }),
    at: at ?? now,
    reason: asked
      ? 'Stopped'
      : cause !== undefined
        ? cause
        : signal !== undefined
          ? 'Killed'
          : code === 0
            ? 'Completed'
            : code === undefined
              ? 'Vanished'
              : 'Error',
    incarnation: seen.incarnation,
    ...(foundVersion !== undefined && { foundVersion }),
    ...(said !== undefined && { said }),
  };
}

/** Without any backoff too, to crash at once is to crash in a row, however late we look. */
const FORGIVEN_AFTER_MS = 1000;

/** The launch itself tells so, by a code that is its own as long as a version is asked for. */
const refused = ({ exit }: PlacedSighting, desired: DesiredInstance | undefined): ExitCause | undefined =>
  exit?.code === VERSION_REFUSED && desired?.launch.cliVersion !== undefined ? 'VersionMismatch' : undefined;

/**
 * Retries are forgiven after the agent stayed ready for the longest backoff, at least a second. How long it stayed is taken from the place's own
 * clock where it tells: our look may come much later than the end, after a lost hint or while we were away.
 */
export function attemptsSoFar(pass: Pass): number {
  const { memory, event } = pass;
  if (!event.desired) return memory.attempts;
  return readyFor(pass) >= Math.max(event.desired.restart.maxMs, FORGIVEN_AFTER_MS) ? 0 : memory.attempts;
}

/** Of what has ended. */
export function readyFor({ memory, event: { gap, desired, now } }: Pass): DurationMs {
  const { startedAt, exit } = seenIn(gap) ?? {};
  if (startedAt !== undefined && exit?.at !== undefined)
    return Math.max(0, exit.at - startedAt - (desired?.minReadyMs ?? 0));
  return memory.readySince === undefined ? 0 : Math.max(0, now - memory.readySince);
}

/**
 * Its end is old news: since it was started, `sac restart` was asked for or the spec changed. What is declared now has not
 * been tried yet, whether or not we saw the end before the change.
 */
const askedAnew = ({ memory, event: { desired, gap } }: Pass): boolean =>
  desired !== undefined &&
  ((desired.restartAt !== undefined &&
    desired.restartAt > (seenIn(gap)?.incarnation ?? memory.incarnation ?? desired.restartAt)) ||
    (!byClock(desired) && memory.observedGeneration > 0 && desired.generation > memory.observedGeneration));

/** What it does is done when its time comes: a changed spec alone starts nothing. */
const byClock = (desired: DesiredInstance | undefined): boolean => desired?.schedule?.kind === 'runs';

const startedAnew = ({ memory, event: { desired } }: Pass): boolean =>
  desired !== undefined &&
  (desired.generation > (memory.finalFor ?? memory.observedGeneration) ||
    (desired.restartAt !== undefined &&
      memory.lastExit !== undefined &&
      desired.restartAt > memory.lastExit.incarnation &&
      desired.restartAt > (memory.incarnation ?? 0)));

/** It was asked to leave, and has left. */
const ours = ({ memory: { stop }, event }: Pass): boolean =>
  stop !== undefined && stop.incarnation === (seenIn(event.gap)?.incarnation ?? stop.incarnation);

/** It was asked to leave because it was not well, and has left: as much its own end as a crash. Unless it is old news. */
const leftUnwell = (pass: Pass): boolean => pass.memory.stop?.why === 'unhealthy' && ours(pass) && !askedAnew(pass);
const leftUnwellForGood = (pass: Pass): boolean => leftUnwell(pass) && isFinal(pass);

/** The restart policy says that this end is the last. */
function isFinal(pass: Pass): boolean {
  const { restart } = pass.event.desired ?? {};
  if (!restart) return false;
  if (restart.policy === 'never') return true;
  if (restart.policy === 'on-failure' && exitOf(pass).code === 0) return true;
  return attemptsSoFar(pass) >= restart.maxRetries;
}

const endsWell = (pass: Pass): boolean =>
  isFinal(pass) && exitOf(pass).code === 0 && pass.event.desired?.restart.policy !== 'always';

const due = ({ memory: { notBefore }, event }: Pass): boolean => notBefore === undefined || event.now >= notBefore;

const retriesAtOnce = (pass: Pass): boolean => {
  const { desired, id } = pass.event;
  return desired !== undefined && backoffMs(desired.restart, id, attemptsSoFar(pass)) === 0;
};

/** A corpse of another launch than the declared one: its end says nothing about the declared one. */
const ofAnotherLaunch = ({ event: { gap, desired } }: Pass): boolean => {
  const seen = seenIn(gap);
  return seen !== undefined && !byClock(desired) && seen.launchHash !== desired?.launchHash;
};

/** Where it lived is lost, and whatever lived there has stopped itself. */
const forsaken = ({ memory: { place }, event: { desired } }: Pass): boolean =>
  place !== undefined && desired?.forsaken !== undefined && placeKey(desired.forsaken) === placeKey(place);

// What left was a stray: the end of the one that counts stands, and so does its wait.
const stillFinal = (pass: Pass): boolean => pass.memory.finalFor !== undefined && !startedAnew(pass);
const stillDone = (pass: Pass): boolean => stillFinal(pass) && pass.memory.finalReason === 'Completed';
const stillWaiting = (pass: Pass): boolean => !due(pass) && !startedAnew(pass);

export const rules = {
  ours,
  leftUnwell,
  leftUnwellForGood,
  isFinal,
  endsWell,
  due,
  retriesAtOnce,
  startedAnew,
  askedAnew,
  ofAnotherLaunch,
  forsaken,
  stillFinal,
  stillDone,
  stillWaiting,
} satisfies Record<string, (pass: Pass) => boolean>;

/**
 * Owns: which instances may be given the newest revision now, whether a change has failed, and whether it is over. One rule:
 * what was given it is on probation until one incarnation of it has stood ready for long enough; who dies begins anew.
 * Never: takes an instance down that it has not counted: what is on probation or not well never exceeds maxUnavailable by a move.
 */

import { unavailableLimit } from '../../../api/resources/agent/update.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';
import type { Move, Rollout } from './revisions.ts';

/** One instance that the newest revision asks for, as it was last seen. */
export interface SeenInstance {
  readonly name: string;
  /** Up and ready, whatever launch that is; a batch job that is done counts. */
  readonly well: boolean;
  /** Since when this incarnation is ready; absent for what is done. */
  readonly readySince?: Instant;
  /** The last of it that ended without being asked to, and how long that had stood ready. */
  readonly ended?: { readonly incarnation: Instant; readonly stoodMs: DurationMs };
  /** It lives, or lies there done, with this launch. */
  readonly hash?: string;
  readonly incarnation?: Instant;
  /** At its prompt, or it has none. */
  readonly idle: boolean;
  /** Before then `idle` proves nothing: what it was told at its start does not show on its screen yet. */
  readonly idleFrom?: Instant;
  /** Its place could not be looked at. */
  readonly unknown: boolean;
  readonly living: boolean;
  /** Launch hash by the revision it has now, and by the newest. */
  readonly heldHash: string;
  readonly wantedHash: string;
  /** By both it is checked by the same command, or by none. */
  readonly checkedAlike: boolean;
  /** By the newest it is checked by a command: by which generation one of this incarnation passed, 0 for none. */
  readonly passed?: number;
}

export interface RolloutInput {
  readonly rollout: Rollout;
  readonly seen: readonly SeenInstance[];
  readonly generation: number;
  readonly maxUnavailable: number | string;
  readonly waitFor: 'Ready' | 'idle';
  /** How long an incarnation stands ready before others rely on it. */
  readonly healthyMs: DurationMs;
  readonly deadlineMs: DurationMs;
  /** An instance that was asked to leave may live on for this long. */
  readonly graceMs: DurationMs;
  readonly paused: boolean;
  /** Nothing of it is meant to run now. */
  readonly resting: boolean;
  /** The newest revision replaces what was started before. */
  readonly restartAt?: Instant;
  readonly now: Instant;
}

export interface RolloutStep {
  /** Undefined: all have arrived. The same object: nothing to write. */
  readonly rollout: Rollout | undefined;
  readonly wakeAt?: Instant;
}

export function stepRollout(input: RolloutInput): RolloutStep {
  const { seen, paused, resting } = input;
  const sighted = noteSight(input);
  const noted = noteArrivals({ ...input, rollout: sighted });
  if (seen.every((one) => hasArrived(one, noted, input))) return { rollout: undefined };
  if (paused || noted.halted) return { rollout: noted };
  const failed = resting ? undefined : failureOf(noted, input);
  if (failed?.message !== undefined)
    return { rollout: { ...noted, halted: { at: input.now, message: failed.message } } };
  const moved = moveOn(noted, input);
  // What was moved may have arrived already, or may free others.
  if (moved !== noted) return stepRollout({ ...input, rollout: moved });
  const wakes = [failed?.wakeAt, certainAt(noted, input), provenNext(noted, input)].flatMap((at) => at ?? []);
  return { rollout: noted, ...(wakes.length > 0 && { wakeAt: Math.min(...wakes) }) };
}

/**
 * When the orders of a lost database have run out: until then what is seen to live may have been asked to leave, and is not to
 * be relied on. Undefined: nothing was lost, or that time is over.
 */
function certainAt({ base, since }: Rollout, { seen, graceMs, now, resting }: RolloutInput): Instant | undefined {
  const at = since + graceMs;
  return base === 0 && !resting && now < at && seen.some(({ living }) => living) ? at : undefined;
}

/** Runs the newest revision. */
const runsNewest = ({ hash, wantedHash, incarnation }: SeenInstance, { restartAt }: RolloutInput): boolean =>
  hash === wantedHash && (restartAt === undefined || (incarnation !== undefined && incarnation >= restartAt));

const isUp = (one: SeenInstance, input: RolloutInput): boolean => one.well && !one.unknown && runsNewest(one, input);

/**
 * When what is up now will have proven itself. One that has ended by itself has to stand twice as long as any before it stood, so that
 * what lives for any one time and dies again never does; though not longer than a change may take.
 */
function provenAt(
  { readySince = 0, idleFrom = 0 }: SeenInstance,
  move: Move | undefined,
  { healthyMs, deadlineMs, waitFor }: RolloutInput,
): Instant {
  const twice = Math.min(2 * (move?.stoodMs ?? 0), deadlineMs);
  return Math.max(readySince + Math.max(healthyMs, twice), waitFor === 'idle' && move ? idleFrom : 0);
}

/** This very incarnation has; what is out of sight is taken to stand as it stood. */
const isProven = ({ incarnation, well, unknown }: SeenInstance, { proven }: Move): boolean =>
  proven !== undefined && proven === incarnation && (well || unknown);

const hasPassed = ({ passed }: SeenInstance, { generation }: Move): boolean =>
  passed === undefined || passed >= generation;

/** It was given another revision, and whether it can live with that is not known. */
function isOnProbation(one: SeenInstance, rollout: Rollout, input: RolloutInput): boolean {
  const move = rollout.moved[one.name];
  if (move) return move.revision === rollout.to ? !isProven(one, move) : move.proven === undefined;
  // What a lost database had given the newest counts as if it were given now.
  return isImplicit(one, rollout, input) && !(isUp(one, input) && input.now >= provenAt(one, undefined, input));
}

/** When the next of those on probation that stand ready may be through. */
function provenNext(rollout: Rollout, input: RolloutInput): Instant | undefined {
  const times = input.seen
    .filter((one) => isOnProbation(one, rollout, input) && isUp(one, input))
    .map((one) => provenAt(one, rollout.moved[one.name], input))
    .filter((at) => at > input.now);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** Without a move and without a base it has the newest, unless something else was found living there. */
const isImplicit = (one: SeenInstance, { base, moved }: Rollout, input: RolloutInput): boolean =>
  base === 0 && !moved[one.name] && !(one.living && !runsNewest(one, input));

function hasArrived(one: SeenInstance, rollout: Rollout, input: RolloutInput): boolean {
  const move = rollout.moved[one.name];
  if (move) return move.revision === rollout.to && isProven(one, move);
  // Nobody waits for a first revision to be idle, and until it has arrived there is none to come back to.
  return isImplicit(one, rollout, input) && isUp(one, input);
}

/** When all can be looked at again, all clocks begin anew: nobody knows how long what was out of sight has been ill. */
function noteSight({ rollout, seen, now }: RolloutInput): Rollout {
  const blind = seen.some(({ unknown }) => unknown);
  if (blind === (rollout.blind === true)) return rollout;
  if (blind) return { ...rollout, blind: true };
  const { blind: _, ...sighted } = rollout;
  const moved = Object.entries(rollout.moved).map(([name, { downSince, ...move }]): [string, Move] => [
    name,
    downSince === undefined ? move : { ...move, downSince: now },
  ]);
  return { ...sighted, progressAt: now, moved: Object.fromEntries(moved) };
}

function noteArrivals(input: RolloutInput): Rollout {
  const { rollout, seen, now } = input;
  const changes = new Map<string, Move>();
  let progressAt = rollout.progressAt;
  for (const one of seen) {
    const before = rollout.moved[one.name];
    if (before?.revision !== rollout.to || one.unknown) continue;
    const move = noteEnd(one, before);
    const noted = isProven(one, move) ? move : noteProbation(one, move, input);
    if (noted.proven !== move.proven) progressAt = now;
    if (noted !== before) changes.set(one.name, noted);
  }
  if (changes.size === 0) return rollout;
  return { ...rollout, progressAt, moved: { ...rollout.moved, ...Object.fromEntries(changes) } };
}

/** An end under the revision it was given is remembered for as long as the change is under way. */
function noteEnd({ ended }: SeenInstance, move: Move): Move {
  if (!ended || ended.incarnation <= move.from || ended.stoodMs <= (move.stoodMs ?? -1)) return move;
  return { ...move, stoodMs: ended.stoodMs };
}

function noteProbation(one: SeenInstance, move: Move, input: RolloutInput): Move {
  const { now, resting, waitFor } = input;
  if (
    isUp(one, input) &&
    hasPassed(one, move) &&
    (waitFor === 'Ready' || one.idle) &&
    now >= provenAt(one, move, input)
  ) {
    const { downSince: _, ...rest } = move;
    return { ...rest, proven: one.incarnation ?? 0 };
  }
  const oldIsGone = !(one.living && !runsNewest(one, input));
  return move.downSince === undefined && !resting && oldIsGone ? { ...move, downSince: now } : move;
}

const NOT_READY = 'was not ready';

/** Whether something has been on its way for too long; else when that would be. */
function failureOf(
  rollout: Rollout,
  input: RolloutInput,
): { readonly message?: string; readonly wakeAt?: Instant } | undefined {
  const { seen, deadlineMs, now } = input;
  const clocks = seen.flatMap((one): { readonly name: string; readonly since: Instant; readonly failed: string }[] => {
    if (one.unknown) return [];
    const move = rollout.moved[one.name];
    if (move?.revision === rollout.to) {
      if (isProven(one, move) || move.downSince === undefined) return [];
      // What stood ready in time is not late: either it proves itself or it ends.
      const inTime = isUp(one, input) && (one.readySince ?? 0) < move.downSince + deadlineMs;
      if (inTime && now < provenAt(one, move, input)) return [];
      const unchecked = isUp(one, input) && !hasPassed(one, move);
      const failed = unchecked ? 'passed no check' : move.stoodMs === undefined ? NOT_READY : 'did not stay ready';
      return [{ name: one.name, since: move.downSince, failed }];
    }
    // What is new has as long as the change is old.
    return isImplicit(one, rollout, input) && !isUp(one, input)
      ? [{ name: one.name, since: rollout.progressAt, failed: NOT_READY }]
      : [];
  });
  const [first] = clocks.sort((a, b) => a.since - b.since);
  if (!first) return undefined;
  const until = first.since + deadlineMs;
  if (now < until) return { wakeAt: until };
  const within = `within ${deadlineMs / 1000} s of being given revision ${rollout.to}`;
  return { message: `${first.name} ${first.failed} ${within}` };
}

function moveOn(rollout: Rollout, input: RolloutInput): Rollout {
  const { seen, now, maxUnavailable, generation, resting, restartAt } = input;
  const limit = unavailableLimit(maxUnavailable, seen.length);
  const isUnproven = (one: SeenInstance) => isOnProbation(one, rollout, input);
  let unproven = seen.filter(isUnproven).length;
  let ill = seen.filter((one) => !isUnproven(one) && (!one.well || one.unknown)).length;
  const given: [string, Move][] = [];
  const give = ({ name, incarnation = 0, ended }: SeenInstance, proven: boolean) => {
    const from = Math.max(incarnation, ended?.incarnation ?? 0);
    given.push([name, { revision: rollout.to, generation, from, ...(proven && { proven: incarnation }) }]);
  };
  const waiting = seen.filter(
    (one) => rollout.moved[one.name]?.revision !== rollout.to && !isImplicit(one, rollout, input),
  );
  for (const one of waiting) {
    const costsNothing =
      restartAt === undefined && one.heldHash === one.wantedHash && one.hash === one.wantedHash && one.checkedAlike;
    // It is on its way already, or nothing of it runs: this takes nothing down.
    if (isUnproven(one) || resting) give(one, false);
    else if (costsNothing && one.well) give(one, true);
  }
  const sure = certainAt(rollout, input) === undefined;
  const left = waiting.filter(({ name }) => sure && !given.some(([other]) => other === name));
  for (const one of left.filter(({ well, unknown }) => !well && !unknown)) {
    if (unproven >= limit) break;
    give(one, false);
    unproven++;
    ill--;
  }
  for (const one of left.filter(({ well, unknown }) => well && !unknown)) {
    if (unproven + ill >= limit) break;
    give(one, false);
    unproven++;
  }
  if (given.length === 0) return rollout;
  return { ...rollout, progressAt: now, moved: { ...rollout.moved, ...Object.fromEntries(given) } };
}

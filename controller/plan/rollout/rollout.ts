/**
 * Owns: which instances may be given the newest revision now, whether a change has failed, and whether it is over.
 * Never: takes an instance down that it has not counted: `unproven` and what is not well never exceed maxUnavailable by a move.
 */

import { unavailableLimit } from '../../../api/resources/agent/update.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';
import type { Move, Rollout } from './revisions.ts';

/** One instance that the newest revision asks for, as it was last seen. */
export interface SeenInstance {
  readonly name: string;
  /** Up and ready, whatever launch that is; a batch job that is done counts. */
  readonly well: boolean;
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
}

export interface RolloutInput {
  readonly rollout: Rollout;
  readonly seen: readonly SeenInstance[];
  readonly generation: number;
  readonly maxUnavailable: number | string;
  readonly waitFor: 'Ready' | 'idle';
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
  const wakes = [failed?.wakeAt, certainAt(noted, input), idleAt(input)].flatMap((at) => at ?? []);
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

/** When the next that is at its prompt is known to be idle. */
function idleAt({ seen, waitFor, now }: RolloutInput): Instant | undefined {
  const later = seen.flatMap(({ idle, idleFrom = 0 }) =>
    waitFor === 'idle' && idle && idleFrom > now ? idleFrom : [],
  );
  return later.length === 0 ? undefined : Math.min(...later);
}

/** Runs the newest revision. */
const runsNewest = ({ hash, wantedHash, incarnation }: SeenInstance, { restartAt }: RolloutInput): boolean =>
  hash === wantedHash && (restartAt === undefined || (incarnation !== undefined && incarnation >= restartAt));

const isUp = (one: SeenInstance, input: RolloutInput): boolean => one.well && !one.unknown && runsNewest(one, input);

const isThere = (one: SeenInstance, input: RolloutInput): boolean =>
  isUp(one, input) && (input.waitFor === 'Ready' || (one.idle && input.now >= (one.idleFrom ?? 0)));

/** Without a move and without a base it has the newest, unless something else was found living there. */
const isImplicit = (one: SeenInstance, { base, moved }: Rollout, input: RolloutInput): boolean =>
  base === 0 && !moved[one.name] && !(one.living && !runsNewest(one, input));

function hasArrived(one: SeenInstance, rollout: Rollout, input: RolloutInput): boolean {
  const move = rollout.moved[one.name];
  if (move) return move.revision === rollout.to && move.proven === true;
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
  const { rollout, seen, now, resting } = input;
  const changes: [string, Move][] = [];
  let progressAt = rollout.progressAt;
  for (const one of seen) {
    const move = rollout.moved[one.name];
    if (move?.revision !== rollout.to || move.proven) continue;
    if (isThere(one, input)) {
      const { downSince: _, ...rest } = move;
      changes.push([one.name, { ...rest, proven: true }]);
      progressAt = now;
    } else if (move.downSince === undefined && !resting && !one.unknown && !(one.living && !runsNewest(one, input)))
      changes.push([one.name, { ...move, downSince: now }]);
  }
  if (changes.length === 0) return rollout;
  return { ...rollout, progressAt, moved: { ...rollout.moved, ...Object.fromEntries(changes) } };
}

/** Whether something has been on its way for too long; else when that would be. */
function failureOf(
  rollout: Rollout,
  input: RolloutInput,
): { readonly message?: string; readonly wakeAt?: Instant } | undefined {
  const { seen, deadlineMs, now } = input;
  const clocks = seen.flatMap((one): { readonly name: string; readonly since: Instant }[] => {
    if (one.unknown) return [];
    const move = rollout.moved[one.name];
    if (move?.revision === rollout.to && !move.proven)
      return move.downSince === undefined ? [] : [{ name: one.name, since: move.downSince }];
    // What had arrived and fell ill holds up the rest; what is new has as long as the change is old.
    const ill = move?.revision === rollout.to ? !one.well : isImplicit(one, rollout, input) && !isUp(one, input);
    return ill ? [{ name: one.name, since: rollout.progressAt }] : [];
  });
  const [first] = clocks.sort((a, b) => a.since - b.since);
  if (!first) return undefined;
  const until = first.since + deadlineMs;
  if (now < until) return { wakeAt: until };
  return { message: `${first.name} was not ready within ${deadlineMs / 1000} s of being given revision ${rollout.to}` };
}

function moveOn(rollout: Rollout, input: RolloutInput): Rollout {
  const { seen, now, maxUnavailable, generation, resting, restartAt } = input;
  const limit = unavailableLimit(maxUnavailable, seen.length);
  const isMoving = ({ name }: SeenInstance) => rollout.moved[name] !== undefined && !rollout.moved[name].proven;
  // What a lost database had given the newest and is not well counts as if it were given now.
  const isUnproven = (one: SeenInstance) =>
    isMoving(one) || (isImplicit(one, rollout, input) && (!one.well || one.unknown));
  let unproven = seen.filter(isUnproven).length;
  let ill = seen.filter((one) => !isUnproven(one) && (!one.well || one.unknown)).length;
  const given: [string, Move][] = [];
  const give = (one: SeenInstance, proven: boolean) =>
    given.push([one.name, { revision: rollout.to, generation, ...(proven && { proven: true }) }]);
  const waiting = seen.filter(
    (one) => rollout.moved[one.name]?.revision !== rollout.to && !isImplicit(one, rollout, input),
  );
  for (const one of waiting) {
    const costsNothing = restartAt === undefined && one.heldHash === one.wantedHash && one.hash === one.wantedHash;
    // It is on its way already, or nothing of it runs: this takes nothing down.
    if (isMoving(one) || resting) give(one, false);
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

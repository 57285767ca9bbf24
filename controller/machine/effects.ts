/**
 * Owns: which effects a phase asks for while a gap lasts: derived anew on every pass, never emitted once.
 * Never: remembers what was asked before, beyond what the snapshot says.
 */
import type { InstanceId } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import { type DesiredInstance, placeKey } from '../plan/desired-instance.ts';
import { type Gap, isElsewhere } from './gap.ts';
import type { OnboardingStep } from './onboarding.ts';
import type { Effect, FilesReading, Memory, PlacedSighting, SnapshotPhase } from './snapshot.ts';

export function effectsFor(
  id: InstanceId,
  phase: SnapshotPhase,
  memory: Memory,
  gap: Gap,
  desired: DesiredInstance | undefined,
  sightings: readonly PlacedSighting[],
  now: Instant,
  step?: OnboardingStep,
  files?: FilesReading,
): readonly Effect[] {
  switch (phase) {
    case 'Starting':
      return desired?.place &&
        desired.workspace?.problem === undefined &&
        memory.incarnation !== undefined &&
        (gap.type === 'missing' || gap.type === 'exited')
        ? [
            {
              type: 'start',
              id,
              place: desired.place,
              incarnation: memory.incarnation,
              desired,
              ...sessionOnce(memory, desired),
            },
          ]
        : [];
    case 'Stopping':
      return gap.type === 'surplus' || gap.type === 'leaving' ? askToLeave(id, memory, gap.seen, desired, now) : [];
    case 'Stopped':
      if (gap.type === 'corpse')
        return sightings.map((seen) => ({
          type: 'remove',
          id,
          place: seen.place,
          incarnation: seen.incarnation,
          postStop: desired?.hooks.postStop ?? [],
        }));
      return gap.type === 'gone' && desired?.want !== 'rest' ? [{ type: 'release', id }] : [];
    case 'Running':
      return [
        ...syncEffect(id, gap, desired, files),
        ...onboardingEffect(id, gap, step),
        ...oldCorpses(id, memory, desired, sightings),
      ];
    case 'Pending':
    case 'Queued':
    case 'Backoff':
    case 'Succeeded':
    case 'Failed':
      return oldCorpses(id, memory, desired, sightings);
  }
}

/** Only the first start since the restart was asked for: whatever ended before it is older. */
const sessionOnce = (
  { lastExit }: Memory,
  { restartAt, restartSession }: DesiredInstance,
): { readonly session?: 'new' | 'continue' } =>
  restartSession !== undefined && restartAt !== undefined && (lastExit?.incarnation ?? 0) < restartAt
    ? { session: restartSession }
    : {};

/** A start deploys by itself; what runs gets what is new, and what is due to be looked at. */
function syncEffect(
  id: InstanceId,
  gap: Gap,
  desired: DesiredInstance | undefined,
  files: FilesReading | undefined,
): readonly Effect[] {
  if (!desired?.workspace || (gap.type !== 'live' && gap.type !== 'drifted') || filesFresh(desired, files)) return [];
  // What is planned is for the place it will move to.
  if (desired.moveWhenIdle && isElsewhere(desired, gap.seen)) return [];
  return [{ type: 'sync', id, place: gap.seen.place, incarnation: gap.seen.incarnation, desired }];
}

/** There is nothing to deploy that was not looked at. */
export const filesFresh = ({ workspace }: DesiredInstance, files: FilesReading | undefined): boolean =>
  workspace === undefined || workspace.problem !== undefined || (files?.key === workspace.key && !files.stale);

function onboardingEffect(id: InstanceId, gap: Gap, step: OnboardingStep | undefined): readonly Effect[] {
  if (!step || (gap.type !== 'live' && gap.type !== 'drifted')) return [];
  const { place, incarnation } = gap.seen;
  switch (step.type) {
    case 'answer':
      return [{ type: 'answer', id, place, incarnation, answer: step.answer }];
    case 'submit':
      return [{ ...step, id, place, incarnation }];
    case 'kill':
      return [{ type: 'kill', id, place, incarnation }];
  }
}

function askToLeave(
  id: InstanceId,
  memory: Memory,
  seen: PlacedSighting,
  desired: DesiredInstance | undefined,
  now: Instant,
): readonly Effect[] {
  const { stop } = memory;
  // Asked in this very pass, or not at all: in between, it is given the time to leave.
  if (!stop || stop.askedAt !== now) return [];
  const target = { id, place: seen.place, incarnation: seen.incarnation };
  if (now >= stop.killAt) return [{ type: 'kill', ...target }];
  const restarts = stop.why === 'update' || stop.why === 'restart';
  const { onRestart = [], preStop = [] } = desired?.hooks ?? {};
  return [{ type: 'term', ...target, onRestart: restarts ? onRestart : [], preStop }];
}

/** What is left at a place the instance has moved away from. */
function oldCorpses(
  id: InstanceId,
  memory: Memory,
  desired: DesiredInstance | undefined,
  sightings: readonly PlacedSighting[],
): readonly Effect[] {
  const here = desired?.place && placeKey(desired.place);
  if (!here) return [];
  return sightings
    .filter(
      (seen) => seen.state === 'exited' && placeKey(seen.place) !== here && seen.incarnation !== memory.incarnation,
    )
    .map((seen) => ({ type: 'remove', id, place: seen.place, incarnation: seen.incarnation, postStop: [] }));
}

/**
 * Owns: the comparison of what is wanted with what was seen: one of a dozen named gaps.
 * Never: remembers or decides; a gap is a fact about one look.
 */
import type { Instant } from '../../api/resources/time.ts';
import { type DesiredInstance, placeKey } from '../plan/desired-instance.ts';
import { mustRestart } from './health.ts';
import type { Memory, PlacedSighting, StopReason } from './snapshot.ts';

export type Gap =
  /** Wanted, but no place can be had for it, or its files cannot be. */
  | { readonly type: 'unplaced' }
  /** Wanted, and nothing of it is alive or newly dead. */
  | { readonly type: 'missing' }
  | { readonly type: 'queued'; readonly seen: PlacedSighting }
  /** Running as declared. */
  | { readonly type: 'live'; readonly seen: PlacedSighting }
  /** Running, not as declared; not to be replaced yet. */
  | { readonly type: 'drifted'; readonly seen: PlacedSighting; readonly until: Instant | undefined }
  /** Running, and to be stopped now: not wanted, replaced, or one too many. */
  | { readonly type: 'surplus'; readonly seen: PlacedSighting; readonly why: StopReason }
  /** Already asked to leave and still there. */
  | { readonly type: 'leaving'; readonly seen: PlacedSighting }
  /** Wanted; it ended, and that is news. */
  | { readonly type: 'exited'; readonly seen: PlacedSighting }
  /** Not wanted; only a corpse is left. */
  | { readonly type: 'corpse'; readonly seen: PlacedSighting }
  /** Not wanted, and nothing is there. */
  | { readonly type: 'gone' }
  /** The look is older than what we know: look again. */
  | { readonly type: 'stale'; readonly seen: PlacedSighting };
export type GapType = Gap['type'];
export const GAP_TYPES: readonly GapType[] = [
  'unplaced',
  'missing',
  'queued',
  'live',
  'drifted',
  'surplus',
  'leaving',
  'exited',
  'corpse',
  'gone',
  'stale',
];

const alive = (seen: PlacedSighting): boolean => seen.state !== 'exited';

/**
 * An end that was seen as an end, not concluded from absence. What is said to live though it ended, or is older than that, is
 * an old look; when a second look still shows it, it is a start that arrived late, and has to be dealt with.
 */
function knownDead({ incarnation }: PlacedSighting, memory: Memory, now: Instant): boolean {
  const { lastExit, doubtedAt } = memory;
  if (lastExit === undefined || (incarnation === memory.incarnation && memory.liveSince !== undefined)) return false;
  const dead =
    incarnation < lastExit.incarnation || (incarnation === lastExit.incarnation && lastExit.reason !== 'Vanished');
  return dead && (doubtedAt === undefined || doubtedAt >= now);
}

/**
 * Up to which incarnation all processes are leftovers. Undefined: none is known to be over, because its end was concluded from
 * absence, or because a late start of an older one was found alive and is the one that counts.
 */
export function knownOver({ lastExit, incarnation, liveSince }: Memory): Instant | undefined {
  if (!lastExit || lastExit.reason === 'Vanished') return undefined;
  if (liveSince !== undefined && incarnation !== undefined && incarnation <= lastExit.incarnation) return undefined;
  return lastExit.incarnation;
}

/** A corpse that nothing has been concluded from yet, or one of what was (by an old look) taken to live again. */
const isNews = ({ incarnation }: PlacedSighting, memory: Memory): boolean =>
  (memory.incarnation === undefined || incarnation >= memory.incarnation) &&
  (incarnation !== memory.lastExit?.incarnation || memory.liveSince !== undefined);

/** Total: any input gives exactly one gap. */
export function findGap(
  desired: DesiredInstance | undefined,
  sightings: readonly PlacedSighting[],
  memory: Memory,
  now: Instant,
): Gap {
  const living = sightings.filter(alive).sort((a, b) => b.incarnation - a.incarnation);
  const stale = living.find((seen) => knownDead(seen, memory, now));
  if (stale) return { type: 'stale', seen: stale };
  const leaving = living.find((seen) => seen.incarnation === memory.stop?.incarnation);
  if (leaving) return { type: 'leaving', seen: leaving };
  const newest = living[0];

  if (desired?.want !== 'run') {
    if (newest) return { type: 'surplus', seen: newest, why: desired?.want === 'rest' ? 'suspend' : 'delete' };
    const corpse = sightings[0];
    return corpse ? { type: 'corpse', seen: corpse } : { type: 'gone' };
  }

  if (newest) {
    const primary = pickPrimary(living, desired) ?? newest;
    const extra = living.find((seen) => seen !== primary);
    if (extra) return { type: 'surplus', seen: extra, why: 'move' };
    if (!desired.hold && isElsewhere(desired, primary)) {
      const stays = desired.moveWhenIdle && !isIdle(desired, primary, memory) && !restarts(desired, primary);
      return stays
        ? { type: 'drifted', seen: primary, until: undefined }
        : { type: 'surplus', seen: primary, why: 'move' };
    }
    return compareLive(desired, primary, memory, now);
  }

  const news = newestCorpse(sightings);
  if (news && isNews(news, memory)) return { type: 'exited', seen: news };
  const free =
    desired.workspace?.problem === undefined && desired.waitsFor === undefined && desired.notNow === undefined;
  return desired.place && free ? { type: 'missing' } : { type: 'unplaced' };
}

/** Of several living ones: the newest at the declared place. Undefined: none is there. */
const pickPrimary = (living: readonly PlacedSighting[], desired: DesiredInstance): PlacedSighting | undefined =>
  desired.place && living.find((seen) => desired.place && placeKey(seen.place) === placeKey(desired.place));

const newestCorpse = (sightings: readonly PlacedSighting[]): PlacedSighting | undefined =>
  sightings.reduce<PlacedSighting | undefined>(
    (best, seen) => (!best || seen.incarnation > best.incarnation ? seen : best),
    undefined,
  );

/** It lives, and not where it is meant to. */
export const isElsewhere = ({ place }: DesiredInstance, seen: PlacedSighting): boolean =>
  place !== undefined && placeKey(seen.place) !== placeKey(place);

const isIdle = (desired: DesiredInstance, seen: PlacedSighting, memory: Memory): boolean =>
  !desired.readsActivity || seen.reading?.activity === 'idle' || memory.readySince === undefined;

const restarts = ({ restartAt }: DesiredInstance, seen: PlacedSighting): boolean =>
  restartAt !== undefined && seen.incarnation < restartAt;

function compareLive(desired: DesiredInstance, seen: PlacedSighting, memory: Memory, now: Instant): Gap {
  if (seen.state === 'queued') return { type: 'queued', seen };
  // What runs goes on as it is: stopped for files that cannot be had, it could not be started again.
  if (desired.workspace?.problem !== undefined) return { type: 'live', seen };
  if (restarts(desired, seen)) return { type: 'surplus', seen, why: 'restart' };
  if (mustRestart(desired, seen, memory)) return { type: 'surplus', seen, why: 'unhealthy' };
  if (seen.launchHash === desired.launchHash) return { type: 'live', seen };
  if (desired.hold) return { type: 'drifted', seen, until: undefined };
  switch (desired.update.strategy) {
    case 'Immediate':
      return { type: 'surplus', seen, why: 'update' };
    case 'OnDelete':
      return { type: 'drifted', seen, until: undefined };
    case 'OnIdle': {
      const until = (memory.driftSince ?? now) + desired.update.maxWaitMs;
      return isIdle(desired, seen, memory) || now >= until
        ? { type: 'surplus', seen, why: 'update' }
        : { type: 'drifted', seen, until };
    }
  }
}

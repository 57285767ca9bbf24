/**
 * Owns: the enumerated plans, in Sieve's style: every effect of a run without faults, with each kind of fault laid at exactly that
 * point. Consecutive seeds share one scenario and divide its points among them.
 * Never: runs anything, or leaves out a point twice: points are shuffled once a scenario, then dealt.
 */

import { mix, Random } from '../random.ts';
import {
  type CommitFault,
  type EffectFault,
  type Fault,
  type FetchFault,
  type HintFault,
  type Mark,
  PAUSES,
} from './faults.ts';

/** Seeds that share a scenario. */
export const BLOCK = 20;
/** Runs with a fault in one seed; a block whose points are no more than BLOCK times this covers them all. */
export const RUNS_PER_SEED = 3;

const AT_EFFECT: readonly EffectFault[] = [
  'crash-before',
  'crash-after',
  'takeover-before',
  'takeover-after',
  'reply-lost',
  'reply-late',
  'not-done',
  'fails',
];
const AT_COMMIT: readonly CommitFault[] = ['crash-before', 'crash-after', 'takeover-before', 'fails'];
const AT_HINT: readonly HintFault[] = ['drop', 'double', 'late'];
const AT_FETCH: readonly FetchFault[] = ['crash', 'fail', 'stale'];
const LAGS = [1, 2] as const;

export const blockOf = (seed: number): number => Math.floor(seed / BLOCK);

/** Each fault that can strike at one effect: at itself, at the write before it, the look after it, the hint after it. */
function pointsAt(mark: Mark, effect: number, random: Random): readonly Fault[] {
  const ms = () => random.pick(PAUSES);
  return [
    ...AT_EFFECT.map((kind): Fault => ({ at: 'effect', nth: effect, do: kind, ms: ms() })),
    ...(mark.commit === 0
      ? []
      : AT_COMMIT.map((kind): Fault => ({ at: 'commit', nth: mark.commit - 1, do: kind, ms: ms() }))),
    ...LAGS.map((lag): Fault => ({ at: 'list', nth: mark.list, do: 'stale', lag })),
    { at: 'list', nth: mark.list, do: 'fail' },
    ...AT_HINT.map((kind): Fault => ({ at: 'hint', nth: mark.hint, do: kind, ms: ms() })),
  ];
}

/** Each fault that can strike while a source asks its repository. */
const pointsAtFetch = (nth: number, random: Random): readonly Fault[] =>
  AT_FETCH.map((kind): Fault => ({ at: 'fetch', nth, do: kind, ms: random.pick(PAUSES) }));

export interface Share {
  /** One run each. */
  readonly faults: readonly Fault[];
  /** Points of the whole scenario, told by the first seed of its block alone so that they are counted once. */
  readonly points: number;
}

/** What this seed has to run of its block. */
export function shareOf(seed: number, marks: readonly Mark[], fetches = 0): Share {
  const random = new Random(mix(blockOf(seed), 'points'));
  const points = [
    ...marks.flatMap((mark, effect) => pointsAt(mark, effect, random)),
    ...Array.from({ length: fetches }, (_, nth) => pointsAtFetch(nth, random)).flat(),
  ];
  for (let at = points.length - 1; at > 0; at--) {
    const other = random.int(0, at);
    const [a, b] = [points[at], points[other]];
    if (a && b) [points[at], points[other]] = [b, a];
  }
  const piece = seed % BLOCK;
  return {
    faults: points.slice(piece * RUNS_PER_SEED, (piece + 1) * RUNS_PER_SEED),
    points: piece === 0 ? points.length : 0,
  };
}

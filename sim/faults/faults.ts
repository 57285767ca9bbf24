/**
 * Owns: fault plans in Sieve's kinds, as data, and the counting that says when each fault is due.
 * Never: carries a fault out; whoever reaches the named point does.
 */
import type { DurationMs } from '../../api/resources/time.ts';
import type { PlaceKey } from '../../controller/plan/desired-instance.ts';
import type { Random } from '../random.ts';

export type EffectFault =
  | 'crash-before'
  | 'crash-after'
  | 'reply-lost'
  | 'reply-late'
  | 'not-done'
  | 'fails'
  | 'takeover-before'
  | 'takeover-after';
export type CommitFault = 'crash-before' | 'crash-after' | 'takeover-before' | 'fails';
export type HintFault = 'drop' | 'double' | 'late';
/** While a git source asks its repository; `crash`: the controller is killed in the middle of a sync. */
export type FetchFault = 'crash' | 'fail' | 'stale';

/** `nth`: at which effect, commit, listing, hint or step of the run it strikes, counted from 0. */
export type Fault =
  | { readonly at: 'effect'; readonly nth: number; readonly do: EffectFault; readonly ms: DurationMs }
  | { readonly at: 'commit'; readonly nth: number; readonly do: CommitFault; readonly ms: DurationMs }
  | { readonly at: 'list'; readonly nth: number; readonly do: 'stale'; readonly lag: number }
  | { readonly at: 'list'; readonly nth: number; readonly do: 'fail' }
  | { readonly at: 'hint'; readonly nth: number; readonly do: HintFault; readonly ms: DurationMs }
  | { readonly at: 'fetch'; readonly nth: number; readonly do: FetchFault; readonly ms: DurationMs }
  | {
      readonly at: 'step';
      readonly nth: number;
      readonly do: 'outage' | 'slow';
      readonly place: PlaceKey;
      readonly ms: DurationMs;
    }
  | { readonly at: 'step'; readonly nth: number; readonly do: 'lose-store' };
export type FaultPoint = Fault['at'];

export const PLAN_NAMES = [
  'none',
  'intermediate',
  'stale',
  'unobserved',
  'ambiguous',
  'outage',
  'slow',
  'takeover',
  'lost-store',
  'mixed',
  /** Every effect with every kind of fault, one a run: see enumerate.ts. */
  'each',
] as const;
export type PlanName = (typeof PLAN_NAMES)[number];
export const isPlanName = (name: string): name is PlanName => PLAN_NAMES.some((one) => one === name);

export interface Plan {
  readonly name: PlanName;
  readonly faults: readonly Fault[];
}
export const NO_FAULTS: Plan = { name: 'none', faults: [] };

/** How often the fault-free run passed each point: what a plan may choose from. */
export type PointCounts = Readonly<Record<FaultPoint, number>>;

/** How often each point had been passed when an effect began. */
export type Mark = Readonly<Pick<PointCounts, 'commit' | 'list' | 'hint'>>;

/** How long a controller is away, or a hint late, in ms. */
export const PAUSES = [0, 5, 50, 500, 3000] as const satisfies readonly DurationMs[];

export type DrawnPlanName = Exclude<PlanName, 'each'>;

export function makePlan(
  name: DrawnPlanName,
  random: Random,
  counts: PointCounts,
  places: readonly [PlaceKey, ...PlaceKey[]],
): Plan {
  const nth = (at: FaultPoint) => random.int(0, Math.max(0, counts[at] - 1));
  const ms = () => random.pick(PAUSES);
  const make: Record<Exclude<DrawnPlanName, 'none' | 'mixed'>, () => Fault> = {
    intermediate: () =>
      counts.fetch > 0 && random.chance(0.4)
        ? { at: 'fetch', nth: nth('fetch'), do: 'crash', ms: ms() }
        : random.chance(0.6)
          ? { at: 'effect', nth: nth('effect'), do: random.pick(['crash-before', 'crash-after']), ms: ms() }
          : { at: 'commit', nth: nth('commit'), do: random.pick(['crash-before', 'crash-after', 'fails']), ms: ms() },
    stale: () =>
      counts.fetch > 0 && random.chance(0.4)
        ? { at: 'fetch', nth: nth('fetch'), do: random.pick(['stale', 'fail']), ms: 0 }
        : { at: 'list', nth: nth('list'), do: 'stale', lag: random.int(1, 4) },
    unobserved: () => ({ at: 'hint', nth: nth('hint'), do: random.pick(['drop', 'double', 'late']), ms: ms() }),
    ambiguous: () => ({
      at: 'effect',
      nth: nth('effect'),
      do: random.pick(['reply-lost', 'reply-late', 'not-done', 'fails']),
      ms: random.pick([5, 50, 500]),
    }),
    outage: () =>
      random.chance(0.3)
        ? { at: 'list', nth: nth('list'), do: 'fail' }
        : {
            at: 'step',
            nth: nth('step'),
            do: 'outage',
            place: random.pick(places),
            ms: random.pick([200, 4000, 20_000]),
          },
    slow: () => ({
      at: 'step',
      nth: nth('step'),
      do: 'slow',
      place: random.pick(places),
      ms: random.pick([1000, 10_000]),
    }),
    takeover: () =>
      random.chance(0.7)
        ? { at: 'effect', nth: nth('effect'), do: random.pick(['takeover-before', 'takeover-after']), ms: ms() }
        : { at: 'commit', nth: nth('commit'), do: 'takeover-before', ms: ms() },
    'lost-store': () => ({ at: 'step', nth: nth('step'), do: 'lose-store' }),
  };
  if (name === 'none') return NO_FAULTS;
  const kinds = Object.values(make);
  const faults = Array.from({ length: random.int(1, name === 'mixed' ? 8 : 3) }, () => {
    if (name !== 'mixed') return make[name]();
    const [first = make.intermediate, ...rest] = kinds;
    return random.pick([first, ...rest])();
  });
  return { name, faults };
}

type At<P extends FaultPoint> = Extract<Fault, { at: P }>;

/** Counts the points of one run and hands out the faults that are due. */
export class FaultInjector {
  /** While faults may strike. */
  readonly counts: Record<FaultPoint, number> = { effect: 0, commit: 0, list: 0, hint: 0, fetch: 0, step: 0 };
  /** Once they may not any more. */
  readonly later: Record<FaultPoint, number> = { effect: 0, commit: 0, list: 0, hint: 0, fetch: 0, step: 0 };
  readonly injected = new Map<string, number>();
  /** One for each effect so far, while faults may strike. */
  readonly marks: Mark[] = [];
  /** Faults that struck so far. */
  struck = 0;
  readonly #faults: readonly Fault[];
  /** Faults strike only between the first edit and the wait for rest at the very end. */
  active = true;

  constructor(plan: Plan) {
    this.#faults = plan.faults;
  }

  get effects(): number {
    return this.counts.effect + this.later.effect;
  }

  /** The faults due at this point (of several at one point, all). */
  pass<P extends FaultPoint>(at: P): readonly At<P>[] {
    if (!this.active) {
      this.later[at]++;
      return [];
    }
    if (at === 'effect')
      this.marks.push({ commit: this.counts.commit, list: this.counts.list, hint: this.counts.hint });
    const nth = this.counts[at]++;
    if (this.#faults.length === 0) return [];
    const due = this.#faults.filter((fault): fault is At<P> => fault.at === at && fault.nth === nth);
    this.struck += due.length;
    for (const fault of due) {
      const name = `${fault.at}:${fault.do}`;
      this.injected.set(name, (this.injected.get(name) ?? 0) + 1);
    }
    return due;
  }
}

/**
 * Owns: fault plans on the real thing as data: the points of a reference run times the kinds of fault, in a fixed order.
 * Never: carries a fault out, or draws one at random.
 */
import type { RuntimeKind } from '../../../api/resources/agent/agent.ts';

/** What is done to the world; a point is the nth incarnation of one instance to which it is done. */
export const EFFECTS = ['start', 'term', 'kill', 'remove', 'sweep'] as const;
export type EffectName = (typeof EFFECTS)[number];

export const KINDS = [
  /** SIGKILL of the controller just before the effect. */
  'crash-before',
  /** SIGKILL of the controller just after it. */
  'crash-after',
  /** Done; the answer is an error at once. */
  'reply-lost',
  /** Done; the answer would come after the timeout, so the caller is told of that. */
  'reply-late',
  /** Not done before the caller has been told of the timeout, and then done all the same. */
  'done-late',
  /** The first look after it shows this instance as it was before. */
  'stale-look',
  /** Every hint about this instance is dropped until something else is done to it. */
  'hint-dropped',
] as const;
export type Kind = (typeof KINDS)[number];

export interface Point {
  readonly effect: EffectName;
  /** Name of the instance. */
  readonly instance: string;
  readonly nth: number;
}
/** `start/web/0` */
export type PointKey = string;
export const pointKey = ({ effect, instance, nth }: Point): PointKey => `${effect}/${instance}/${nth}`;
export const effectOf = (key: PointKey): EffectName => {
  const found = EFFECTS.find((effect) => key.startsWith(`${effect}/`));
  if (!found) throw new Error(`"${key}" is not a point`);
  return found;
};

const instanceOf = (key: PointKey): string => key.split('/')[1] ?? '';
/** Instances of one agent are named after it. */
const agentOf = (key: PointKey): string => instanceOf(key).replace(/-\d+$/, '');

export interface Plan {
  readonly number: number;
  readonly runtime: RuntimeKind;
  readonly point: PointKey;
  readonly kind: Kind;
}
export const planName = ({ number, runtime, point, kind }: Plan): string =>
  `plan ${number} (${runtime} ${point} ${kind})`;

/** All plans; a number names the same plan as long as the reference run has the same effects. */
export function allPlans(
  recorded: readonly { readonly runtime: RuntimeKind; readonly points: readonly PointKey[] }[],
): Plan[] {
  return recorded
    .flatMap(({ runtime, points }) =>
      [...points].sort().flatMap((point) => KINDS.map((kind) => ({ runtime, point, kind }))),
    )
    .map((plan, number) => ({ number, ...plan }));
}

/** Kinds that end the controller: what else is under way then is struck as well. */
const ENDS: readonly Kind[] = ['crash-before', 'crash-after'];
/** Each costs a controller's start, and none may be taken for one that ends by itself. */
const ENDS_TOGETHER = 6;

/**
 * Plans that one run can carry out together, each at another instance, where what comes of each is compared by itself:
 * all plans of a runtime in a fifth of the runs. Those that end the controller have runs of their own, and each strikes at
 * another agent: two stops cut off by two deaths take the time that it has to leave.
 */
export function together(plans: readonly Plan[]): readonly (readonly Plan[])[] {
  const groups: { readonly plans: Plan[]; readonly ends: boolean }[] = [];
  for (const plan of plans) {
    const ends = ENDS.includes(plan.kind);
    const whose = ends ? agentOf : instanceOf;
    const fits = groups.find(
      (group) =>
        group.ends === ends &&
        (!ends || group.plans.length < ENDS_TOGETHER) &&
        group.plans.every((one) => one.runtime === plan.runtime && whose(one.point) !== whose(plan.point)),
    );
    if (fits) fits.plans.push(plan);
    else groups.push({ plans: [plan], ends });
  }
  return groups.map((group) => group.plans);
}

/**
 * Every kind on every effect once, on one runtime or the other in turns (`turns` false: on every runtime), and every k-th
 * of the rest; which, moves with the commit.
 */
export function selectPlans(
  plans: readonly Plan[],
  { every, offset, turns = true }: { readonly every: number; readonly offset: number; readonly turns?: boolean },
): Plan[] {
  const runtimes = [...new Set(plans.map(({ runtime }) => runtime))];
  const groups = new Map<string, Plan[]>();
  for (const plan of plans) {
    const effect = effectOf(plan.point);
    const place = EFFECTS.indexOf(effect) + KINDS.indexOf(plan.kind) + offset;
    if (turns && runtimes[place % runtimes.length] !== plan.runtime) continue;
    const key = `${plan.runtime} ${effect} ${plan.kind}`;
    groups.set(key, [...(groups.get(key) ?? []), plan]);
  }
  const chosen = new Set<Plan>();
  for (const group of groups.values()) {
    const one = group[offset % group.length];
    if (one) chosen.add(one);
  }
  for (const plan of plans) if (every > 0 && plan.number % every === offset % every) chosen.add(plan);
  return plans.filter((plan) => chosen.has(plan));
}

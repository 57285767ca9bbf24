/**
 * Owns: what a budget finds and wants: what was used, which limit is reached, whom it holds and whom it lets go. Pure.
 * Never: holds anybody itself; the loop does, and asks again.
 */
import type { EventDraft } from '../../api/resources/event.ts';
import type { BudgetCondition, BudgetResource, BudgetSpec, BudgetStatus } from '../../api/resources/kinds/budget.ts';
import { type Instant, isoTime } from '../../api/resources/time.ts';
import type { InstanceFacts } from '../usage/instance-facts.ts';
import { keepOnly, meter } from '../usage/meter.ts';
import { fromStored, toStored } from './ledger.ts';
import { windowAt } from './window.ts';
import { counted, usedOf } from './wording.ts';

export interface BudgetAgent {
  readonly name: string;
  /** The selector selects it. */
  readonly selected: boolean;
  /** Since when it runs (of one being started: never yet, the largest number); of one that does not: since when it is there. */
  readonly since: Instant;
  /** Its manifest wants it to run, and it has not ended for good. */
  readonly wanted: boolean;
  readonly held: boolean;
  readonly heldByOthers: boolean;
  /** Something of it runs. */
  readonly live: boolean;
  /** Idle, or nothing of it runs: nothing is lost by holding it. */
  readonly resting: boolean;
  /** When somebody said `sac resume`. */
  readonly resumedAt?: Instant;
  readonly facts: readonly InstanceFacts[];
}

export interface BudgetLook {
  readonly spec: BudgetSpec;
  /** All agents of the fleet. */
  readonly agents: readonly BudgetAgent[];
  readonly before: BudgetStatus | undefined;
  /** When somebody said `sac resume` to the budget. */
  readonly resumedAt?: Instant;
  readonly now: Instant;
}

export interface BudgetVerdict {
  readonly status: BudgetStatus;
  readonly hold: readonly string[];
  readonly release: readonly string[];
  /** Why agents are held, one sentence. */
  readonly reason: string;
  readonly events: readonly EventDraft[];
  /** When the window ends. */
  readonly until: Instant;
}

export function evaluate({ spec, agents, before, resumedAt, now }: BudgetLook): BudgetVerdict {
  const { start, end } = windowAt(spec, now);
  const sameWindow = before !== undefined && Date.parse(before.window.start) === start;
  const since = before === undefined ? now : Date.parse(before.since);
  const facts = agents.flatMap((agent) => agent.facts);
  const metered = meter(fromStored(before?.ledger ?? {}), facts, since);
  const selected = agents.filter((agent) => agent.selected);
  const used = { tokens: sameWindow ? before.used.tokens : 0, costUsd: sameWindow ? before.used.costUsd : 0 };
  for (const { name } of selected) {
    const usage = metered.used.get(name);
    if (!usage) continue;
    for (const kind of spec.tokenKinds) used.tokens += usage.tokens[kind];
    used.costUsd += usage.costUsd;
  }

  const inWindow = (at: Instant | undefined) => at !== undefined && at >= start && at < end;
  const resumed = inWindow(resumedAt);
  const acts = spec.action !== 'warn' && !spec.suspend && !resumed;
  const mayHold = (agent: BudgetAgent) => acts && agent.selected && agent.wanted && !inWindow(agent.resumedAt);
  const spent = (['tokens', 'costUsd'] as const).filter(
    (what) => used[what] >= (spec[what] ?? Number.POSITIVE_INFINITY),
  );

  const demand = selected.filter((agent) => agent.wanted && !agent.heldByOthers);
  const room = spec.agents === undefined ? undefined : withRoom(demand, spec.agents, mayHold);
  const shouldRest = (agent: BudgetAgent) =>
    mayHold(agent) && (spent.length > 0 || (room?.without.has(agent) ?? false));
  const hold = agents.filter(
    (agent) => !agent.held && shouldRest(agent) && (spec.action === 'stop' || agent.resting) && !agent.heldByOthers,
  );
  const release = agents.filter((agent) => agent.held && !shouldRest(agent));
  const held = agents.filter((agent) => (agent.held && !release.includes(agent)) || hold.includes(agent));
  const running = demand.filter((agent) => !agent.held).length;

  const exceeded: readonly BudgetResource[] = [...spent, ...(room?.tooMany ? (['agents'] as const) : [])];
  const near = (['tokens', 'costUsd'] as const).filter((what) => {
    const limit = spec[what];
    return limit !== undefined && used[what] >= limit * spec.warnAt;
  });
  const all = { ...used, agents: room?.tooMany ? demand.length : running };
  const tell = (resources: readonly BudgetResource[]) =>
    resources.map((what) => usedOf(what, all[what], spec[what] ?? 0)).join(', ');
  const limits = (['tokens', 'costUsd', 'agents'] as const).filter((what) => spec[what] !== undefined);
  const consequence =
    spec.action === 'warn'
      ? 'nobody is held (action: warn)'
      : spec.suspend
        ? 'nobody is held (suspended)'
        : resumed
          ? `nobody is held until ${isoTime(end)} (resumed)`
          : `${counted(held.length, 'agent')} held`;
  const finding = (type: BudgetCondition['type'], is: boolean, reason: string, message: string): BudgetCondition => {
    const last = before?.conditions.find((condition) => condition.type === type);
    const status = is ? 'True' : 'False';
    return {
      type,
      status,
      reason,
      message,
      lastTransitionTime: last?.status === status ? last.lastTransitionTime : isoTime(now),
    };
  };
  const exceededNow = exceeded.length > 0;
  const conditions = [
    exceededNow
      ? finding('Ready', false, 'Exceeded', `${tell(exceeded)}; ${consequence}.`)
      : finding('Ready', true, 'WithinLimits', `${tell(limits)}.`),
    finding('NearLimit', near.length > 0, near.length > 0 ? 'NearLimit' : 'BelowLimit', `${tell(limits)}.`),
    finding(
      'Exceeded',
      exceededNow,
      exceededNow ? 'LimitReached' : 'WithinLimits',
      `${tell(exceededNow ? exceeded : limits)}.`,
    ),
  ];
  const status: BudgetStatus = {
    window: { start: isoTime(start), end: isoTime(end) },
    used: { ...used, agents: running },
    selected: selected.length,
    held: held.map(({ name }) => name).sort(),
    conditions,
    since: isoTime(since),
    ledger: toStored(keepOnly(metered.ledger, new Set(facts.map(({ instance }) => instance)))),
  };
  return {
    status,
    hold: hold.map(({ name }) => name),
    release: release.map(({ name }) => name),
    reason: `${tell(exceeded)} of this ${spec.window}`,
    events: eventsOf(before, conditions),
    until: end,
  };
}

/** None that runs gives up its place for one that does not; among equals those come first that run the longest. */
function withRoom(
  demand: readonly BudgetAgent[],
  limit: number,
  mayHold: (agent: BudgetAgent) => boolean,
): { readonly without: ReadonlySet<BudgetAgent>; readonly tooMany: boolean } {
  const rank = (agent: BudgetAgent) => (mayHold(agent) ? (agent.held ? 3 : agent.live ? 1 : 2) : 0);
  const inOrder = demand.toSorted((a, b) => rank(a) - rank(b) || a.since - b.since || (a.name < b.name ? -1 : 1));
  return { without: new Set(inOrder.slice(limit)), tooMany: demand.length > limit };
}

function eventsOf(before: BudgetStatus | undefined, conditions: readonly BudgetCondition[]): readonly EventDraft[] {
  const was = (type: BudgetCondition['type']) => before?.conditions.find((one) => one.type === type)?.status === 'True';
  return conditions.flatMap(({ type, status, message }): readonly EventDraft[] => {
    const is = status === 'True';
    if (type === 'Ready' || is === was(type)) return [];
    if (type === 'NearLimit') return is ? [{ type: 'Warning', reason: 'BudgetNearLimit', message }] : [];
    return is
      ? [{ type: 'Warning', reason: 'BudgetExceeded', message }]
      : [{ type: 'Normal', reason: 'BudgetRestored', message }];
  });
}

/**
 * Owns: turning "this conversation has used so much" into "so much was used since", without counting anything twice. Pure.
 * Never: reads a clock or facts; the ledger is a plain value that can be stored.
 */
import { TOKEN_KINDS, type TokenCounts } from '../../api/resources/agent/facts.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { InstanceFacts } from './instance-facts.ts';

export interface Usage {
  readonly tokens: TokenCounts;
  readonly costUsd: number;
}

/** The most that was ever told of one conversation. */
export interface Conversation extends Usage {
  readonly session: string;
}
/** By instance: its last conversations, the newest first. */
export type Ledger = Readonly<Record<string, readonly Conversation[]>>;

export const NOTHING: Usage = { tokens: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }, costUsd: 0 };
/** An agent that goes back to one of so many conversations is not counted again for what it knew. */
const CONVERSATIONS = 4;

export interface Metered {
  readonly ledger: Ledger;
  /** What was used since the ledger was written, by agent; agents that used nothing are absent. */
  readonly used: ReadonlyMap<string, Usage>;
}

/**
 * `since`: when this ledger was begun. A conversation first met in an instance that is older than that was there before, and
 * what it had used by then does not count. What is told of a conversation may fall for a while (a transcript is read again
 * from its beginning), so only what exceeds the most ever told counts.
 */
export function meter(ledger: Ledger, facts: Iterable<InstanceFacts>, since: Instant): Metered {
  const next: Record<string, readonly Conversation[]> = { ...ledger };
  const used = new Map<string, Usage>();
  for (const { agent, instance, session, startedAt, tokens, costUsd } of facts) {
    if (tokens === undefined && costUsd === undefined) continue;
    const known = Object.hasOwn(next, instance) ? (next[instance] ?? []) : [];
    const before = known.find((one) => one.session === session);
    const told: Usage = { tokens: tokens ?? NOTHING.tokens, costUsd: costUsd ?? 0 };
    const most = before ? highest(before, told) : told;
    const wasThere = before === undefined && known.length === 0 && (startedAt === undefined || startedAt < since);
    if (!wasThere) {
      const more = minus(most, before ?? NOTHING);
      if (!isNothing(more)) used.set(agent, plus(used.get(agent) ?? NOTHING, more));
    }
    next[instance] = [{ session, ...most }, ...known.filter((one) => one.session !== session)].slice(0, CONVERSATIONS);
  }
  return { ledger: next, used };
}

/** Without the instances that are gone for good. */
export const keepOnly = (ledger: Ledger, instances: ReadonlySet<string>): Ledger =>
  Object.fromEntries(Object.entries(ledger).filter(([name]) => instances.has(name)));

export const plus = (a: Usage, b: Usage): Usage => combine(a, b, (x, y) => x + y);
const minus = (a: Usage, b: Usage): Usage => combine(a, b, (x, y) => Math.max(0, x - y));
const highest = (a: Usage, b: Usage): Usage => combine(a, b, Math.max);
const isNothing = ({ tokens, costUsd }: Usage): boolean =>
  costUsd === 0 && TOKEN_KINDS.every((kind) => tokens[kind] === 0);

const combine = (a: Usage, b: Usage, how: (x: number, y: number) => number): Usage => ({
  tokens: {
    input: how(a.tokens.input, b.tokens.input),
    output: how(a.tokens.output, b.tokens.output),
    cacheRead: how(a.tokens.cacheRead, b.tokens.cacheRead),
    cacheWrite: how(a.tokens.cacheWrite, b.tokens.cacheWrite),
  },
  costUsd: how(a.costUsd, b.costUsd),
});

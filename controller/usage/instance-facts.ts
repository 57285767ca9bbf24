/**
 * Owns: what meters, metrics and budgets take from the facts of an instance: tokens, cost, quota, last tool, context.
 * Never: guesses: a fact nobody told is absent.
 */
import { z } from 'zod';
import type { Agent, InstanceStatus } from '../../api/resources/agent/agent.ts';
import type { TokenCounts } from '../../api/resources/agent/facts.ts';
import type { Instant } from '../../api/resources/time.ts';

export interface InstanceFacts {
  readonly agent: string;
  readonly instance: string;
  /** Conversation that `tokens` and `costUsd` are of; empty: not told. */
  readonly session: string;
  /** When what runs now was started. */
  readonly startedAt?: Instant;
  /** Of the whole conversation. */
  readonly tokens?: TokenCounts;
  /** Of the whole conversation; an estimate by list prices. */
  readonly costUsd?: number;
  /** 0 to 1. */
  readonly contextUsedRatio?: number;
  readonly lastToolAt?: Instant;
  /** 0 to 1, by window. */
  readonly quota: Readonly<Record<string, number>>;
}

const amount = z.number().nonnegative().finite();
/** Epoch milliseconds, or ISO 8601. */
const instant = z.union([z.number(), z.string().transform((text) => Date.parse(text))]).refine(Number.isFinite);
const told = <T extends z.ZodType>(value: T) => value.optional().catch(undefined);

/** Read with tolerance: one fact in another shape than expected must not hide the others. */
const readingSchema = z.object({
  sessionId: told(z.string().max(200)),
  tokens: told(z.object({ input: amount, output: amount, cacheRead: amount, cacheWrite: amount })),
  costUsd: told(amount),
  contextUsedRatio: told(amount),
  lastToolAt: told(instant),
  quota: told(z.record(z.string(), z.object({ usedRatio: amount }))),
});

export function factsOf(agent: string, status: InstanceStatus): InstanceFacts {
  const { sessionId = '', tokens, costUsd, contextUsedRatio, lastToolAt, quota = {} } = readingOf(status);
  return {
    agent,
    instance: status.name,
    session: sessionId,
    ...(status.startedAt !== undefined && { startedAt: Date.parse(status.startedAt) }),
    ...(tokens && { tokens }),
    ...(costUsd !== undefined && { costUsd }),
    ...(contextUsedRatio !== undefined && { contextUsedRatio }),
    ...(lastToolAt !== undefined && { lastToolAt }),
    quota: Object.fromEntries(Object.entries(quota).map(([window, { usedRatio }]) => [window, usedRatio])),
  };
}

function readingOf({ reading }: InstanceStatus): z.output<typeof readingSchema> {
  const parsed = readingSchema.safeParse(reading ?? {});
  return parsed.success ? parsed.data : {};
}

export const factsOfAgent = ({ metadata, status }: Agent): readonly InstanceFacts[] =>
  status.instances.map((instance) => factsOf(metadata.name, instance));

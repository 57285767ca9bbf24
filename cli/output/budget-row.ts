/**
 * Owns: how a budget reads in a table: used of limit, when it begins anew.
 * Never: fails on a budget that was not looked at yet.
 */
import { z } from 'zod';
import { age } from './table.ts';

export interface BudgetRow {
  readonly window: string;
  readonly tokens: string;
  readonly cost: string;
  readonly agents: string;
  readonly action: string;
  readonly held: string;
  readonly resets: string;
}

const limit = z.number().optional();
const specSchema = z.object({ window: z.string(), action: z.string(), tokens: limit, costUsd: limit, agents: limit });
const statusSchema = z.object({
  window: z.object({ end: z.string() }),
  used: z.object({ tokens: z.number(), costUsd: z.number(), agents: z.number() }),
  held: z.array(z.string()),
});

export function budgetRow(spec: unknown, status: unknown, now: number): BudgetRow {
  const { data: limits } = specSchema.safeParse(spec);
  const { data: found } = statusSchema.safeParse(status);
  const of = (used: string | undefined, most: string | undefined) =>
    most === undefined ? (used ?? '<unknown>') : `${used ?? '?'}/${most}`;
  const dollars = (value: number | undefined) => (value === undefined ? undefined : `$${value.toFixed(2)}`);
  return {
    window: limits?.window ?? '<unknown>',
    tokens: of(short(found?.used.tokens), short(limits?.tokens)),
    cost: of(dollars(found?.used.costUsd), dollars(limits?.costUsd)),
    agents: of(found?.used.agents.toString(), limits?.agents?.toString()),
    action: limits?.action ?? '<unknown>',
    held: String(found?.held.length ?? '<unknown>'),
    // The time until then, which is the age of now as seen from then.
    resets: found ? age(new Date(now).toISOString(), Date.parse(found.window.end)) : '<unknown>',
  };
}

/** `950`, `12.3k`, `1.2M`. */
function short(count: number | undefined): string | undefined {
  if (count === undefined) return undefined;
  const [divisor, unit] = count >= 1e6 ? [1e6, 'M'] : count >= 1e3 ? [1e3, 'k'] : [1, ''];
  return `${Math.round((count / divisor) * 10) / 10}${unit}`;
}

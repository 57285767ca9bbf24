/**
 * Owns: how a budget reads in a table: used of limit, when it begins anew.
 * Never: fails on a budget that was not looked at yet.
 */
import { age } from './age.ts';
import { field, numberIn, textIn } from './fields.ts';

export interface BudgetRow {
  readonly window: string;
  readonly tokens: string;
  readonly cost: string;
  readonly agents: string;
  readonly action: string;
  readonly held: string;
  readonly resets: string;
}

export function budgetRow(spec: unknown, status: unknown, now: number): BudgetRow {
  const used = field(status, 'used');
  const held = field(status, 'held');
  const end = textIn(field(status, 'window'), 'end');
  const of = (used: string | undefined, most: string | undefined) =>
    most === undefined ? (used ?? '<unknown>') : `${used ?? '?'}/${most}`;
  const dollars = (value: number | undefined) => (value === undefined ? undefined : `$${value.toFixed(2)}`);
  return {
    window: textIn(spec, 'window') ?? '<unknown>',
    tokens: of(short(numberIn(used, 'tokens')), short(numberIn(spec, 'tokens'))),
    cost: of(dollars(numberIn(used, 'costUsd')), dollars(numberIn(spec, 'costUsd'))),
    agents: of(numberIn(used, 'agents')?.toString(), numberIn(spec, 'agents')?.toString()),
    action: textIn(spec, 'action') ?? '<unknown>',
    held: Array.isArray(held) ? String(held.length) : '<unknown>',
    // The time until then, which is the age of now as seen from then.
    resets: end === undefined ? '<unknown>' : age(new Date(now).toISOString(), Date.parse(end)),
  };
}

/** `950`, `12.3k`, `1.2M`. */
function short(count: number | undefined): string | undefined {
  if (count === undefined) return undefined;
  const [divisor, unit] = count >= 1e6 ? [1e6, 'M'] : count >= 1e3 ? [1e3, 'k'] : [1, ''];
  return `${Math.round((count / divisor) * 10) / 10}${unit}`;
}

/**
 * Owns: how a budget's ledger is written in its status: rows of numbers, because there is one for every conversation.
 * Never: loses a fraction of a dollar that matters: a millionth is kept.
 */
import type { BudgetStatus } from '../../api/resources/kinds/budget.ts';
import type { Ledger } from '../usage/meter.ts';

const MILLIONTH = 1e6;

export const toStored = (ledger: Ledger): BudgetStatus['ledger'] =>
  Object.fromEntries(
    Object.entries(ledger).map(([instance, conversations]) => [
      instance,
      conversations.map(
        ({ session, tokens: { input, output, cacheRead, cacheWrite }, costUsd }) =>
          [session, input, output, cacheRead, cacheWrite, Math.round(costUsd * MILLIONTH) / MILLIONTH] as const,
      ),
    ]),
  );

export const fromStored = (stored: BudgetStatus['ledger']): Ledger =>
  Object.fromEntries(
    Object.entries(stored).map(([instance, rows]) => [
      instance,
      rows.map(([session, input, output, cacheRead, cacheWrite, costUsd]) => ({
        session,
        tokens: { input, output, cacheRead, cacheWrite },
        costUsd,
      })),
    ]),
  );

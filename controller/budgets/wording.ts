/**
 * Owns: how amounts of a budget are written for people.
 * Never: decides.
 */
import type { BudgetResource } from '../../api/resources/kinds/budget.ts';

export function amount(what: BudgetResource, value: number): string {
  switch (what) {
    case 'tokens':
      return `${Math.round(value)} tokens`;
    case 'costUsd':
      return `$${value.toFixed(2)}`;
    case 'agents':
      return counted(value, 'agent');
  }
}

/** `3 of 2 agents`, `$3.10 of $2.00`. */
export const usedOf = (what: BudgetResource, used: number, limit: number): string =>
  `${what === 'costUsd' ? amount(what, used) : Math.round(used)} of ${amount(what, limit)}`;

export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

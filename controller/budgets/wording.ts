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

export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

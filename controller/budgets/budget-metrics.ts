/**
 * Owns: metrics of budgets: how much there is, how much is used, how many agents are held.
 * Never: counts anything itself; all of it is in the budgets' status.
 */
import { Gauge, type Registry } from 'prom-client';
import { BUDGET_RESOURCES, type BudgetResource, type BudgetSpec } from '../../api/resources/kinds/budget.ts';
import { isBudgetStatus } from './budgets.ts';

export interface MeasuredBudget {
  readonly name: string;
  readonly spec: BudgetSpec;
  readonly status: object;
}

const RESOURCE_LABELS = {
  tokens: 'tokens',
  costUsd: 'cost_usd',
  agents: 'agents',
} as const satisfies Record<BudgetResource, string>;

export function measureBudgets(registry: Registry, budgets: () => readonly MeasuredBudget[]): void {
  const registers = [registry];
  const labelNames = ['budget', 'resource'];
  new Gauge({
    name: 'sac_budget_limit',
    help: 'What a budget allows in a window, by resource.',
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { name, spec } of budgets())
        for (const what of BUDGET_RESOURCES)
          if (spec[what] !== undefined) this.set({ budget: name, resource: RESOURCE_LABELS[what] }, spec[what]);
    },
  });
  new Gauge({
    name: 'sac_budget_used',
    help: 'What was used of a budget in this window, by resource; agents: how many are wanted to run now.',
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { name, status } of budgets())
        if (isBudgetStatus(status))
          for (const what of BUDGET_RESOURCES)
            this.set({ budget: name, resource: RESOURCE_LABELS[what] }, status.used[what]);
    },
  });
  new Gauge({
    name: 'sac_budget_held_agents',
    help: 'Agents that a budget holds.',
    labelNames: ['budget'],
    registers,
    collect() {
      this.reset();
      for (const { name, status } of budgets())
        if (isBudgetStatus(status)) this.set({ budget: name }, status.held.length);
    },
  });
}

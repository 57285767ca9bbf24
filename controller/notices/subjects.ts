/**
 * Owns: which things have conditions that can be told, and what labels they carry.
 * Never: decides what is told.
 */
import { reservationStatusOf } from '../../api/resources/kinds/reservation.ts';
import { isBudgetStatus } from '../budgets/budgets.ts';
import { statusOf } from '../desired/git/running/source-loop.ts';
import { keptCondition } from '../places/host-conditions.ts';
import type { Store } from '../store/store.ts';
import type { Subject } from './notice.ts';

/** Of an agent each instance: a merged condition would hide the second that asks. */
export function subjectsOf(store: Store): readonly Subject[] {
  const agents = store.viewAgents().flatMap(({ metadata: { name, labels }, status }): readonly Subject[] =>
    status.instances.length === 0
      ? [{ kind: 'Agent', name, labels, conditions: status.conditions }]
      : status.instances.map(({ name: instance, conditions }) => ({
          kind: 'Agent',
          name,
          instance,
          labels,
          conditions,
        })),
  );
  const sources = store.objects('GitSource').map(({ record }) => ({
    kind: 'GitSource',
    name: record.name,
    labels: record.labels,
    conditions: statusOf(record).conditions,
  }));
  const budgets = store.objects('Budget').map(({ record: { name, labels, status } }) => ({
    kind: 'Budget',
    name,
    labels,
    conditions: isBudgetStatus(status) ? status.conditions : [],
  }));
  const hosts = store.objects('Host').map(({ record: { name, labels, status } }) => {
    const kept = keptCondition(status);
    return { kind: 'Host', name, labels, conditions: kept ? [kept] : [] };
  });
  const reservations = store.objects('Reservation').map(({ record: { name, labels, status } }) => ({
    kind: 'Reservation',
    name,
    labels,
    conditions: reservationStatusOf(status).conditions,
  }));
  return [...agents, ...sources, ...budgets, ...hosts, ...reservations];
}

export function labelsOf(
  store: Store,
  { kind, name }: { readonly kind: string; readonly name: string },
): Readonly<Record<string, string>> {
  switch (kind) {
    case 'Agent':
    case 'Instance':
      return store.agent(name)?.record.labels ?? {};
    case 'GitSource':
    case 'Budget':
    case 'Host':
    case 'Reservation':
      return store.object(kind, name)?.record.labels ?? {};
    default:
      return {};
  }
}

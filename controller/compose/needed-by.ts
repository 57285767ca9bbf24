/**
 * Owns: what still needs a declared thing, so that it must not be deleted.
 * Never: deletes or moves anything.
 */
import type { ObjectKind } from '../../api/resources/kinds/kinds.ts';
import type { Store } from '../store/store.ts';
import { agentsOn } from './hosts.ts';

/** One clause for people; undefined: nothing needs it. */
export function neededBy(store: Store, kind: ObjectKind, name: string): string | undefined {
  switch (kind) {
    case 'Host':
      return agentsOn(store, name);
    case 'Reservation': {
      const names = tenantsOf(store, name);
      if (names.length === 0) return undefined;
      const shown = `${names.slice(0, 5).join(', ')}${names.length > 5 ? ', ...' : ''}`;
      return `${names.length === 1 ? 'an agent is its tenant' : `${names.length} agents are its tenants`} (${shown}); delete or move them first`;
    }
    default:
      return undefined;
  }
}

/** Agents that are declared for a reservation, those that are being deleted too. */
export const tenantsOf = (store: Store, reservation: string): readonly string[] =>
  [...store.agents()]
    .filter(
      ({ record }) => record.spec.place.runtime === 'slurm-tenant' && record.spec.place.reservation === reservation,
    )
    .map(({ record }) => record.name);

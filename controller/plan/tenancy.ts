/**
 * Owns: which allocation a tenant of a reservation is to live in, or why it waits. Pure.
 * Never: asks SLURM; what is known of reservations is passed in.
 */
import type { AgentSpec } from '../../api/resources/agent/agent.ts';
import type { HostName } from '../../api/resources/names.ts';

export interface ReservationFacts {
  readonly host: HostName;
  /** The allocation that is up; absent: none. */
  readonly job?: number;
  /** For people. */
  readonly detail: string;
}

export type Tenancy =
  | { readonly unplaced: string }
  | {
      readonly unplaced?: undefined;
      readonly host: HostName;
      readonly of: { readonly reservation: string; readonly job: number };
    };

/** Undefined: it is no tenant. */
export function planTenancy(
  { place: { runtime, reservation } }: AgentSpec,
  known: ReadonlyMap<string, ReservationFacts> = new Map(),
): Tenancy | undefined {
  if (runtime !== 'slurm-tenant' || reservation === undefined) return undefined;
  const found = known.get(reservation);
  if (!found)
    return {
      unplaced: `reservation "${reservation}" is not declared; apply one, or name another in spec.place.reservation.`,
    };
  const { host, job, detail } = found;
  if (job === undefined) return { unplaced: `waits for reservation "${reservation}": ${detail}` };
  return { host, of: { reservation, job } };
}

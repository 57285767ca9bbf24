/**
 * Owns: what a pool is: the job that holds a reservation's allocation, its mark, and the verbs on it.
 * Never: decides when one is asked for or given back.
 */

import type { ReservationSpec } from '../../api/resources/kinds/reservation.ts';
import { type FleetId, NAME_PATTERN } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { Transport } from '../transport/transport.ts';

export interface PoolJob {
  readonly job: number;
  readonly reservation: string;
  /** Of the spec it was asked for with. */
  readonly specHash: string;
  readonly state: 'waiting' | 'running' | 'ending';
  /** Runs, and takes tenants. */
  readonly up: boolean;
  readonly node?: string;
  readonly startedAt?: Instant;
  /** Absent: no limit, or not known yet. */
  readonly endsAt?: Instant;
  /** For people: why it waits. */
  readonly detail: string;
  /** Name of the tmux server on its node. */
  readonly socket: string;
}

export interface PoolOrder {
  readonly reservation: string;
  readonly spec: ReservationSpec;
  readonly specHash: string;
  /** Jobs of it that are known: any other with the same mark is what an earlier, lost answer spoke of. */
  readonly known: readonly number[];
}

/** Verbs throw TransportError when SLURM could not be asked, RuntimeError when it refused. */
export interface Pools {
  /** Of this fleet, in one round trip. */
  list(t: Transport): Promise<readonly PoolJob[]>;
  /** The job's number. */
  submit(t: Transport, order: PoolOrder): Promise<number>;
  cancel(t: Transport, jobs: readonly number[]): Promise<void>;
  /** How many tenants live in each job. */
  living(t: Transport): Promise<ReadonlyMap<number, number>>;
}

const MARK = /^sac\/1\/pool:([0-9a-f]+)\.([a-z0-9-]+):([0-9a-f]+):([A-Za-z0-9_-]+)$/;

export const socketBase = (fleet: FleetId, spec: ReservationSpec): string => spec.tmuxServer ?? `sac-${fleet}`;
export const renderPoolMark = (fleet: FleetId, { reservation, specHash, spec }: PoolOrder): string =>
  `sac/1/pool:${fleet}.${reservation}:${specHash}:${socketBase(fleet, spec)}`;

/** Undefined for a job of somebody else, or of another fleet. */
export function parsePoolMark(
  comment: string,
  fleet: FleetId,
): { readonly reservation: string; readonly specHash: string; readonly socketBase: string } | undefined {
  const [, owner, reservation = '', specHash = '', base = ''] = MARK.exec(comment) ?? [];
  return owner === fleet && NAME_PATTERN.test(reservation) ? { reservation, specHash, socketBase: base } : undefined;
}

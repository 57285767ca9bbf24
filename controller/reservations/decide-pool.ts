/**
 * Owns: what is to be done about the allocations of one reservation. Pure.
 * Never: gives back one that a tenant lives in while it is wanted, or asks for two at once.
 */
import type { PoolJob } from '../../adapters/runtimes/pool.ts';
import type { ReservationSpec } from '../../api/resources/kinds/reservation.ts';
import { durationMs, type Instant } from '../../api/resources/time.ts';

export interface PoolDecision {
  /** Tenants live in it, or move to it. */
  readonly current?: PoolJob;
  /** Asked for, not up yet. */
  readonly next?: PoolJob;
  readonly submit: boolean;
  readonly cancel: readonly number[];
}

export interface PoolLook {
  readonly spec: ReservationSpec;
  readonly specHash: string;
  /** Of this reservation. */
  readonly jobs: readonly PoolJob[];
  /** Tenants by job. */
  readonly living: ReadonlyMap<number, number>;
  readonly wanted: boolean;
  readonly now: Instant;
}

/** At most this share of an allocation's time is spent on its renewal. */
const LONGEST_RENEWAL = 0.75;

export function decidePool({ spec, specHash, jobs, living, wanted, now }: PoolLook): PoolDecision {
  const alive = jobs.filter(({ state }) => state !== 'ending').toSorted((a, b) => b.job - a.job);
  if (!wanted) return { submit: false, cancel: alive.map(({ job }) => job) };
  const up = alive.filter((job) => job.up);
  const current = up.find((job) => job.specHash === specHash) ?? up[0];
  const coming = alive.filter((job) => !job.up);
  const fitting = coming.filter((job) => job.specHash === specHash);
  // Of several, the one that has waited longest.
  const next = isEnough(current, spec, specHash, now) ? undefined : fitting.at(-1);
  const cancel = [
    ...coming.filter((job) => job !== next),
    ...up.filter((job) => job !== current && (living.get(job.job) ?? 0) === 0),
  ].map(({ job }) => job);
  return {
    ...(current && { current }),
    ...(next && { next }),
    submit: next === undefined && !isEnough(current, spec, specHash, now),
    cancel,
  };
}

function isEnough(current: PoolJob | undefined, spec: ReservationSpec, specHash: string, now: Instant): boolean {
  if (!current || current.specHash !== specHash) return false;
  const { startedAt, endsAt } = current;
  if (startedAt === undefined || endsAt === undefined) return true;
  return endsAt - now > Math.min(durationMs(spec.renewBefore), (endsAt - startedAt) * LONGEST_RENEWAL);
}

/**
 * Owns: the Host kind: a machine agents can live on. For now only `local` exists; remote hosts come with transports.
 * Never: connects anywhere.
 */
import type { Condition, ObjectMeta } from './meta.ts';

export interface PlaceStatus {
  readonly runtime: string;
  readonly available: boolean;
  /** Why not available, or the version found. */
  readonly detail: string;
  readonly agents: number;
  /** ISO 8601 of the last successful listing. */
  readonly lastListedAt?: string;
}

export interface Host {
  readonly apiVersion: 'sac/v1';
  readonly kind: 'Host';
  readonly metadata: ObjectMeta;
  readonly spec: { readonly address: string };
  readonly status: {
    readonly ready: boolean;
    readonly agents: number;
    readonly places: readonly PlaceStatus[];
    readonly conditions: readonly Condition[];
  };
}

/**
 * Owns: what a sync is asked, what it answers, and how it sees and changes the fleet.
 * Never: behaviour.
 */
import type { ApplyResponse } from '../../../api/protocol.ts';
import type { GitSourceSpec, GitSourceStatus } from '../../../api/resources/kinds/git-source.ts';
import type { Source } from '../../../api/resources/meta.ts';
import type { DurationMs } from '../../../api/resources/time.ts';
import type { Caller, ReadRequest } from '../../../api/server/ports.ts';

/** Something declared, as a source must know it. */
export interface FleetThing {
  /** `Agent/web`. */
  readonly key: string;
  readonly source: Source;
  /** The source that declared it is itself gone. */
  readonly orphaned?: boolean;
  /** What its source declares last was undone (`sac rollout undo`, `onFailure: undo`) and is not listened to. */
  readonly undone?: boolean;
  readonly deleting: boolean;
  /** Undefined: it is not meant to run, or has done its work, or never runs. */
  readonly ready: boolean | undefined;
}

export interface FleetWrites {
  apply(request: ReadRequest, by: Caller): Promise<ApplyResponse>;
  /** `key` as in FleetThing. */
  remove(key: string, by: Caller): Promise<void>;
  /** Says in the status of this source what is applied: together with it, so that a crash leaves no doubt. */
  applied(source: string, what: AppliedCommit): Promise<void>;
}

export type AppliedCommit = Pick<GitSourceStatus, 'lastAppliedRevision' | 'lastAppliedRef' | 'lastAppliedTime'>;

/** How a source sees and changes the fleet. */
export interface FleetPort {
  things(): Iterable<FleetThing>;
  /** All that is written in `work` becomes true at once; nothing does when it throws. */
  transaction<T>(work: (writes: FleetWrites) => Promise<T>): Promise<T>;
}

export interface SyncRequest {
  readonly spec: GitSourceSpec;
  readonly status: GitSourceStatus;
  /** Take a rewritten history, prune beyond maxPrunePercent, adopt what was applied by hand. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
  /** Names of sources of `dependsOn` that are not Ready. */
  readonly waitingFor?: readonly string[];
}

export interface SyncResult {
  readonly status: GitSourceStatus;
  /** `Kind/name` of what was created, changed or deleted. */
  readonly changed: readonly string[];
  /** Look again after this, earlier than the interval. */
  readonly retryMs?: DurationMs;
}

/** What the next sync would do. */
export interface SyncPlan {
  readonly revision: string;
  /** Why it would do nothing; each a whole line. */
  readonly problems: readonly string[];
  readonly response: ApplyResponse;
}

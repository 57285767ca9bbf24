/**
 * Owns: what is told of an agent and its instances: phases, activities, last exit, readings, holds, rollout.
 * Never: anything a manifest may say.
 */
import type { Condition } from '../meta.ts';
import type { TokenCounts } from './facts.ts';

export const PHASES = [
  'Pending',
  'Queued',
  'Starting',
  'Onboarding',
  'Running',
  'Stopping',
  'Stopped',
  'Backoff',
  'Succeeded',
  'Failed',
  'Unknown',
] as const;
export type Phase = (typeof PHASES)[number];

/** What an agent is doing, as its hooks, transcript or screen tell. `none`: it has no such thing (a plain command). */
export const ACTIVITIES = [
  'starting',
  'dialog',
  'idle',
  'working',
  'compose_pending',
  'permission_prompt',
  'question',
  'auth_error',
  'rate_limited',
  'limit_reached',
  'context_low',
  'compacting',
  'exited',
  'error',
  'unknown',
  'none',
] as const;
export type Activity = (typeof ACTIVITIES)[number];

/** Exit code of a start that was refused because the CLI is of another version than `cliVersion`. */
export const VERSION_REFUSED = 79;

/** Why something ended that did not end by itself, where its place tells. */
export type ExitCause =
  | 'Preempted'
  | 'TimedOut'
  | 'NodeFailed'
  | 'Cancelled'
  | 'OOMKilled'
  | 'VersionMismatch'
  | 'Unhealthy';

export interface LastExit {
  readonly code?: number;
  readonly signal?: string;
  /** ISO 8601. */
  readonly at: string;
  /** ISO 8601, by the controller's clock like metadata.restartRequestedAt: when what ended was started. */
  readonly startedAt?: string;
  /** Completed | Error | Killed | Vanished | Stopped, or an ExitCause. */
  readonly reason: string;
  /** What the start said of why it failed, where it was the start that did. */
  readonly message?: string;
}

/** What the agent's screen told last. */
export interface ReadingStatus {
  /** ISO 8601: since when its activity is what it is. */
  readonly since: string;
  readonly reason: string;
  readonly dialog?: { readonly name: string; readonly text: string; readonly options: readonly string[] };
  readonly tool?: string;
  readonly resetsAt?: string;
  readonly contextUsedRatio?: number;
  readonly model?: string;
  /** Of the CLI, as its transcript or screen says. */
  readonly cliVersion?: string;
  /** Where the activity is known from: hooks beat the transcript, the transcript beats the screen. */
  readonly source: 'hooks' | 'transcript' | 'screen';
  /** ISO 8601. */
  readonly lastToolAt?: string;
  readonly lastToolName?: string;
  /** Of all kinds, since midnight UTC. */
  readonly tokensToday?: number;
  readonly tokens?: TokenCounts;
  /** Estimate by list prices. */
  readonly costUsd?: number;
  /** Conversation that `tokens` and `costUsd` are of. */
  readonly sessionId?: string;
  /** Share of the account's quotas that is used, 0 to 1, by window; resetsAt: milliseconds since the epoch. */
  readonly quota?: Readonly<Record<string, { readonly usedRatio: number; readonly resetsAt?: number }>>;
}

export interface InstanceStatus {
  readonly name: string;
  readonly host: string;
  readonly runtime: string;
  readonly phase: Phase;
  readonly activity: Activity;
  readonly reading?: ReadingStatus;
  readonly ready: boolean;
  /** Starts after an end that nobody asked for. */
  readonly restarts: number;
  /** Session, container or job name at its place. */
  readonly session?: string;
  readonly pid?: number;
  readonly startedAt?: string;
  readonly lastExit?: LastExit;
  /** ISO 8601: what its schedule does next. */
  readonly nextStart?: string;
  readonly nextStop?: string;
  readonly conditions: readonly Condition[];
}

/** Somebody keeps the agent at rest, whatever its spec says. */
export interface Hold {
  /** `budget/<name>`. */
  readonly by: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly since: string;
}

/** Where the newest revision has got to. */
export interface RolloutStatus {
  /** The newest revision, and the last that all instances had; absent: none yet. */
  readonly revision: number;
  readonly stable?: number;
  readonly state: 'Complete' | 'Progressing' | 'Paused' | 'Halted';
  readonly message: string;
  /** Instances that were given the newest revision, and those of them that are well. */
  readonly updated: number;
  readonly ready: number;
  readonly total: number;
}

export interface AgentStatus {
  /** Absent: nobody. */
  readonly held?: readonly Hold[];
  readonly phase: Phase;
  readonly activity: Activity;
  /** All instances ready. */
  readonly ready: boolean;
  readonly readyInstances: number;
  readonly desiredInstances: number;
  readonly restarts: number;
  readonly observedGeneration: number;
  readonly rollout?: RolloutStatus;
  /** ISO 8601: what its schedule does next; the first of all instances. */
  readonly nextStart?: string;
  readonly nextStop?: string;
  readonly conditions: readonly Condition[];
  readonly instances: readonly InstanceStatus[];
}

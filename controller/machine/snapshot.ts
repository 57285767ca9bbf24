/**
 * Owns: what is remembered of an instance between two looks, and the effects a decision can ask for.
 * Never: holds anything that could be seen again by looking at the world.
 */
import type { ExitCause, Phase } from '../../api/resources/agent/agent.ts';
import type { EventDraft } from '../../api/resources/event.ts';
import type { Condition } from '../../api/resources/meta.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import type { DesiredInstance, DialogAnswer, HealthPlan, Place } from '../plan/desired-instance.ts';
import type { Timing } from '../plan/timing.ts';
import type { FailedChecks, HealthReading, PassedCheck } from './health.ts';
import type { OnboardingMemory, Reading, Submission } from './onboarding.ts';
import type { ToldMemory } from './told.ts';

/** What one look at the places where an instance may live told. */
export type Observation =
  /** Some place where it may live could not be looked at. Neither there nor gone: nothing is decided. */
  | { readonly kind: 'unknown'; readonly reason: string }
  /** All places were looked at; these things carry its id (none: absent). */
  | { readonly kind: 'seen'; readonly sightings: readonly PlacedSighting[] };

export interface PlacedSighting {
  readonly place: Place;
  readonly incarnation: Instant;
  readonly launchHash: string;
  readonly state: 'queued' | 'running' | 'exited';
  readonly session: string;
  readonly pid?: number;
  readonly startedAt?: Instant;
  readonly exit?: {
    readonly code?: number;
    readonly signal?: string;
    readonly at?: Instant;
    readonly cause?: ExitCause;
    /** Version of the CLI that was found, where the start was refused for it. */
    readonly foundVersion?: string;
    /** Why a start failed, in its own words. */
    readonly said?: string;
  };
  /** What it waits for, while queued; why it does not end, where its place knows. */
  readonly detail?: string;
  readonly submitted?: number;
  /** What its screen told; absent where nobody reads screens. */
  readonly reading?: Reading;
}

export interface ExitRecord {
  readonly code?: number;
  readonly signal?: string;
  readonly at: Instant;
  readonly reason: 'Completed' | 'Error' | 'Killed' | 'Vanished' | 'Stopped' | ExitCause;
  readonly incarnation: Instant;
  /** How long it had been ready. */
  readonly readyMs?: DurationMs;
  /** With VersionMismatch: which one was found; absent: it told none, or what it said could not be read. */
  readonly foundVersion?: string;
  /** Why it failed, where the start itself did and said so. */
  readonly said?: string;
}

export type StopReason = 'delete' | 'suspend' | 'update' | 'restart' | 'move' | 'unhealthy';

/** All that must survive a restart of the controller. JSON. */
export interface Memory {
  /** Restarts in a row that count against maxRetries. */
  readonly attempts: number;
  /** Starts after an end that nobody asked for, ever; for people. */
  readonly restarts: number;
  /** In Backoff: not to be started before. */
  readonly notBefore?: Instant;
  /** Incarnation we asked for, and where. */
  readonly incarnation?: Instant;
  readonly place?: Place;
  /** It was launched with a lease there: lost for long enough, it has surely ended. What was launched without one may live for ever. */
  readonly leased?: true;
  /** When the current incarnation was first seen live. */
  readonly liveSince?: Instant;
  readonly readySince?: Instant;
  readonly lastExit?: ExitRecord;
  /** Generation for which Succeeded or Failed is final. */
  readonly finalFor?: number;
  readonly finalReason?: string;
  /** A stop once begun is carried through: which incarnation was asked to leave, until when, and why. */
  readonly stop?: {
    readonly incarnation: Instant;
    readonly since: Instant;
    readonly killAt: Instant;
    readonly askedAt: Instant;
    readonly why: StopReason;
    /** The time to leave was given a second time, which is done once. */
    readonly late?: true;
  };
  /** First look that contradicted what is known; a single look may be old, so nothing is concluded from one. */
  readonly doubtedAt?: Instant;
  /** The way of the current incarnation to its prompt; absent for what has none. */
  readonly onboarding?: OnboardingMemory;
  /** What its schedule says of now; absent: it has none. */
  readonly timing?: Timing;
  /** Since when a differing launch waits for idle. */
  readonly driftSince?: Instant;
  /** Checks in a row that failed; absent: the last one did not, or there is none. */
  readonly unhealthy?: FailedChecks;
  readonly passed?: PassedCheck;
  /** What the user's hooks were told of, so that nothing is told twice. */
  readonly told?: ToldMemory;
  /** Generation of the last decision that saw the world. */
  readonly observedGeneration: number;
}

/** Phases the chart has. Onboarding joins with the dialogs; Unknown is how a stored phase is shown while its place cannot be looked at. */
export type SnapshotPhase = Exclude<Phase, 'Unknown' | 'Onboarding'>;

export interface MachineSnapshot {
  readonly phase: SnapshotPhase;
  readonly memory: Memory;
  readonly conditions: readonly Condition[];
}

export const NEW_SNAPSHOT: MachineSnapshot = {
  phase: 'Pending',
  memory: { attempts: 0, restarts: 0, observedGeneration: 0 },
  conditions: [],
};

/** What the hands are asked to do. Plain data: made here, printed, run by the effect runner, checked by the simulation. */
export type Effect =
  | {
      readonly type: 'start';
      readonly id: InstanceId;
      readonly place: Place;
      readonly incarnation: Instant;
      readonly desired: DesiredInstance;
      /** Instead of what the spec says. */
      readonly session?: 'new' | 'continue';
    }
  | {
      readonly type: 'term';
      readonly id: InstanceId;
      readonly place: Place;
      readonly incarnation: Instant;
      /** Run before the first asking; again by a controller that comes back in between, for nobody knows whether they ran. */
      readonly onRestart: readonly string[];
      readonly preStop: readonly string[];
    }
  | { readonly type: 'kill'; readonly id: InstanceId; readonly place: Place; readonly incarnation: Instant }
  | {
      readonly type: 'remove';
      readonly id: InstanceId;
      readonly place: Place;
      readonly incarnation: Instant;
      readonly postStop: readonly string[];
    }
  /** Answer a dialog that stands on its screen; whoever carries it out looks again before each key. */
  | {
      readonly type: 'answer';
      readonly id: InstanceId;
      readonly place: Place;
      readonly incarnation: Instant;
      readonly answer: DialogAnswer;
    }
  /** Paste a text, see it stand there, send it. */
  | (Submission & { readonly id: InstanceId; readonly place: Place; readonly incarnation: Instant })
  /** Look at the files deployed for it, and put right what differs. */
  | {
      readonly type: 'sync';
      readonly id: InstanceId;
      readonly place: Place;
      readonly incarnation: Instant;
      readonly desired: DesiredInstance;
    }
  /** Have it checked; what comes of it is seen by a later look. */
  | {
      readonly type: 'check';
      readonly id: InstanceId;
      readonly place: Place;
      readonly incarnation: Instant;
      readonly health: HealthPlan;
      readonly generation: number;
    }
  /** Run the user's hooks of one point. Asked for in the one pass that remembers it: a controller killed right then loses it. */
  | {
      readonly type: 'hook';
      readonly id: InstanceId;
      readonly place: Place;
      readonly incarnation: Instant;
      readonly point: 'on_diff' | 'on_compact';
      readonly commands: readonly string[];
    }
  /** Nothing of it is left and nothing wants it: forget it. */
  | { readonly type: 'release'; readonly id: InstanceId };

/** What the last look at an instance's deployed files told. */
export interface FilesReading {
  /** Which plan was deployed, or could not be. */
  readonly key: string;
  readonly ok: boolean;
  readonly reason: string;
  readonly message: string;
  /** Due to be looked at again. */
  readonly stale: boolean;
  /** When files that were changed at their place were last deployed again. */
  readonly mendedAt?: Instant;
}

export interface DecideInput {
  readonly id: InstanceId;
  /** Undefined: nothing wants this instance. */
  readonly desired: DesiredInstance | undefined;
  readonly observed: Observation;
  readonly snapshot: MachineSnapshot;
  /** Absent: its files were not looked at yet, or it has none. */
  readonly files?: FilesReading | undefined;
  /** Absent: it was not checked yet by this controller. */
  readonly health?: HealthReading | undefined;
  readonly now: Instant;
  /** When this controller began: what was asked for before that may never have been. Absent: it always did. */
  readonly since?: Instant;
}

export interface Decision {
  readonly snapshot: MachineSnapshot;
  readonly effects: readonly Effect[];
  readonly events: readonly EventDraft[];
  /** Look again at this time although nothing may have happened. */
  readonly wakeAt?: Instant;
  /** The look contradicts what is known: what is cached of it must not be used again. Look anew at `wakeAt`, else soon. */
  readonly lookAgain?: boolean;
}

/**
 * One decision about one instance. Pure and total: opens no file, reads no clock, throws for no input.
 * Level-triggered: called again with the same world it asks for the same effects again, for as long as the gap lasts,
 * so a crash after the snapshot was saved loses nothing. The caller saves the snapshot before it runs the first effect,
 * and does not feed results back: the next look sees what they did.
 */
export type Decide = (input: DecideInput) => Decision;

/**
 * Owns: the shape of one intended instance: what plan makes of an Agent and what the machine compares with the world.
 * Never: does I/O.
 */

import type { RuntimeKind } from '../../api/resources/agent/agent.ts';
import type { SlurmOptions } from '../../api/resources/agent/place/slurm.ts';
import type { HostName, InstanceId } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import type { PlannedApptainer, PlannedContainer } from './container-options.ts';
import type { SchedulePlan } from './timing.ts';
import type { WorkspacePlan } from './workspace/workspace-plan.ts';

export interface Place {
  readonly host: HostName;
  readonly runtime: RuntimeKind;
}
/** Where an instance was last placed. */
export interface LastPlace extends Place {
  /** It was launched there with a lease: lost for long enough, it has ended. */
  readonly leased?: boolean;
}
/** `host/runtime`, a key for maps. */
export type PlaceKey = `${string}/${string}`;
export const placeKey = (place: Place): PlaceKey => `${place.host}/${place.runtime}`;

/** What is started; everything in here is part of the launch hash. */
export interface LaunchPlan {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly envFiles: readonly string[];
  /** The saved login it has, by name: another token of the same account is no reason for a restart. */
  readonly login?: { readonly account: string; readonly variable: string };
  /** Variables it must not have. */
  readonly withheld?: readonly string[];
  readonly cwd: string;
  /** Deployed files that the agent reads when it begins, each with its hash. */
  readonly files?: readonly string[];
  /** Folder of a Python venv that is active. */
  readonly venv?: string;
  /** Version that the program must have: `2.1.197`, `2.1.x` or `2`. */
  readonly cliVersion?: string;
  /** It ends itself when its lease is not renewed: what was started without that must not be taken for over. */
  readonly leased?: true;
  readonly preStart: readonly string[];
  /** Longest time of each of them. */
  readonly preStartMs?: DurationMs;
  readonly postStart: readonly string[];
  readonly options: {
    readonly tmux: { readonly width: number; readonly height: number; readonly historyLimit: number };
    readonly process: { readonly logMaxBytes: number; readonly logFiles: number };
    readonly slurm?: SlurmOptions;
    readonly tenancy?: { readonly reservation: string; readonly job: number };
    readonly docker?: PlannedContainer;
    readonly podman?: PlannedContainer;
    readonly apptainer?: PlannedApptainer;
  };
}

/** How a dialog is to be answered: keys, one at a time, each only while the dialog still stands. */
export interface DialogAnswer {
  readonly name: string;
  readonly press: readonly string[];
  /** Where it lists options, the one to choose: a case-insensitive expression for its label. */
  readonly option?: string;
}

/** How conversations are found and gone on with. */
export interface SessionPlan {
  readonly mode: 'continue-or-new' | 'continue' | 'new' | 'resume';
  readonly resumeArgs: readonly string[];
  readonly lookup: {
    readonly folder: string;
    readonly files: string;
    readonly holds: string;
    readonly maxAgeMinutes?: number;
    readonly continueArgs: readonly string[];
  };
}

/** From start to prompt. */
export interface OnboardingPlan {
  readonly answers: readonly DialogAnswer[];
  readonly idleMs: DurationMs;
  readonly timeoutMs: DurationMs;
  readonly onTimeout: 'fail' | 'continue' | 'restart';
  readonly submit: readonly { readonly text: string; readonly delayMs: DurationMs }[];
}

/** A command that tells whether an instance is well. */
export interface HealthPlan {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly intervalMs: DurationMs;
  readonly timeoutMs: DurationMs;
  readonly failureThreshold: number;
}

export interface DesiredInstance {
  readonly id: InstanceId;
  /** Instance name: the agent's, or `<agent>-<n>`, or `<agent>-<host>`. */
  readonly name: string;
  readonly agent: string;
  readonly generation: number;
  /** Undefined: no place can be had now; `unplaced` says why. */
  readonly place?: Place;
  readonly unplaced?: string;
  /** It lived there, and its lease there has run out: that place need not be looked at. */
  readonly forsaken?: Place;
  /** It is to leave where it lives, drained or less preferred: it stays there until it is idle. */
  readonly moveWhenIdle?: true;
  /** It stops itself when it was not renewed for so long. */
  readonly leaseMs?: DurationMs;
  /** It is not started before this agent is ready; what lives is left alone. */
  readonly waitsFor?: string;
  /** Set when `auto` had to fall back; becomes the Placed condition's message. */
  readonly placeNote?: string;
  readonly launch: LaunchPlan;
  readonly launchHash: string;
  /** Files to deploy; absent: none, and there never were any. */
  readonly workspace?: WorkspacePlan;
  /** run; rest: declared but suspended; gone: deleted or scaled away. */
  readonly want: 'run' | 'rest' | 'gone';
  /** When it runs; absent: always. What that means at a given moment is asked there and then (timing.ts). */
  readonly schedule?: SchedulePlan;
  /** Its schedule has nothing for it now: what has ended is left as it is, and nothing is started. */
  readonly notNow?: true;
  /** What lives, lives on as it is, however it differs: its turn in a rolling change has not come. */
  readonly hold?: true;
  /** `sac restart` was asked at this time: incarnations before it are replaced. */
  readonly restartAt?: Instant;
  readonly restart: {
    readonly policy: 'never' | 'on-failure' | 'always';
    readonly maxRetries: number;
    readonly initialMs: DurationMs;
    readonly maxMs: DurationMs;
    readonly multiplier: number;
  };
  readonly update: { readonly strategy: 'OnIdle' | 'Immediate' | 'OnDelete'; readonly maxWaitMs: DurationMs };
  /** Whether the profile can tell idle from working. */
  readonly readsActivity: boolean;
  /** Undefined: it has no prompt to be brought to. */
  readonly onboarding?: OnboardingPlan;
  /** Undefined: what lives is well. */
  readonly health?: HealthPlan;
  /** Which conversation a start begins with; takes effect at the next start, so it is no part of the launch. */
  readonly session?: SessionPlan;
  /** The restart that was asked for begins with another than the spec says. */
  readonly restartSession?: 'new' | 'continue';
  readonly minReadyMs: DurationMs;
  readonly graceMs: DurationMs;
  /** Shell commands and URLs that the controller runs; preStart and postStart commands are part of the launch. */
  readonly hooks: {
    readonly preStop: readonly string[];
    readonly postStop: readonly string[];
    readonly onRestart: readonly string[];
    readonly onDiff: readonly string[];
    readonly onCompact: readonly string[];
    readonly preStartUrls: readonly string[];
    readonly postStartUrls: readonly string[];
  };
}

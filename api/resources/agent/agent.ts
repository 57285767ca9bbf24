/**
 * Owns: the Agent kind: what a manifest may say, its defaults, and what its status looks like.
 * Types, validation, JSON Schema and `sac explain` all come from the schemas here.
 * Never: reads files, or knows how any runtime or CLI works.
 */

import { z } from 'zod';
import { API_VERSION, type Condition, manifestMetaSchema, type ObjectMeta } from '../meta.ts';
import { nameSchema } from '../names.ts';
import { parseLabelSelector } from '../selectors.ts';
import { durationSchema } from '../time.ts';
import { apptainerSchema } from './apptainer.ts';
import { CONTAINER_RUNTIMES, containerSchema } from './container.ts';
import type { TokenCounts } from './facts.ts';
import { scheduleSchema } from './schedule.ts';
import { slurmSchema } from './slurm.ts';
import { startupSchema } from './startup.ts';
import { updateSchema } from './update.ts';
import { mcpServersSchema, skillsSchema, venvSchema, workspaceSchema } from './workspace.ts';

export const PROFILE_NAMES = ['claude-code', 'codex', 'gemini', 'aider', 'cursor', 'opencode', 'pi', 'exec'] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];
/** Runtimes that exist now; later ones are added here and in adapters/runtimes, nowhere else. */
export const RUNTIME_KINDS = [
  'tmux',
  'process',
  'screen',
  'slurm',
  'slurm-tenant',
  ...CONTAINER_RUNTIMES,
  'apptainer',
] as const;
export type RuntimeKind = (typeof RUNTIME_KINDS)[number];

/** Rules across fields are checked although a field is wrong: all errors at once. */
const isMapping = ({ value }: { readonly value: unknown }) => typeof value === 'object' && value !== null;
const noNul = (value: string) => !value.includes('\0');
const text = z.string().refine(noNul, { message: 'contains a NUL character, which no process can be given' });
const argument = text.max(131_072, { message: 'is longer than 128 KiB, the longest argument Linux passes' });
const ENV_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** A shell that starts the agent calculates what is assigned to these, and runs `$(...)` in an index: bash does, whatever is quoted. */
export const CALCULATED_VARIABLES = ['HISTCMD', 'LINENO', 'OPTIND', 'RANDOM', 'SECONDS', 'SRANDOM'] as const;
const calculated: ReadonlySet<string> = new Set(CALCULATED_VARIABLES);
const envSchema = z.record(
  z
    .string()
    .regex(ENV_NAME, { message: 'is not a valid environment variable name (letters, digits, "_")' })
    .refine((name) => !calculated.has(name), { message: "is a variable of the shell's own; choose another name" }),
  argument,
);
const hookList = (when: string) =>
  z
    .array(argument.min(1))
    .default([])
    .meta({ description: `Shell commands or http(s) URLs, ${when}.` });

function isLabelSelector(selector: string): boolean {
  try {
    parseLabelSelector(selector);
    return true;
  } catch {
    return false;
  }
}

const placeSchema = z
  .strictObject({
    host: z
      .union([nameSchema, z.array(nameSchema).min(1)])
      .optional()
      .meta({ description: 'Host to run on, or several in order of preference. Default: this machine.' }),
    hosts: z
      .union([z.literal('all'), z.array(nameSchema).min(1)], { error: 'is not "all" or a list of host names' })
      .optional()
      .meta({ description: 'One instance on each of these hosts, named <agent>-<host>.' }),
    hostSelector: text
      .min(1)
      .refine(isLabelSelector, { message: 'is not a label selector: key=value, key!=value, key, !key, key in (a,b)' })
      .optional()
      .meta({
        description: "Labels of the hosts to choose from (kubectl's grammar); instances are spread by free capacity.",
      }),
    failoverAfter: durationSchema.optional().meta({
      description:
        'With several hosts: how long the one it lives on may be unreachable before it is started on another. Its lease there has run out by then, so that it never runs twice.',
    }),
    failback: z.enum(['never', 'ready']).optional().meta({
      description:
        'When a host that is preferred to the one it lives on takes agents again. never, the default: it stays where it is. ready: it moves there when idle.',
    }),
    runtime: z
      .enum(['auto', ...RUNTIME_KINDS])
      .default('auto')
      .meta({ description: 'Where the agent lives. auto: tmux where it is installed, else process.' }),
    tmux: z
      .strictObject({
        width: z.int().min(20).max(1000).default(200).meta({ description: 'Columns of the terminal.' }),
        height: z.int().min(5).max(500).default(50).meta({ description: 'Rows of the terminal.' }),
        historyLimit: z.int().min(0).max(1_000_000).default(10_000).meta({ description: 'Lines of scrollback kept.' }),
      })
      .prefault({})
      .meta({ description: 'Options of the terminal, for tmux and screen.' }),
    process: z
      .strictObject({
        logMaxBytes: z
          .int()
          .min(4096)
          .max(1_073_741_824)
          .default(10_485_760)
          .meta({ description: 'A log file is rotated at this size, in bytes.' }),
        logFiles: z.int().min(1).max(100).default(3).meta({ description: 'How many rotated log files are kept.' }),
      })
      .prefault({})
      .meta({ description: 'Options of the process runtime.' }),
    slurm: slurmSchema,
    reservation: nameSchema
      .optional()
      .meta({ description: 'Reservation whose allocation it lives in, for runtime slurm-tenant; its host counts.' }),
    docker: containerSchema.optional().meta({ description: 'The container, for runtime docker.' }),
    podman: containerSchema.optional().meta({ description: 'The container, for runtime podman.' }),
    apptainer: apptainerSchema.optional().meta({ description: 'The instance, for runtime apptainer.' }),
  })
  .refine((place) => [place.host, place.hosts, place.hostSelector].filter((one) => one !== undefined).length <= 1, {
    message: 'host, hosts and hostSelector exclude each other',
    path: ['hosts'],
    when: isMapping,
  })
  .refine((place) => (place.runtime === 'slurm-tenant') === (place.reservation !== undefined), {
    message: 'goes together with runtime slurm-tenant: the name of a Reservation',
    path: ['reservation'],
    when: isMapping,
  })
  .refine((place) => place.runtime !== 'docker' || place.docker !== undefined, {
    message: 'is required for runtime docker: {image: ...}',
    path: ['docker'],
    when: isMapping,
  })
  .refine((place) => place.runtime !== 'podman' || place.podman !== undefined, {
    message: 'is required for runtime podman: {image: ...}',
    path: ['podman'],
    when: isMapping,
  })
  .refine((place) => place.runtime !== 'apptainer' || place.apptainer !== undefined, {
    message: 'is required for runtime apptainer: {image: ...}',
    path: ['apptainer'],
    when: isMapping,
  })
  .prefault({})
  .meta({ description: 'Where the agent runs: host and runtime.' });

const healthSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .meta({ description: 'Whether health.command is run; false keeps it for later.' }),
    method: z.enum(['alive', 'command']).optional().meta({
      description:
        'What counts as healthy. alive: the process exists, which the place tells by itself. command: health.command exits with 0. Default: command when there is one.',
    }),
    command: z.array(argument).min(1).optional().meta({
      description:
        "Program and arguments, one list item each; no shell. Run on the agent's host in its workspace, with SAC_AGENT set, once the agent is Ready.",
    }),
    interval: durationSchema.default('30s').meta({ description: 'Time between two runs of the command.' }),
    timeout: durationSchema.default('5s').meta({ description: 'A run that takes longer has failed.' }),
    failureThreshold: z.int().min(1).max(1000).default(3).meta({
      description:
        'After so many failed runs in a row the agent is not Healthy, and is restarted as restart.policy and backoff say (never: only told).',
    }),
  })
  .refine((health) => health.method !== 'command' || health.command !== undefined, {
    message: 'is required for method command: a list, program first',
    path: ['command'],
    when: isMapping,
  })
  .refine((health) => health.method !== 'alive' || health.command === undefined, {
    message: 'goes together with method command',
    path: ['command'],
    when: isMapping,
  })
  .prefault({})
  .meta({ description: 'How it is known that an agent that runs is well.' });

const restartSchema = z
  .strictObject({
    policy: z
      .enum(['never', 'on-failure', 'always'])
      .default('on-failure')
      .meta({ description: 'When an agent that ended is started again.' }),
    maxRetries: z.int().min(0).max(1_000_000).default(5).meta({
      description:
        'Restarts in a row before the agent is Failed with reason CrashLoop. Forgiven after it stayed ready for backoff.max, at least 1 s.',
    }),
    backoff: z
      .strictObject({
        initial: durationSchema.default('1s').meta({ description: 'Wait before the first restart.' }),
        max: durationSchema.default('5m').meta({ description: 'Longest wait.' }),
        multiplier: z.number().min(1).max(100).default(2).meta({ description: 'Factor from one wait to the next.' }),
      })
      .prefault({})
      .meta({ description: 'Waits between restarts; jittered by at most 10 %.' }),
  })
  .prefault({})
  .meta({ description: 'What happens when the agent ends by itself.' });

const hooksSchema = z
  .strictObject({
    preStart: hookList('run on the host before the agent starts; a failing one fails the start'),
    postStart: hookList('run beside the agent after it started'),
    preStop: hookList('run before the agent is asked to leave'),
    postStop: hookList('run after the agent is gone'),
    onCompact: hookList('run when the agent compacts its context'),
    onRestart: hookList('run before a restart that sac decided on'),
    onDiff: hookList('run when the agent was found to differ from its manifest'),
  })
  .prefault({})
  .meta({ description: "Commands around the agent's life." });

const claudeSchema = z
  .strictObject({
    flags: z.array(argument.min(1)).default([]).meta({
      description:
        'Words added to the command line of claude, one list item each; an item with a space is split at the first (`--add-dir /x`).',
    }),
    channels: z.array(text.min(1)).default([]).meta({ description: 'Channels, each passed as --channels.' }),
    account: text
      .min(1)
      .optional()
      .meta({ description: 'Saved login that this agent uses. Not together with provider.' }),
    provider: z
      .strictObject({
        baseUrl: z
          .url({ protocol: /^https?$/, message: 'is not an http(s) URL' })
          .regex(/^[^\s\p{Cc}]+$/u, { message: 'holds spaces or control characters' })
          .meta({ description: 'Address of a service that speaks the Anthropic API.' }),
        authTokenEnv: z
          .string()
          .regex(ENV_NAME, { message: 'is not the name of an environment variable' })
          .meta({ description: "Name of the controller's environment variable that holds the key; never the key." }),
      })
      .optional()
      .meta({
        description: 'Another service than Anthropic, with a key instead of a login. Not together with account.',
      }),
  })
  .refine((claude) => claude.account === undefined || claude.provider === undefined, {
    message: 'account and provider exclude each other',
    path: ['provider'],
    when: isMapping,
  })
  .prefault({})
  .meta({ description: 'Options of Claude Code alone.' });

const sessionModes = z.enum(['continue-or-new', 'continue', 'new', 'resume']);
const sessionSchema = z
  .union(
    [
      sessionModes.refine((mode) => mode !== 'resume', {
        message: 'resume needs the id of the conversation: {mode: resume, id: ...}',
      }),
      z
        .strictObject({
          mode: sessionModes
            .default('continue-or-new')
            .meta({ description: 'Which conversation the agent starts with.' }),
          id: text.min(1).optional().meta({ description: 'Conversation to resume, with mode: resume.' }),
          continueMaxAgeMinutes: z
            .number()
            .positive()
            .optional()
            .meta({ description: 'An older conversation is not continued.' }),
        })
        .refine(({ mode, id }) => (mode === 'resume') === (id !== undefined), {
          message: 'goes together with mode resume: the id of the conversation',
          path: ['id'],
        }),
    ],
    { error: 'is not continue-or-new, continue, new, resume, or {mode, id, continueMaxAgeMinutes}' },
  )
  .default('continue-or-new')
  .meta({ description: 'Which conversation the agent starts with.' });

export const agentSpecSchema = z
  .strictObject({
    profile: z
      .enum(PROFILE_NAMES)
      .optional()
      .meta({ description: 'Which agent CLI this is. Default: exec when command is given, else claude-code.' }),
    command: z
      .array(argument)
      .min(1, { message: 'needs at least the program to run' })
      .refine((argv) => argv[0] !== '', { message: 'names no program: the first word is empty' })
      .optional()
      .meta({
        description:
          'Program and arguments, one list item each; no shell. For exec required, for other profiles it replaces the program.',
      }),
    model: text.min(1).max(200).optional().meta({ description: 'Model the CLI is told to use.' }),
    cliVersion: z
      .string({ error: 'is not a version as text, such as "2.1.x"' })
      .regex(/^\d{1,9}(?:\.(?:\d{1,9}|[xX*])){0,2}$/, { message: 'is not a version such as 2.1.197, 2.1.x or 2' })
      .optional()
      .meta({
        description:
          'Version of the CLI that may run: 2.1.197, 2.1.x or 2. Asked of the program at each start; another is not started (condition VersionMismatch).',
      }),
    place: placeSchema,
    replicas: z
      .int()
      .min(0)
      .max(1000)
      .default(1)
      .meta({ description: "How many instances; the first has the agent's name, others <name>-1, <name>-2, ..." }),
    workspace: workspaceSchema,
    skills: skillsSchema,
    mcpServers: mcpServersSchema,
    venv: venvSchema,
    env: envSchema
      .default({})
      .meta({ description: 'Environment variables. They reach the agent by a 0600 file, never by argv.' }),
    envFiles: z
      .array(text.min(1))
      .default([])
      .meta({ description: 'Files of KEY=VALUE lines, read when the agent starts; relative to the workspace.' }),
    session: sessionSchema,
    claude: claudeSchema,
    startup: startupSchema,
    health: healthSchema,
    restart: restartSchema,
    update: updateSchema,
    hooks: hooksSchema,
    dependsOn: z
      .array(nameSchema)
      .max(100)
      .optional()
      .meta({ description: 'Agents that must be ready before this one is started; what runs already is left alone.' }),
    schedule: scheduleSchema,
    ttlSecondsAfterFinished: z.number().min(0).max(31_536_000).optional().meta({
      description:
        'An agent that was applied and has finished (Succeeded or Failed for good) is deleted after so many seconds. Not for what a directory or a commit declares.',
    }),
    suspend: z.boolean().default(false).meta({ description: 'Declared but at rest: no instance runs.' }),
    terminationGracePeriodSeconds: z
      .number()
      .min(0)
      .max(86_400)
      .default(10)
      .meta({ description: 'Seconds between asking the agent to leave and killing it.' }),
  })
  .refine((spec) => spec.profile !== 'exec' || spec.command !== undefined, {
    path: ['command'],
    message: 'is required for profile exec: a list, program first',
    when: isMapping,
  })
  .refine((spec) => spec.ttlSecondsAfterFinished === undefined || spec.schedule === undefined, {
    path: ['ttlSecondsAfterFinished'],
    message: 'does not go together with schedule: what has finished is started again',
    when: isMapping,
  })
  .meta({ description: 'What the agent should be.' });

export const agentManifestSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).meta({ description: 'Always sac/v1.' }),
    kind: z.literal('Agent').meta({ description: 'Always Agent.' }),
    metadata: manifestMetaSchema.prefault({}).meta({ description: 'Name, labels, annotations.' }),
    spec: agentSpecSchema,
  })
  .meta({ title: 'Agent', description: 'One AI coding agent (or several alike) that sac keeps running.' });

/** A manifest as a person writes it: defaults may be missing. */
export type AgentManifestInput = z.input<typeof agentManifestSchema>;
/** A manifest with all defaults filled in. */
export type AgentManifest = z.output<typeof agentManifestSchema>;
export type AgentSpec = z.output<typeof agentSpecSchema>;
export type AgentSpecInput = z.input<typeof agentSpecSchema>;

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

export interface Agent {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: 'Agent';
  readonly metadata: ObjectMeta;
  readonly spec: AgentSpec;
  readonly status: AgentStatus;
}

/** One running (or resting) incarnation slot of an agent, as `sac get instances` shows it. */
export interface Instance {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: 'Instance';
  readonly metadata: ObjectMeta;
  readonly spec: { readonly agent: string; readonly host: string; readonly runtime: string };
  readonly status: InstanceStatus;
}

export const effectiveProfile = (spec: Pick<AgentSpec, 'profile' | 'command'>): ProfileName =>
  spec.profile ?? (spec.command ? 'exec' : 'claude-code');

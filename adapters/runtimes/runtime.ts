/**
 * Owns: the contract of a place where agents live, and the shapes that cross it.
 * Never: decides anything. A runtime carries out one effect or reports what is there.
 */

import type { ExitCause, RuntimeKind } from '../../api/resources/agent/agent.ts';
import type { ApptainerSpec } from '../../api/resources/agent/place/apptainer.ts';
import type { ContainerSpec } from '../../api/resources/agent/place/container.ts';
import type { SlurmOptions } from '../../api/resources/agent/place/slurm.ts';
import type { FleetId, InstanceId } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import type { Screen } from '../profiles/screen.ts';
import type { Transport } from '../transport/transport.ts';
import type { Pools } from './pool.ts';
import type { LeftoversOf } from './reap/leftovers.ts';

/**
 * One thing with our mark, as it was seen. What was not listed is absent; what could not be listed is an exception.
 */
export interface Sighting {
  readonly id: InstanceId;
  /** Which start this is: the time the controller decided to start it. Told by the mark on the thing. */
  readonly incarnation: Instant;
  readonly launchHash: string;
  readonly state: 'queued' | 'running' | 'exited';
  /** Name of the session, container or job, for people. */
  readonly session: string;
  readonly pid?: number;
  /** As the place tells it; may be seconds apart from our clock. */
  readonly startedAt?: Instant;
  /** Present when state is exited. Neither code nor signal: it is gone and nobody knows how. */
  readonly exit?: {
    readonly code?: number;
    readonly signal?: string;
    readonly at?: Instant;
    /** Why the place ended it, where it was the place. */
    readonly cause?: ExitCause;
  };
  /** What it waits for, while queued; why it does not end, where the place knows. One line, for people. */
  readonly detail?: string;
  /** How many startup texts were submitted to this incarnation; written on the thing in the moment of submitting. */
  readonly submitted?: number;
}

/** What is typed: a key by its name (`Enter`, `Escape`, `Down`, `1`), or text that is pasted (bracketed where the program asked for it). */
export type Keystroke = { readonly key: string } | { readonly paste: string };

/** Everything a runtime needs to start one incarnation. Plain data. */
export interface Launch {
  readonly id: InstanceId;
  readonly incarnation: Instant;
  readonly launchHash: string;
  /** Program and arguments. Never passed through a shell. */
  readonly argv: readonly string[];
  /** Variables of the agent; may hold secrets, so they go into a 0600 file, never into argv or the multiplexer's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly envFiles: readonly string[];
  /** Variables it must not have, also not from envFiles or from what the place gives. */
  readonly withheld?: readonly string[];
  /** Working directory; made when missing. */
  readonly cwd: string;
  /** Folder of a Python venv that is active for the agent. */
  readonly venv?: string;
  /** Version that `argv[0] --version` must tell (`2.1.197`, `2.1.x`, `2`); else it is not run, and the exit is VERSION_REFUSED. */
  readonly cliVersion?: string;
  /** Shell commands run in `cwd` with the agent's environment: before (a failing one ends the start with its code) and beside it. */
  readonly preStart: readonly string[];
  readonly postStart: readonly string[];
  /** Each command of preStart is ended after so long; by default after PRE_START_MS of `launch/`. */
  readonly preStartMs?: DurationMs;
  /** It ends itself when the file was not touched for so long (ms); the one who touches it is the controller. */
  readonly lease?: { readonly file: string; readonly ms: DurationMs };
  /** Where hooks of its CLI are taken, on the machine: to be shown to an agent that does not see the machine's files. */
  readonly hooks?: HookFiles;
  /** Which conversation it begins with; absent: `argv` as it is. */
  readonly session?: LaunchSession;
  readonly options: LaunchOptions;
}

/** Absolute paths: the program that takes a hook's event, and the file it appends to. */
export interface HookFiles {
  readonly program: string;
  readonly spool: string;
}

/** How agents are reached that see files of their own. */
export interface Inside {
  /** What a command begins with that is to run where this agent does. */
  exec(id: InstanceId): readonly string[];
  /** Where they see the files of `Launch.hooks`. */
  readonly hooks: HookFiles;
}

/** Looked up where the agent lives, in the moment of starting: whether there is a conversation to go on with. */
export interface LaunchSession {
  /** Below the agent's home; `{cwd}` stands for the working directory with all but letters and digits made `-`. */
  readonly folder: string;
  readonly files: string;
  /** Fixed text in a file that is a conversation; `{pwd}` stands for the working directory. */
  readonly holds: string;
  /** An older one does not count. */
  readonly maxAgeMinutes?: number;
  /** Added to argv when there is one. */
  readonly continueArgs: readonly string[];
  /** Without one the start fails. */
  readonly required: boolean;
}

/** What the manifest says of the places it may live at; each runtime reads its own section. */
export interface LaunchOptions {
  readonly tmux: { readonly width: number; readonly height: number; readonly historyLimit: number };
  readonly process: { readonly logMaxBytes: number; readonly logFiles: number };
  /** Absent: all defaults. */
  readonly slurm?: SlurmOptions;
  /** Of a reservation, and the job that holds its allocation now. */
  readonly tenancy?: { readonly reservation: string; readonly job: number };
  readonly docker?: ContainerOptions;
  readonly podman?: ContainerOptions;
  readonly apptainer?: ApptainerOptions;
}

/** An instance as the manifest has it, with every path of the host made absolute and judged. */
export interface ApptainerOptions extends Omit<ApptainerSpec, 'mounts' | 'mountHostClaude'> {
  readonly mounts: ContainerOptions['mounts'];
  readonly home?: string;
}

/** A container as the manifest has it, with every path of the host made absolute and judged. */
export interface ContainerOptions extends Omit<ContainerSpec, 'mounts' | 'mountHostClaude'> {
  readonly mounts: readonly { readonly source: string; readonly target: string; readonly readOnly: boolean }[];
  /** Home of the user whose Claude Code settings are shown in the container (mountHostClaude). */
  readonly home?: string;
}

/** Where a runtime keeps its files on the machine: absolute paths, private to one fleet. */
export interface PlaceDirs {
  /** Launch files, state files, sockets: lost on reboot is fine. */
  readonly run: string;
  /** `<logs>/<instance name>/...`: output and last screens, also of incarnations before the current one. */
  readonly logs: string;
}

export interface LogOptions {
  /** Last lines to begin with; all when absent. */
  readonly tail?: number;
  /** Output of the incarnation before this one. */
  readonly previous?: boolean;
  /** Keep yielding new lines until `signal` aborts. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

export interface RuntimeCapabilities {
  /** Has a terminal that can be seen and typed into. */
  readonly screen: boolean;
  readonly attach: boolean;
  /** Deaths are pushed, not polled. */
  readonly push: boolean;
  /** What agents elsewhere have and it cannot do: ends of the sentence "it cannot ...", for people. */
  readonly lacks?: readonly string[];
}

/**
 * Where agents live: one kind of place, on whichever machine the transport reaches. Stateless towards agents: all truth is
 * in the place, marked on the things themselves (fleet, id, incarnation, launch hash); connections may be kept.
 * Every verb is idempotent and safe to repeat after a crash. Nothing without our fleet's mark is ever touched.
 * Verbs throw TransportError when the place could not be asked, and RuntimeError when it answered and refused.
 */
export interface Runtime {
  readonly kind: RuntimeKind;
  readonly capabilities: RuntimeCapabilities;
  /** Absent: agents here see the files of the machine. */
  readonly inside?: Inside;
  /** Whether the place can be used at all, and which version, or what is missing. Never throws for "not installed". */
  probe(t: Transport): Promise<{ readonly available: boolean; readonly detail: string }>;
  /**
   * Everything of this fleet, in ONE round trip however many live there. [] means "looked, and there is nothing".
   * With `ids`, at least those (a runtime may answer with more); for a look after a hint.
   */
  list(t: Transport, ids?: readonly InstanceId[]): Promise<readonly Sighting[]>;
  /**
   * Push, where the place can: hints may be lost, doubled or late, they only say "look". 'all' when the source itself
   * was lost or came back. `state` tells whether pushes can currently be trusted to arrive.
   */
  watch?(t: Transport, onHint: (id: InstanceId | 'all') => void): Disposable;
  /**
   * Brings this incarnation to life, at most once. Same id and launch hash already running: no-op. A corpse of an older
   * incarnation of ours under this name is archived (see `logs` previous) and replaced; a corpse of this incarnation or a newer
   * one: no-op, for it was started and has ended. Another live launch of ours, or a foreign thing with the name: RuntimeError.
   * Concurrent calls are batched by the runtime.
   */
  start(t: Transport, launch: Launch): Promise<void>;
  /** Asks (term) or forces (kill) exactly this incarnation and all that it spawned, also setsid'ed. Absent: no-op. The corpse stays. */
  signal(t: Transport, id: InstanceId, incarnation: Instant, how: 'term' | 'kill'): Promise<void>;
  /** Archives last output, then removes the corpse, its files and whatever it still has running. Live or absent or another incarnation: no-op. */
  remove(t: Transport, id: InstanceId, incarnation: Instant): Promise<void>;
  /**
   * Kills processes that carry the mark of an incarnation known to be over: for each id, all up to that incarnation.
   * Marks of ids that are not named are left alone. Returns how many were killed.
   */
  sweep(t: Transport, over: ReadonlyMap<InstanceId, Instant>): Promise<number>;
  /**
   * Visible screens, batched: only what changed is captured anew, what did not is the same object as before.
   * Only where capabilities.screen.
   */
  screen?(t: Transport, ids: readonly InstanceId[]): Promise<ReadonlyMap<InstanceId, Screen>>;
  /**
   * Types into exactly this incarnation; another, or none: no-op. With `submitted`, the last keystroke and the note that so
   * many texts were submitted happen together or not at all. Only where capabilities.screen.
   */
  type?(
    t: Transport,
    id: InstanceId,
    incarnation: Instant,
    keys: readonly Keystroke[],
    submitted?: number,
  ): Promise<void>;
  /** The script that the place would get for this start, where it gets one that people read. Holds no secrets of the environment. */
  render?(launch: Launch): string;
  /** Allocations that agents here live in; only where reservations are kept. */
  readonly pools?: Pools;
  logs(t: Transport, id: InstanceId, options: LogOptions): AsyncIterable<string>;
  /** argv that, run on the place's machine in a terminal, shows the agent. Only where capabilities.attach. */
  attach?(id: InstanceId): readonly string[];
}

/** The place answered, and refused. `message` names the place, the thing and what to do. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
}

/** Built once per fleet by the composition root. */
export interface RuntimeContext {
  readonly fleet: FleetId;
  readonly dirs: PlaceDirs;
  readonly now: () => Instant;
  readonly timeoutMs: DurationMs;
  /** Shared by all runtimes of a machine; a runtime by itself has its own. */
  readonly leftovers?: LeftoversOf;
}

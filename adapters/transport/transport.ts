/**
 * Owns: the contract by which a command reaches a machine.
 * Never: knows what the command is for. Only implementations of this start processes.
 */
import type { HostName } from '../../api/resources/names.ts';
import type { DurationMs } from '../../api/resources/time.ts';

export type Env = Readonly<Record<string, string>>;

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  /** The whole environment of the command; the transport adds nothing. Default: the transport's base environment (an allow-list). */
  readonly env?: Env;
  readonly cwd?: string;
  /** Default 30 s. */
  readonly timeoutMs?: DurationMs;
  readonly signal?: AbortSignal;
}

/** What the command said. A non-zero exit is a value, not an exception. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface FileToPut {
  /** Absolute path; missing parent directories are made 0700. */
  readonly path: string;
  readonly content: string | Uint8Array;
  /** Permission bits, set before the content can be seen. */
  readonly mode: number;
}

/** A long-lived command that is talked to line by line. */
export interface Conversation extends Disposable {
  /** Writes one line; the newline is added. Throws TransportError when the command is gone. */
  write(line: string): void;
  /** Resolves once, when the command has ended or could not start; never rejects. */
  readonly closed: Promise<{ readonly reason: string }>;
}

/**
 * How commands, files and terminals reach one machine.
 * argv arrays only, never a shell string. Safe to call concurrently.
 * Throws TransportError alone, meaning "I could not ask" (unreachable, timed out, program missing);
 * whether a command that threw has run is unknown, so callers look again instead of assuming.
 */
export interface Transport extends AsyncDisposable {
  /** "local" or a Host resource's name. */
  readonly host: HostName;
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** Starts a long-lived command. Lines arrive whole, without the newline; stderr is dropped. */
  converse(argv: readonly string[], onLine: (line: string) => void): Conversation;
  /** Writes files atomically (temp + rename in the same folder). */
  putFiles(files: readonly FileToPut[]): Promise<void>;
  /**
   * The first `maxBytes` of a plain file, not through a link; undefined: there is none that can be read.
   * Only where that costs no process.
   */
  readFile?(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Names of what is in a folder; none when it is not there or closed. Only where that costs no process. */
  readFolder?(path: string): Promise<readonly string[]>;
  /** Who is not there is passed over. Only where that costs no process. */
  removeFiles?(paths: readonly string[]): Promise<void>;
  /** Signals a process, or `-<process group>`, at once and without an answer; only where that costs no round trip. */
  signal?(pid: number, signal: 'SIGCHLD' | 'SIGTERM' | 'SIGKILL' | 'SIGUSR1'): void;
  /** argv for the user's own terminal on this machine that runs `argv` over there: attach, exec. */
  interactive(argv: readonly string[]): readonly string[];
}

/** The question could not be asked, or the answer did not arrive. Never means "absent". */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly kind: 'unreachable' | 'timeout' | 'missing-program' | 'closed';
  constructor(kind: TransportError['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

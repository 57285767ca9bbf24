/**
 * Owns: one child process from spawn to end, whatever holds its pipes: a detached grandchild keeps nobody waiting.
 * Never: interprets output.
 */
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import type { DurationMs } from '../../../api/resources/time.ts';
import { type Env, TransportError } from '../transport.ts';

/** After the child has ended, its pipes are read until they close or have been silent for this long, twice. */
const LINGER_MS: DurationMs = 40;
/** A command that was told to leave is killed after this. */
const KILL_AFTER_MS: DurationMs = 1_000;

export interface ChildOptions {
  readonly env: Env;
  readonly cwd?: string;
  readonly stdin: 'pipe' | 'ignore';
  readonly stderr: 'pipe' | 'ignore';
  /** A session of its own, so that ending it ends its whole process group. Else it ends with this process. */
  readonly ownGroup: boolean;
  readonly onData: (stream: 'stdout' | 'stderr', chunk: Uint8Array) => void;
}

export interface Child {
  readonly stdin: Writable | undefined;
  /** Exit code as a shell would tell it (128 + signal). Rejects with TransportError when it could not be started. */
  readonly ended: Promise<{ readonly code: number; readonly signal: string | undefined }>;
  /** TERM, and KILL if that does not help. */
  end(): void;
}

export function spawnChild(argv: readonly string[], options: ChildOptions): Child {
  const [program, ...args] = argv;
  if (program === undefined || program === '') throw new RangeError('an empty argv names no program');
  const child = execa(program, args, {
    env: { ...options.env },
    extendEnv: false,
    reject: false,
    buffer: false,
    encoding: 'buffer',
    stdin: options.stdin,
    stdout: 'pipe',
    stderr: options.stderr,
    detached: options.ownGroup,
    cleanup: !options.ownGroup,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  const streams: Readable[] = [];
  let bytes = 0;
  for (const name of ['stdout', 'stderr'] as const) {
    const stream = child[name];
    if (!stream) continue;
    streams.push(stream);
    stream.on('data', (chunk: Uint8Array) => {
      bytes += chunk.length;
      options.onData(name, chunk);
    });
    // Ending is told by the process, not by its pipes.
    stream.on('error', () => undefined);
  }
  child.stdin?.on('error', () => undefined);

  let alive = true;
  const ended = new Promise<{ code: number; signal: string | undefined }>((resolve, reject) => {
    const finish = (code: number | null, signal: NodeJS.Signals | null) => {
      alive = false;
      const result = { code: code ?? 128 + (signal ? constants.signals[signal] : 0), signal: signal ?? undefined };
      drain(
        streams,
        () => bytes,
        () => resolve(result),
      );
    };
    child.once('exit', finish);
    child.then(
      (result) => {
        // Only a child that never was ends here without an exit.
        if (result.exitCode !== undefined || result.signal !== undefined) return;
        alive = false;
        reject(startError(program, options.cwd, result.code, result.shortMessage));
      },
      (error: unknown) => reject(startError(program, options.cwd, undefined, String(error))),
    );
  });

  const kill = (signal: NodeJS.Signals) => {
    if (!alive || child.pid === undefined) return;
    try {
      if (options.ownGroup) process.kill(-child.pid, signal);
      else child.kill(signal);
    } catch {
      // It ended in this very moment.
    }
  };
  return {
    stdin: child.stdin ?? undefined,
    ended,
    end() {
      kill('SIGTERM');
      const timer = setTimeout(() => kill('SIGKILL'), KILL_AFTER_MS).unref();
      ended.then(
        () => clearTimeout(timer),
        () => clearTimeout(timer),
      );
    },
  };
}

function startError(
  program: string,
  cwd: string | undefined,
  code: string | undefined,
  message: string | undefined,
): TransportError {
  switch (code) {
    case 'ENOENT':
      return new TransportError(
        'missing-program',
        cwd === undefined ? `${program} is not installed` : `${program} is not installed, or ${cwd} does not exist`,
      );
    case 'EACCES':
      return new TransportError('missing-program', `${program} may not be executed by this user`);
    default:
      return new TransportError(
        'unreachable',
        `${program} could not be started: ${message ?? code ?? 'no reason given'}`,
      );
  }
}

/** Calls `done` when all streams have closed, or nothing came for two turns of LINGER_MS although the process is gone. */
function drain(streams: readonly Readable[], bytes: () => number, done: () => void): void {
  let open = streams.filter((stream) => !stream.closed).length;
  let seen = bytes();
  let quiet = 0;
  if (open === 0) {
    done();
    return;
  }
  const timer = setInterval(() => {
    quiet = bytes() === seen ? quiet + 1 : 0;
    seen = bytes();
    if (quiet < 2) return;
    for (const stream of streams) stream.destroy();
  }, LINGER_MS);
  for (const stream of streams) {
    if (stream.closed) continue;
    stream.once('close', () => {
      if (--open > 0) return;
      clearInterval(timer);
      done();
    });
  }
}

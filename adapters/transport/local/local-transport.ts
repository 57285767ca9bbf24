/**
 * Owns: commands, conversations and files on this machine; with child.ts the only code here that starts processes.
 * Never: passes on the controller's whole environment, only an allow-list of it.
 */
import { LOCAL_HOST } from '../../../api/resources/names.ts';
import {
  type Conversation,
  type Env,
  type RunOptions,
  type RunResult,
  type Transport,
  TransportError,
} from '../transport.ts';
import { spawnChild } from './child.ts';
import { putFile, readFolder, readPlainFile, removeFiles } from './files.ts';
import { LineSplitter } from './lines.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
/** No answer of a command of ours is longer. Half an answer would be a wrong one: it is refused. */
const MAX_OUTPUT = 64 * 1024 * 1024;
/** Of an error message, the beginning is kept. */
const MAX_STDERR = 64 * 1024;
const MAX_LINE = 16 * 1024 * 1024;
const MAX_UNSENT = 64 * 1024 * 1024;
const INHERITED =
  /^(?:HOME|USER|LOGNAME|SHELL|PATH|LANG|LC_[A-Z]+|TZ|TERM|TMPDIR|TMUX_TMPDIR|SSH_AUTH_SOCK|SLURM_CONF|XDG_[A-Z_]+)$/;

/** What agents and commands inherit of the controller's environment; everything else is declared in the manifest. */
export function baseEnvironment(own: Readonly<Record<string, string | undefined>>): Env {
  const base: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) if (value !== undefined && INHERITED.test(name)) base[name] = value;
  return base;
}

export function createLocalTransport(own: Readonly<Record<string, string | undefined>>): Transport {
  const base = baseEnvironment(own);
  const talking = new Set<Conversation>();

  return {
    host: LOCAL_HOST,

    run: (argv, options = {}) => runLocally(argv, options, base),

    converse(argv, onLine) {
      const conversation = converseLocally(argv, onLine, base);
      talking.add(conversation);
      void conversation.closed.then(() => talking.delete(conversation));
      return conversation;
    },

    async putFiles(files) {
      await Promise.all(files.map(putFile));
    },

    readFile: readPlainFile,
    readFolder,
    removeFiles,

    signal(pid, signal) {
      try {
        process.kill(pid, signal);
      } catch {
        // Gone: there is nobody to tell.
      }
    },

    interactive: (argv) => argv,

    async [Symbol.asyncDispose]() {
      const ending = [...talking];
      for (const conversation of ending) conversation[Symbol.dispose]();
      await Promise.all(ending.map(({ closed }) => closed));
    },
  };
}

function runLocally(
  argv: readonly string[],
  { stdin, env, cwd, timeoutMs = DEFAULT_TIMEOUT_MS, signal }: RunOptions,
  base: Env,
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const program = argv[0] ?? '';
    const stdout: Uint8Array[] = [];
    const stderr: Uint8Array[] = [];
    let outputBytes = 0;
    let errorBytes = 0;
    if (signal?.aborted) throw new TransportError('closed', `${program} was cancelled`);
    const child = spawnChild(argv, {
      env: env ?? base,
      ...(cwd !== undefined && { cwd }),
      stdin: stdin === undefined ? 'ignore' : 'pipe',
      stderr: 'pipe',
      ownGroup: true,
      onData(stream, chunk) {
        if (stream === 'stderr') {
          if (errorBytes < MAX_STDERR) stderr.push(chunk.subarray(0, MAX_STDERR - errorBytes));
          errorBytes += chunk.length;
          return;
        }
        outputBytes += chunk.length;
        if (outputBytes <= MAX_OUTPUT) stdout.push(chunk);
        else giveUp(new TransportError('unreachable', `${program} answered more than ${MAX_OUTPUT} bytes`));
      },
    });
    const settle = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    };
    const giveUp = (error: TransportError) => {
      settle();
      child.end();
      reject(error);
    };
    const cancel = () => giveUp(new TransportError('closed', `${program} was cancelled`));
    const timer = setTimeout(
      () => giveUp(new TransportError('timeout', `${program} did not answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    signal?.addEventListener('abort', cancel, { once: true });
    child.ended.then(
      ({ code }) => {
        settle();
        resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
      },
      (error: unknown) => {
        settle();
        reject(error);
      },
    );
    if (stdin !== undefined) child.stdin?.end(stdin);
  });
}

function converseLocally(argv: readonly string[], onLine: (line: string) => void, base: Env): Conversation {
  const program = argv[0] ?? '';
  let ended: string | undefined;
  const stop = (reason: string) => {
    if (ended !== undefined) return;
    ended = reason;
    child.stdin?.end();
    child.end();
  };
  const lines = new LineSplitter((line) => {
    if (ended === undefined) onLine(line);
  }, MAX_LINE);
  const child = spawnChild(argv, {
    env: base,
    stdin: 'pipe',
    stderr: 'ignore',
    ownGroup: false,
    onData(_, chunk) {
      try {
        lines.feed(chunk);
      } catch (error) {
        stop(`${program}: ${error instanceof Error ? error.message : String(error)}`);
      }
    },
  });
  const closed = child.ended.then(
    ({ code, signal }) => {
      lines.end();
      ended ??= `${program} ended (${signal ?? `code ${code}`})`;
      return { reason: ended };
    },
    (error: unknown) => {
      ended ??= error instanceof Error ? error.message : String(error);
      return { reason: ended };
    },
  );
  let corked = false;
  return {
    closed,
    write(line) {
      if (ended !== undefined) throw new TransportError('closed', ended);
      const { stdin } = child;
      if (!stdin) return;
      if (stdin.writableLength > MAX_UNSENT)
        throw new TransportError('unreachable', `${program} does not read what it is told`);
      // All lines of one turn leave in one write.
      if (!corked) {
        corked = true;
        stdin.cork();
        process.nextTick(() => {
          corked = false;
          stdin.uncork();
        });
      }
      stdin.write(`${line}\n`);
    },
    [Symbol.dispose]: () => stop(`${program} was let go`),
  };
}

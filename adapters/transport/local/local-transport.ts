/**
 * Owns: commands, conversations and files on this machine; the only code here that starts processes.
 * Never: passes on the controller's whole environment, only an allow-list of it.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { LOCAL_HOST } from '../../../api/resources/names.ts';
import { type Conversation, type Env, type FileToPut, type RunOptions, type RunResult, type Transport, TransportError } from '../transport.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
/** No answer of a command of ours is longer; more is cut, not kept. */
const MAX_OUTPUT = 64 * 1024 * 1024;
const INHERITED = /^(?:HOME|USER|LOGNAME|SHELL|PATH|LANG|LC_[A-Z]+|TZ|TERM|TMPDIR|TMUX_TMPDIR|SSH_AUTH_SOCK|XDG_[A-Z_]+)$/;

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

    async run(argv, options = {}) {
      return runLocally(argv, options, base);
    },

    converse(argv, onLine) {
      const conversation = converseLocally(argv, onLine, base);
      talking.add(conversation);
      void conversation.closed.then(() => talking.delete(conversation));
      return conversation;
    },

    async putFiles(files) {
      await Promise.all(files.map(putFile));
    },

    signal(pid, signal) {
      try {
        process.kill(pid, signal);
      } catch {
        // Gone: there is nobody to tell.
      }
    },

    interactive: (argv) => argv,

    async [Symbol.asyncDispose]() {
      for (const conversation of talking) conversation[Symbol.dispose]();
    },
  };
}

async function runLocally(argv: readonly string[], { stdin, env, cwd, timeoutMs = DEFAULT_TIMEOUT_MS, signal }: RunOptions, base: Env): Promise<RunResult> {
  const [program, ...args] = argv;
  if (program === undefined) throw new RangeError('an empty argv names no program');
  const result = await execa(program, args, {
    env: { ...(env ?? base) },
    extendEnv: false,
    reject: false,
    timeout: timeoutMs,
    forceKillAfterDelay: 1_000,
    maxBuffer: MAX_OUTPUT,
    stripFinalNewline: false,
    ...(stdin === undefined ? { stdin: 'ignore' as const } : { input: stdin }),
    ...(cwd !== undefined && { cwd }),
    ...(signal && { cancelSignal: signal }),
  });
  if (result.timedOut) throw new TransportError('timeout', `${program} did not answer within ${timeoutMs} ms`);
  if (result.isCanceled) throw new TransportError('closed', `${program} was cancelled`);
  if (result.code === 'ENOENT') throw new TransportError('missing-program', `${program} is not installed, or its working directory is missing`);
  if (result.exitCode === undefined && result.signal === undefined) throw new TransportError('unreachable', result.shortMessage ?? `${program} could not be started`);
  return { code: result.exitCode ?? 128, stdout: result.stdout, stderr: result.stderr };
}

function converseLocally(argv: readonly string[], onLine: (line: string) => void, base: Env): Conversation {
  const [program = '', ...args] = argv;
  const child = execa(program, args, { env: { ...base }, extendEnv: false, reject: false, stdin: 'pipe', stdout: 'pipe', stderr: 'ignore', buffer: false, cleanup: true });
  let ended: string | undefined;
  const lines = createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on('line', (line) => {
    if (ended === undefined) onLine(line);
  });
  // A broken pipe is told by `closed`.
  child.stdin.on('error', () => undefined);
  const closed = child.then(
    (result) => {
      ended ??= result.code === 'ENOENT' ? `${program} is not installed` : `${program} ended (${result.signal ?? `code ${result.exitCode ?? '?'}`})`;
      return { reason: ended };
    },
    (error: unknown) => {
      ended ??= error instanceof Error ? error.message : String(error);
      return { reason: ended };
    },
  );
  return {
    closed,
    write(line) {
      if (ended !== undefined) throw new TransportError('closed', ended);
      child.stdin.write(`${line}\n`);
    },
    [Symbol.dispose]() {
      ended ??= `${program} was let go`;
      child.stdin.end();
      child.kill('SIGTERM');
    },
  };
}

/**
 * Complete and with its mode before it can be seen under its name. rename(2) is atomic within a folder.
 * Modes within 0700 survive any umask of ours (077), so they need no chmod.
 */
async function putFile({ path, content, mode }: FileToPut): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const write = () => writeFile(temporary, content, { mode: mode & 0o700, flag: 'wx' });
  try {
    await write().catch(async (error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await write();
    });
    if ((mode & 0o077) !== 0) await chmod(temporary, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new TransportError('unreachable', `cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

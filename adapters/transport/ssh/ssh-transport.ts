/**
 * Owns: commands, conversations and files on a machine that is reached over SSH; to its callers as if it were this one.
 * Never: runs anything but over sessions of the host's pool; waits longer than it was told to.
 */
import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { ClientChannel } from 'ssh2';
import { type Conversation, type RunOptions, type RunResult, type Transport, TransportError } from '../transport.ts';
import type { SshConnection } from './connection.ts';
import { resolveRoute, type SshTransportOptions } from './destination.ts';
import { interactiveArgv } from './interactive.ts';
import { type Lease, SessionPool } from './pool.ts';
import { converseRemotely } from './remote/conversation.ts';
import { BOOTSTRAP, LOGIN_BOOTSTRAP, scriptLine } from './remote/encoding.ts';
import { FileBatch } from './remote/put-files.ts';
import {
  BeginningFailed,
  type RemoteProcess,
  type RemoteProcessOptions,
  startRemotely,
} from './remote/remote-process.ts';
import { commandScript, ownScript } from './remote/remote-script.ts';

export type { Hop, SshTransportOptions } from './destination.ts';
export { parseHop } from './destination.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE = { intervalMs: 5_000, lost: 3 };
/** sshd_config(5), MaxSessions. */
const MAX_SESSIONS = 10;
/** As the local transport. */
const MAX_OUTPUT = 64 * 1024 * 1024;
const MAX_STDERR = 64 * 1024;
const KILL_TIMEOUT_MS = 2_000;

/** Connects when first used. Throws RangeError for what cannot be a machine, a user or a port. */
export function createSshTransport(options: SshTransportOptions): Transport {
  return new SshTransport(options);
}

class SshTransport implements Transport {
  readonly host;
  readonly #options: SshTransportOptions;
  /** Nobody over there can know it: nothing printed there can be taken for our mark. */
  readonly #nonce = `sac-${randomBytes(9).toString('hex')}`;
  readonly #pool: SessionPool<ClientChannel, SshConnection>;
  readonly #talking = new Set<Conversation>();
  readonly #files = new FileBatch((script, input) => this.#runScript(script, input));
  readonly #killing = new Set<Promise<unknown>>();
  readonly #over = new AbortController();

  constructor(options: SshTransportOptions) {
    resolveRoute(options, '');
    setMaxListeners(0, this.#over.signal);
    this.host = options.host;
    this.#options = options;
    this.#pool = new SessionPool({
      dial: () => this.#dial(),
      maxSessions: options.maxSessions ?? MAX_SESSIONS,
      discard: (session) => session.destroy(),
      now: options.now,
    });
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    const { env, cwd, stdin } = options;
    const script = commandScript(argv, {
      nonce: this.#nonce,
      ...(env && { env }),
      ...(cwd !== undefined && { cwd }),
      stdin: stdin !== undefined,
    });
    return this.#run(argv[0] ?? '', script, options);
  }

  converse(argv: readonly string[], onLine: (line: string) => void): Conversation {
    const program = argv[0] ?? '';
    const script = commandScript(argv, { nonce: this.#nonce, stdin: true });
    const conversation = converseRemotely({
      program,
      onLine,
      start: async (onOutput, signal) => {
        const lease = await this.#pool.acquire('conversation', signal);
        return this.#start(lease, script, 'open', (name, chunk) => {
          if (name === 'stdout') onOutput(chunk);
        });
      },
      explain: (error) => withProgram(program, error),
    });
    this.#talking.add(conversation);
    void conversation.closed.then(() => this.#talking.delete(conversation));
    return conversation;
  }

  putFiles = (files: Parameters<Transport['putFiles']>[0]): Promise<void> => this.#files.put(files);

  interactive(argv: readonly string[]): readonly string[] {
    return interactiveArgv(this.#options, argv);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ending = [...this.#talking];
    for (const conversation of ending) conversation[Symbol.dispose]();
    await Promise.all(ending.map(({ closed }) => closed));
    // What was let go is told to end, while there is a connection.
    await Promise.all(this.#killing);
    this.#over.abort();
    this.#pool[Symbol.dispose]();
  }

  async #dial(): Promise<SshConnection> {
    const { home, sshConfigFile, agentSocket, keepalive, connectTimeoutMs, loginShell, now } = this.#options;
    const config =
      sshConfigFile === 'none' ? '' : await readFile(sshConfigFile ?? `${home}/.ssh/config`, 'utf8').catch(() => '');
    // ssh2 costs a third of a controller's start, and most fleets have no hosts.
    const { dial } = await import('./connection.ts');
    return dial({
      route: resolveRoute(this.#options, config),
      command: loginShell ? LOGIN_BOOTSTRAP : BOOTSTRAP,
      agentSocket,
      home,
      keepalive: keepalive ?? KEEPALIVE,
      connectTimeoutMs: connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      now,
    });
  }

  #runScript(script: string, stdin: string | Uint8Array): Promise<RunResult> {
    return this.#run('sh', ownScript(this.#nonce, script), { stdin });
  }

  /** From the wait for a session to the last byte of the answer within the deadline. */
  async #run(
    program: string,
    script: string,
    { stdin, cwd, timeoutMs = DEFAULT_TIMEOUT_MS, signal }: RunOptions,
  ): Promise<RunResult> {
    const stop = new AbortController();
    const failed = new Promise<never>((_, reject) => {
      stop.signal.addEventListener('abort', () => reject(stop.signal.reason), { once: true });
    });
    failed.catch(() => undefined);
    const cancel = () => stop.abort(new TransportError('closed', `${program} was cancelled`));
    const timer = setTimeout(
      () =>
        stop.abort(new TransportError('timeout', `${program} did not answer within ${timeoutMs} ms on ${this.host}`)),
      timeoutMs,
    );
    if (signal?.aborted || this.#over.signal.aborted) cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    this.#over.signal.addEventListener('abort', cancel, { once: true });
    try {
      return await Promise.race([failed, this.#answer(program, script, stdin, stop)]);
    } catch (error) {
      throw withProgram(program, error, cwd);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      this.#over.signal.removeEventListener('abort', cancel);
    }
  }

  async #answer(
    program: string,
    script: string,
    stdin: string | Uint8Array | undefined,
    stop: AbortController,
  ): Promise<RunResult> {
    const lease = await this.#pool.acquire('command', stop.signal);
    const stdout: Uint8Array[] = [];
    const stderr: Uint8Array[] = [];
    let outputBytes = 0;
    let errorBytes = 0;
    const remote = this.#start(lease, script, stdin, (name, chunk) => {
      if (name === 'stderr') {
        if (errorBytes < MAX_STDERR) stderr.push(chunk.subarray(0, MAX_STDERR - errorBytes));
        errorBytes += chunk.length;
        return;
      }
      outputBytes += chunk.length;
      if (outputBytes <= MAX_OUTPUT) stdout.push(chunk);
      else stop.abort(new TransportError('unreachable', `${program} answered more than ${MAX_OUTPUT} bytes`));
    });
    stop.signal.addEventListener('abort', () => remote.end(), { once: true });
    const { code } = await remote.ended;
    return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
  }

  #start(
    { session, connection, release }: Lease<ClientChannel, SshConnection>,
    script: string,
    stdin: RemoteProcessOptions['stdin'],
    onData: RemoteProcessOptions['onData'],
  ): RemoteProcess {
    releaseWhenClosed(session, connection, release);
    return startRemotely({
      channel: session,
      nonce: this.#nonce,
      script: scriptLine(script),
      stdin,
      onData,
      ping: () => connection.ping(),
      onLost: (listener) => connection.onLost(listener),
      kill: (pid) => {
        // When it cannot be done now, the host is out of reach.
        const killing = this.#run('sh', ownScript(this.#nonce, KILL_GROUP.replaceAll('PID', String(pid))), {
          timeoutMs: KILL_TIMEOUT_MS,
        }).catch(() => undefined);
        this.#killing.add(killing);
        void killing.then(() => this.#killing.delete(killing));
      },
    });
  }
}

/** The whole group that a session leads; what does not leave is killed a second later, while nobody waits. */
const KILL_GROUP = `
kill -s TERM -- -PID || kill -s TERM PID
{ sleep 1; kill -s KILL -- -PID || kill -s KILL PID; } </dev/null >/dev/null 2>&1 &
`;

/** The server counts a session until it has closed it. */
function releaseWhenClosed(channel: ClientChannel, connection: SshConnection, release: () => void): void {
  const forget = connection.onLost(release);
  channel.once('close', () => {
    forget();
    release();
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function withProgram(program: string, error: unknown, cwd?: string): TransportError {
  if (!(error instanceof TransportError))
    return new TransportError('unreachable', `${program}: ${messageOf(error)}`, { cause: error });
  if (error.kind !== 'missing-program') return error;
  const where = error instanceof BeginningFailed && error.beginning === 'no-folder' ? `: ${cwd ?? ''}` : '';
  return new TransportError('missing-program', `${program} ${error.message}${where}`, { cause: error });
}

/**
 * Owns: a sac of its own for a test: own SAC_HOME, own HOME, own sockets; and its removal, also after a failure.
 * Never: touches the user's fleet, or waits without a deadline.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createClient } from '../api/client.ts';
import type { ControllerStatus, Plural } from '../api/protocol.ts';
import { NoControllerError } from '../api/resources/errors.ts';
import { CONTROLLER_NODE_FLAGS } from '../cli/client/node-flags.ts';
import { parseResources } from '../cli/client/resources.ts';
import { call, runsHere } from './in-process.ts';
import { carries, ProcessSearch, processes, readOf } from './processes.ts';

interface PlainRead {
  readonly plural: Plural;
  readonly name: string | undefined;
}

function plainRead([verb, ...words]: readonly string[]): PlainRead | undefined {
  if (verb !== 'get' || words.some((word) => word.startsWith('-'))) return undefined;
  const [one, another] = parseResources(words);
  return one && !another && one.names.length < 2 ? { plural: one.plural, name: one.names[0] } : undefined;
}

const ROOT = resolve(import.meta.dirname, '..');
export const CLI = join(ROOT, 'dist', 'sac.js');
export const CONTROLLER = join(ROOT, 'dist', 'controller.js');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SacOptions {
  readonly stdin?: string;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const CALL_TIMEOUT_MS = 60_000;
const STATUS_TIMEOUT_MS = 30_000;
/** The one that answers may be another's predecessor, stopped for good. */
const ASK_AGAIN_MS = 5_000;

/** Resolves with the first truthy answer; throws with what was last seen when the deadline passes. */
export async function until<T>(what: string, ask: () => T | Promise<T>, deadlineMs = 60_000): Promise<NonNullable<T>> {
  const began = Date.now();
  const end = began + deadlineMs;
  let last: unknown;
  for (;;) {
    const asked = Date.now();
    try {
      const answer = await ask();
      if (answer) return answer as NonNullable<T>;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(
        `not within ${deadlineMs} ms: ${what}; last: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
      );
    await new Promise((wake) => setTimeout(wake, pauseAfter(Date.now() - asked, asked - began)));
  }
}

/**
 * Asking takes an eighth of the time at most, and comes a fifth too late at most: tests that wait beside each other would
 * fill the machine with questions, and keep what they wait for from being done. What hung is asked again soon. In ms.
 */
const pauseAfter = (tookMs: number, waitedMs: number): number =>
  Math.max(50, Math.min(2_000, 7 * tookMs), Math.min(500, waitedMs / 5));

export class Fleet implements AsyncDisposable {
  readonly dir: string;
  readonly home: string;
  #ours: ProcessSearch | undefined;
  readonly agentsDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly #controllers: ChildProcess[] = [];
  readonly #calls: 'here' | 'processes';

  /** `calls`: how `ok` is made: `here` saves a tenth of a second of CPU each, where it is not the program that is tested. */
  constructor(
    extraEnv: Readonly<Record<string, string>> = {},
    { calls = 'processes' }: { readonly calls?: 'here' | 'processes' } = {},
  ) {
    this.#calls = calls;
    this.dir = mkdtempSync(join(tmpdir(), 'sac-e2e-'));
    this.home = join(this.dir, 'home');
    this.agentsDir = join(this.dir, 'agents');
    mkdirSync(join(this.dir, 'user'));
    mkdirSync(this.agentsDir);
    this.env = {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      HOME: join(this.dir, 'user'),
      SAC_HOME: this.home,
      LANG: 'C.UTF-8',
      TERM: 'xterm-256color',
      ...extraEnv,
    };
  }

  /** Runs `sac ...` as a process; never throws for an exit code. */
  sac(args: readonly string[], options: SacOptions = {}): Promise<Ran> {
    return run(process.execPath, [CLI, ...args], {
      ...options,
      env: { ...this.env, ...options.env },
      cwd: options.cwd ?? this.dir,
    });
  }

  /** The same without a process of its own, which costs as much CPU as ten of these; verbs that need one get one. */
  here(args: readonly string[], options: SacOptions = {}): Promise<Ran> {
    if (!runsHere(args)) return this.sac(args, options);
    return call(args, {
      ...options,
      env: { ...this.env, ...options.env },
      cwd: options.cwd ?? this.dir,
      timeoutMs: options.timeoutMs ?? CALL_TIMEOUT_MS,
    });
  }

  /** `sac ...`; throws unless it exits 0. */
  async ok(args: readonly string[], options?: SacOptions): Promise<string> {
    const { code, stdout, stderr } = await (this.#calls === 'here'
      ? this.here(args, options)
      : this.sac(args, options));
    if (code !== 0) throw new Error(`sac ${args.join(' ')} exited ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  /** As `sac ... -o json` prints it; what tests ask for again and again (`get KIND [NAME]`) is read off the API itself. */
  async json(args: readonly string[]): Promise<ReturnType<typeof JSON.parse>> {
    const read = plainRead(args);
    const asked = read && (await this.#read(read));
    return asked ?? JSON.parse(await this.ok([...args, '-o', 'json']));
  }

  /** Undefined: no controller answers; the CLI knows what to do then, and what to say. */
  async #read({ plural, name }: PlainRead): Promise<ReturnType<typeof JSON.parse> | undefined> {
    const client = createClient({ socket: join(this.home, 'sac.sock') });
    try {
      return await (name === undefined ? client.list(plural) : client.get(plural, name));
    } catch (error) {
      if (error instanceof NoControllerError) return undefined;
      throw error;
    }
  }

  /** Starts a controller in the foreground of this test; resolves when it is ready. */
  async controller(flags: readonly string[] = []): Promise<ChildProcess> {
    const child = spawn(process.execPath, [...CONTROLLER_NODE_FLAGS, CONTROLLER, ...flags], {
      env: { ...this.env },
      cwd: this.dir,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#controllers.push(child);
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      output += chunk;
    });
    await until('the controller answers', async () => {
      if (child.exitCode !== null) throw new Error(`controller exited ${child.exitCode}: ${output}`);
      return (await this.#status(ASK_AGAIN_MS))?.pid === child.pid;
    });
    return child;
  }

  /** Undefined: none answers. */
  #status(timeoutMs = STATUS_TIMEOUT_MS): Promise<ControllerStatus | undefined> {
    return createClient({ socket: join(this.home, 'sac.sock') }, { timeoutMs })
      .controller()
      .catch(() => undefined);
  }

  write(path: string, content: string): string {
    const target = join(this.dir, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
    return target;
  }

  get fleetId(): string {
    return readFileSync(join(this.home, 'fleet'), 'utf8').trim();
  }

  /** Runs tmux on this fleet's server. */
  tmux(args: readonly string[]): Promise<Ran> {
    return run('tmux', ['-L', `sac-${this.fleetId}`, ...args], { env: this.env, cwd: this.dir });
  }

  /** Pids of all processes that carry this fleet's mark. */
  marked(): number[] {
    if (!existsSync(join(this.home, 'fleet'))) return [];
    this.#ours ??= new ProcessSearch(carries(`SAC_ID=${this.fleetId}.`));
    return this.#ours.find();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#controllers)
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    const status = await this.#status();
    if (status) killQuietly(status.pid);
    if (existsSync(join(this.home, 'fleet'))) {
      await this.tmux(['kill-server']);
      for (const pid of [...this.marked(), ...tmuxOf(this.fleetId)]) killQuietly(pid);
    }
    await clearAway(this.dir);
  }
}

/** What is being ended may write a last file into a folder that was just emptied; rmSync's own retries do not look into it again. */
export const clearAway = (dir: string): Promise<true> =>
  until(`${dir} to be cleared away`, () => {
    rmSync(dir, { recursive: true, force: true });
    return true as const;
  });

/** A control client of a killed controller may hang, and keeps the server from ending, whatever it was told. */
export function tmuxOf(fleetId: string): number[] {
  return processes().filter((pid) => readOf(pid, 'cmdline').startsWith(`tmux\0-L\0sac-${fleetId}\0`));
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already, which is what was wanted.
  }
}

export function run(
  program: string,
  args: readonly string[],
  {
    env,
    cwd,
    stdin,
    timeoutMs = 120_000,
    ...owner
  }: {
    readonly env: Readonly<Record<string, string>>;
    readonly cwd: string;
    readonly stdin?: string;
    readonly timeoutMs?: number;
    readonly uid?: number;
    readonly gid?: number;
  },
): Promise<Ran> {
  return new Promise((done) => {
    const child = spawn(program, args, { ...owner, env: { ...env }, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin ?? '');
    const timer = setTimeout(() => {
      stderr += `\n[killed by the test after ${timeoutMs} ms]`;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.on('error', (error) => {
      stderr += error.message;
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      done({ code: code ?? (signal ? 128 : 1), stdout, stderr });
    });
  });
}

/** A manifest of profile exec, as YAML. */
export const execManifest = (
  name: string,
  command: readonly string[],
  spec: Readonly<Record<string, unknown>> = {},
): string =>
  `${JSON.stringify({ apiVersion: 'sac/v1', kind: 'Agent', metadata: { name }, spec: { profile: 'exec', command, ...spec } })}\n`;

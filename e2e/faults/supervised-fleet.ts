/**
 * Owns: a fleet whose controller is the faulty bundle, is started again whenever it was killed, and is talked to by retries.
 * Never: starts a controller again that gave up by itself: that is kept as a finding.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, createClient } from '../../api/client.ts';
import type { Agent } from '../../api/resources/agent/agent.ts';
import { NoControllerError } from '../../api/resources/errors.ts';
import { CONTROLLER_NODE_FLAGS } from '../../cli/client/node-flags.ts';
import { clearAway, Fleet, run, tmuxOf, until } from '../harness.ts';
import { ProcessSearch } from '../processes.ts';
import { ORDERS_VARIABLE, type Orders } from './controller/orders.ts';

const MAX_STARTS = 5;
/** For a controller to start and to answer; generous, for what is slow is not wrong. */
const ANSWER_MS = 60_000;

export interface SupervisedOptions {
  readonly program: string;
  readonly flags?: readonly string[];
  readonly orders?: Omit<Orders, 'journal'>;
  readonly env?: Readonly<Record<string, string>>;
  /** It and all it makes belong to this user, who must be able to read the program. */
  readonly uid?: number;
  /** More starts than this mean that it dies by itself. */
  readonly maxStarts?: number;
}

export class SupervisedFleet extends Fleet {
  readonly journal = join(this.dir, 'journal');
  readonly life = join(this.dir, 'life');
  readonly log = join(this.dir, 'controller.log');
  readonly client: Client = createClient({ socket: join(this.home, 'sac.sock') }, { timeoutMs: 10_000 });
  /** What the controller did that it never should. */
  readonly findings: string[] = [];
  readonly #options: SupervisedOptions;
  readonly #helpers = new ProcessSearch((environ) => environ.includes(this.dir) && !environ.includes('SAC_ID='));
  #child: ChildProcess | undefined;
  #wanted = true;
  starts = 0;

  constructor(options: SupervisedOptions) {
    super(options.env);
    this.#options = options;
    for (const folder of ['tmp', 'tmux']) mkdirSync(join(this.dir, folder), { mode: 0o700 });
    mkdirSync(this.life);
    const orders: Orders = { journal: this.journal, ...options.orders };
    writeFileSync(join(this.dir, 'orders'), JSON.stringify(orders));
    const { uid } = options;
    if (uid !== undefined)
      for (const name of ['', 'user', 'agents', 'tmp', 'tmux', 'life', 'orders'])
        chownSync(join(this.dir, name), uid, uid);
    this.#spawn();
  }

  /** What the controller is started with; tmux's socket and temporary files stay in the fleet's own folder. */
  get controllerEnv(): Readonly<Record<string, string>> {
    return {
      ...this.env,
      TMPDIR: join(this.dir, 'tmp'),
      TMUX_TMPDIR: join(this.dir, 'tmux'),
      [ORDERS_VARIABLE]: join(this.dir, 'orders'),
      SAC_LOG_LEVEL: 'info',
    };
  }

  get #owner(): { readonly uid?: number; readonly gid?: number } {
    const { uid } = this.#options;
    return uid === undefined ? {} : { uid, gid: uid };
  }

  get controllerPid(): number | undefined {
    return this.#child?.pid;
  }

  #spawn(): void {
    this.starts++;
    const log = openSync(this.log, 'a');
    const child = spawn(
      process.execPath,
      [...CONTROLLER_NODE_FLAGS, this.#options.program, ...(this.#options.flags ?? [])],
      { env: { ...this.controllerEnv }, cwd: this.dir, stdio: ['ignore', log, log], ...this.#owner },
    );
    closeSync(log);
    this.#child = child;
    child.once('exit', (code, signal) => {
      if (!this.#wanted) return;
      if (signal === 'SIGKILL' && this.starts < (this.#options.maxStarts ?? MAX_STARTS)) return this.#spawn();
      this.findings.push(
        `the controller ended by itself (${signal ?? `code ${code}`}): ${readFileSync(this.log, 'utf8').slice(-500)}`,
      );
    });
  }

  /** Asked again while no controller answers, as a person would; every request made so must be safe to repeat. */
  ask<T>(what: string, request: (client: Client) => Promise<T>, deadlineMs = ANSWER_MS): Promise<T> {
    return until(
      what,
      async () => {
        if (this.findings.length > 0) return { stop: true } as const;
        try {
          return { answer: await request(this.client) };
        } catch (error) {
          if (error instanceof NoControllerError) throw error;
          return { failed: error };
        }
      },
      deadlineMs,
    ).then((result) => {
      if ('stop' in result) throw new Error(this.findings.join('; '));
      if ('failed' in result) throw result.failed;
      return result.answer;
    });
  }

  /** Processes that were started for it and carry no agent's mark. */
  unmarked(): readonly number[] {
    return this.#helpers.find();
  }

  async agents(): Promise<readonly Agent[]> {
    return (await this.ask('the agents', (client) => client.list('agents'))).items;
  }

  /** Ends the controller as a person would; resolves with its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.#wanted = false;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((done) => child.once('exit', (code) => done(code)));
    child.kill(signal);
    return ended;
  }

  /** Starts it again after `stop`. */
  again(): void {
    this.#wanted = true;
    this.#spawn();
  }

  override tmux(args: readonly string[]) {
    return run('tmux', ['-L', `sac-${this.fleetId}`, ...args], {
      env: this.controllerEnv,
      cwd: this.dir,
      ...this.#owner,
    });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
    if (existsSync(join(this.home, 'fleet'))) {
      await this.tmux(['kill-server']);
      for (const pid of [...this.marked(), ...tmuxOf(this.fleetId)]) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // Gone already.
        }
      }
    }
    await clearAway(this.dir);
  }
}

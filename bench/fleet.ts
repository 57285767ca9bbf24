/**
 * Owns: a controller and fleet of its own for a benchmark, and its removal.
 * Never: touches the user's fleet.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Client, createClient } from '../api/client.ts';
import type { ApplyItem } from '../api/protocol.ts';
import { CONTROLLER_NODE_FLAGS } from '../cli/client/node-flags.ts';
import { pause } from './harness.ts';

const CONTROLLER = resolve(import.meta.dirname, '..', 'dist', 'controller.js');

export class BenchFleet implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'sac-bench-'));
  readonly home = join(this.dir, 'home');
  readonly client: Client = createClient({ socket: join(this.home, 'sac.sock') }, { timeoutMs: 120_000 });
  readonly env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;

  constructor(extraEnv: Readonly<Record<string, string>> = {}) {
    this.env = {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      HOME: this.dir,
      SAC_HOME: this.home,
      LANG: 'C.UTF-8',
      TERM: 'xterm',
      SAC_LOG_LEVEL: 'warn',
      ...extraEnv,
    };
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }
  get fleetId(): string {
    return readFileSync(join(this.home, 'fleet'), 'utf8').trim();
  }

  async start(flags: readonly string[] = []): Promise<void> {
    this.#child = spawn(process.execPath, [...CONTROLLER_NODE_FLAGS, CONTROLLER, ...flags], {
      env: this.env,
      cwd: this.dir,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    for (let i = 0; ; i++) {
      try {
        if ((await this.client.ready()).ok) return;
      } catch (error) {
        if (i > 400) throw error;
      }
      await pause(25);
    }
  }

  kill(): Promise<void> {
    return new Promise((done) => {
      this.#child?.once('exit', () => done());
      this.#child?.kill('SIGKILL');
    });
  }

  /** Resolves when `count` instances are in `phase`, told by the watch. Returns the moment, performance.now(). */
  async running(count: number, phase = 'Running'): Promise<number> {
    const up = new Set<string>();
    const abort = new AbortController();
    for await (const { object } of this.client.watch('instances', { signal: abort.signal })) {
      if (!object) continue;
      if (object.status.phase === phase) up.add(object.metadata.name);
      else up.delete(object.metadata.name);
      if (up.size >= count) break;
    }
    const at = performance.now();
    abort.abort();
    return at;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child?.kill('SIGKILL');
    try {
      execFileSync('tmux', ['-L', `sac-${this.fleetId}`, 'kill-server'], { stdio: 'ignore' });
    } catch {
      // No server: nothing was started.
    }
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

export const sleepers = (count: number, spec: Readonly<Record<string, unknown>> = {}): readonly ApplyItem[] =>
  Array.from({ length: count }, (_, i) => ({
    origin: `bench:${i}`,
    manifest: {
      apiVersion: 'sac/v1' as const,
      kind: 'Agent' as const,
      metadata: { name: `a${i}` },
      spec: { profile: 'exec' as const, command: ['sleep', '100000'], startup: { minReadySeconds: 0 }, ...spec },
    },
  }));

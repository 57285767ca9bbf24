/**
 * Owns: a real Prometheus for a test: the shipped configuration with one target, its own port and data, and its end.
 * Never: waits without a deadline, or leaves a process behind.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { until } from '../harness.ts';

export const MONITORING = resolve(import.meta.dirname, '../../manifests/monitoring');

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
}

export class Prometheus implements AsyncDisposable {
  readonly #dir: string;
  readonly #child: ChildProcess;
  readonly #base: string;

  private constructor(dir: string, child: ChildProcess, base: string) {
    this.#dir = dir;
    this.#child = child;
    this.#base = base;
  }

  /** Scrapes `target` (HOST:PORT) each second. */
  static async start(target: string): Promise<Prometheus> {
    const dir = mkdtempSync(join(tmpdir(), 'sac-prometheus-'));
    copyFileSync(join(MONITORING, 'alerts.yml'), join(dir, 'alerts.yml'));
    const config = parseDocument(readFileSync(join(MONITORING, 'prometheus.yml'), 'utf8'));
    config.setIn(['global', 'scrape_interval'], '1s');
    config.setIn(['global', 'evaluation_interval'], '1s');
    config.setIn(['scrape_configs', 0, 'static_configs', 0, 'targets'], [target]);
    writeFileSync(join(dir, 'prometheus.yml'), String(config));
    const port = await freePort();
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(dir, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(dir, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let complaints = '';
    child.stderr?.on('data', (chunk) => {
      complaints += chunk;
    });
    const prometheus = new Prometheus(dir, child, `http://127.0.0.1:${port}`);
    try {
      await until('prometheus is ready', async () => {
        if (child.exitCode !== null) throw new Error(`prometheus exited ${child.exitCode}: ${complaints}`);
        return (await fetch(`${prometheus.#base}/-/ready`)).ok;
      });
    } catch (error) {
      await prometheus[Symbol.asyncDispose]();
      throw error;
    }
    return prometheus;
  }

  /** Throws what Prometheus says is wrong with the query. */
  async query(expr: string): Promise<readonly Sample[]> {
    const response = await fetch(`${this.#base}/api/v1/query?${new URLSearchParams({ query: expr })}`);
    const answer: { status: string; error?: string; data?: { result: Sample[] } } = JSON.parse(await response.text());
    if (answer.status !== 'success' || !answer.data) throw new Error(`${expr}: ${answer.error}`);
    return answer.data.result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = new Promise<void>((done) => this.#child.once('exit', () => done()));
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await gone;
    }
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address ? done(address.port) : fail(new Error('no port'))));
    });
  });
}

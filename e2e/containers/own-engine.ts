/**
 * Owns: a docker engine of a test's own: its socket, its folders, its end.
 * Never: touches the machine's.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../harness.ts';

export class OwnEngine {
  readonly dir = mkdtempSync(join(tmpdir(), 'sac-dockerd-'));
  readonly path: string;
  readonly #socket = join(this.dir, 'docker.sock');
  readonly #network: string | undefined;
  #daemon: ChildProcess | undefined;

  /** With `network`, the name of a namespace made for it, its bridge and rules lie in there and not on the machine. */
  constructor(network?: string) {
    this.#network = network;
    if (network !== undefined) {
      execFileSync('ip', ['netns', 'add', network]);
      execFileSync('ip', ['-n', network, 'link', 'set', 'lo', 'up']);
    }
    const bin = join(this.dir, 'bin');
    mkdirSync(bin);
    const real = execFileSync('sh', ['-c', 'command -v docker'], { encoding: 'utf8' }).trim();
    writeFileSync(join(bin, 'docker'), `#!/bin/sh\nexec ${real} -H unix://${this.#socket} "$@"\n`);
    chmodSync(join(bin, 'docker'), 0o755);
    this.path = `${bin}:${process.env['PATH'] ?? ''}:/usr/sbin`;
  }

  get pid(): number {
    return this.#daemon?.pid ?? 0;
  }

  async start(): Promise<void> {
    // nsenter and not `ip netns exec`, which mounts another /sys, one without cgroups.
    const inside = this.#network === undefined ? [] : ['nsenter', `--net=/run/netns/${this.#network}`];
    const bridge = this.#network === undefined ? ['--iptables=false', '--bridge=none'] : [];
    const [program = '', ...args] = [...inside, 'dockerd'];
    this.#daemon = spawn(
      program,
      [
        ...[...args, ...bridge, '--ip6tables=false', '--live-restore', '-H', `unix://${this.#socket}`],
        ...['--data-root', join(this.dir, 'data'), '--exec-root', join(this.dir, 'exec')],
        ...['--pidfile', join(this.dir, 'dockerd.pid')],
      ],
      { env: { ...process.env, PATH: this.path }, stdio: 'ignore' },
    );
    await until('the engine to answer', () => this.run('info').trim() !== '', 60_000);
  }

  run(...args: readonly string[]): string {
    return execFileSync('docker', args, {
      encoding: 'utf8',
      env: { ...process.env, PATH: this.path },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }

  image(tag: string): void {
    execFileSync('sh', [join(import.meta.dirname, 'image.sh'), 'docker', tag], {
      env: { ...process.env, PATH: this.path },
      stdio: 'ignore',
    });
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#daemon?.kill(signal);
  }

  async stop(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const daemon = this.#daemon;
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill(signal);
    await ended;
  }

  clear(): void {
    const left = this.run('ps', '-aq').trim();
    if (left !== '') this.run('rm', '-f', ...left.split('\n'));
  }

  async destroy(): Promise<void> {
    this.clear();
    await this.stop('SIGTERM');
    // With live-restore it leaves its own mount behind.
    spawnSync('umount', [join(this.dir, 'data')]);
    if (this.#network !== undefined) execFileSync('ip', ['netns', 'delete', this.#network]);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

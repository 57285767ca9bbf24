/** An agent in a container, from the manifest to the end, through the real CLI; with an engine of the test's own that is killed. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';
import { manifestOptions } from './engines.ts';

const TAG = 'sac-e2e-plain:1';

class OwnEngine {
  readonly dir = mkdtempSync(join(tmpdir(), 'sac-dockerd-'));
  readonly path: string;
  readonly #socket = join(this.dir, 'docker.sock');
  #daemon: ChildProcess | undefined;

  constructor() {
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
    this.#daemon = spawn(
      'dockerd',
      [
        ...['--iptables=false', '--ip6tables=false', '--bridge=none', '--live-restore', '-H', `unix://${this.#socket}`],
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

  image(): void {
    execFileSync('sh', [join(import.meta.dirname, 'image.sh'), 'docker', TAG], {
      env: { ...process.env, PATH: this.path },
      stdio: 'ignore',
    });
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
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

describe('agents in docker', () => {
  let engine: OwnEngine;
  let fleet: Fleet;
  beforeAll(async () => {
    engine = new OwnEngine();
    await engine.start();
    engine.image();
  });
  afterEach(async () => {
    await fleet[Symbol.asyncDispose]();
    engine.clear();
  });
  afterAll(() => engine.destroy());

  const place = (docker: Readonly<Record<string, unknown>> = {}) => ({
    place: { runtime: 'docker', docker: { ...manifestOptions('docker', TAG), ...docker } },
  });
  const status = async (name: string) => (await fleet.json(['get', 'agent', name])).status;
  const begin = async () => {
    fleet = new Fleet({ PATH: engine.path });
    await fleet.controller();
  };
  const apply = async (name: string, argv: readonly string[], spec: Readonly<Record<string, unknown>>) =>
    fleet.ok(['apply', '-f', fleet.write(`${name}.yaml`, execManifest(name, argv, spec))]);

  it('are made Ready, show what they print, live again after a kill, and leave no container', async () => {
    await begin();
    await apply('web', ['sh', '-c', 'echo "hello from $SAC_AGENT $TOKEN"; sleep 1000'], {
      ...place(),
      env: { TOKEN: 'canary-1\nline 2' },
    });
    await until('Ready', async () => (await status('web')).ready);
    expect(await fleet.ok(['logs', 'web'])).toContain('hello from web canary-1\nline 2');
    const name = `sac-${fleet.fleetId}-web`;
    const inspected = JSON.parse(engine.run('container', 'inspect', name))[0];
    expect(inspected.HostConfig).toMatchObject({
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
    });
    expect(JSON.stringify(inspected)).not.toContain('canary');

    const before = (await status('web')).instances[0];
    expect(before.pid).toBeGreaterThan(0);
    process.kill(before.pid, 'SIGKILL');
    const after = await until('a restart', async () => {
      const now = await status('web');
      return now.restarts === 1 && now.ready ? now.instances[0] : undefined;
    });
    expect(after.lastExit).toMatchObject({ signal: 'SIGKILL', reason: 'Killed' });
    expect(after.pid).not.toBe(before.pid);
    expect(await fleet.ok(['logs', 'web', '--previous'])).toContain('hello from web');

    await fleet.ok(['delete', 'agent', 'web', '--wait']);
    expect(engine.run('ps', '-aq', '--filter', `label=sac.fleet=${fleet.fleetId}`).trim()).toBe('');
  });

  it('that go beyond their memory are told as such', async () => {
    await begin();
    await apply('hog', ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=200M', 'count=1'], {
      ...place({ memory: '32m' }),
      restart: { policy: 'never' },
    });
    const failed = await until('Failed', async () => {
      const now = await status('hog');
      return now.phase === 'Failed' ? now : undefined;
    });
    expect(failed.instances[0].lastExit).toMatchObject({ reason: 'OOMKilled' });
    expect(await fleet.ok(['describe', 'agent', 'hog'])).toContain('too much memory');
  });

  it('get no path of the host that the policy does not allow', async () => {
    await begin();
    await apply('nosy', ['sleep', '1000'], place({ mounts: [{ source: '/etc' }] }));
    const pending = await until('a refusal', async () => {
      const placed = (await status('nosy')).instances[0]?.conditions.find(
        ({ type }: { readonly type: string }) => type === 'Placed',
      );
      return placed?.status === 'False' ? placed : undefined;
    });
    expect(pending.message).toContain('spec.place.docker.mounts[0].source: /etc is outside of the workspace');
    const refused = await fleet.sac([
      ...['apply', '-f'],
      fleet.write(
        'bad.yaml',
        execManifest('bad', ['true'], place({ privileged: true, mounts: [{ source: '/var/run/docker.sock' }] })),
      ),
    ]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/privileged/);
    expect(refused.stderr).toMatch(/mounts.*socket of a container engine/);
    expect(engine.run('ps', '-aq').trim()).toBe('');
  });

  it('are Unknown while the engine is dead, and are adopted when it is back', async () => {
    await begin();
    await apply('web', ['sleep', '1000'], place());
    await until('Ready', async () => (await status('web')).ready);
    const before = (await status('web')).instances[0];
    await engine.stop('SIGKILL');
    try {
      await until('Unknown', async () => (await status('web')).phase === 'Unknown');
      // It lives on, and nothing else was begun.
      process.kill(before.pid, 0);
    } finally {
      await engine.start();
    }
    await until('Running', async () => {
      const now = await status('web');
      return now.phase === 'Running' && now.ready;
    });
    const after = (await status('web')).instances[0];
    expect(after).toMatchObject({ pid: before.pid, restarts: 0, startedAt: before.startedAt });
    await fleet.ok(['delete', 'agent', 'web', '--wait']);
    expect(engine.run('ps', '-aq').trim()).toBe('');
  });
});

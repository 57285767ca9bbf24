/** An agent in podman, from the manifest to the end, through the real CLI. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';
import { engineRun, image, manifestOptions, removeFleet } from './engines.ts';

describe('agents in podman', () => {
  const tag = image('podman', 'plain');
  let fleet: Fleet;
  afterEach(async () => {
    const { fleetId } = fleet;
    await fleet[Symbol.asyncDispose]();
    removeFleet('podman', fleetId);
  });

  const status = async (name: string) => (await fleet.json(['get', 'agent', name])).status;

  it('are made Ready, are adopted by the next controller, live again after a kill, and leave no container', async () => {
    fleet = new Fleet();
    const first = await fleet.controller();
    const place = { runtime: 'podman', podman: manifestOptions('podman', tag) };
    const argv = ['sh', '-c', 'echo "hello from $SAC_AGENT"; sleep 1000'];
    await fleet.ok(['apply', '-f', fleet.write('web.yaml', execManifest('web', argv, { place }))]);
    await until('Ready', async () => (await status('web')).ready, 60_000);
    expect(await fleet.ok(['logs', 'web'])).toContain('hello from web');
    const before = (await status('web')).instances[0];

    const gone = new Promise((resolve) => first.once('exit', resolve));
    first.kill('SIGKILL');
    await gone;
    await fleet.controller();
    await until('Ready again', async () => (await status('web')).ready, 60_000);
    expect((await status('web')).instances[0]).toMatchObject({ pid: before.pid, restarts: 0 });

    process.kill(before.pid, 'SIGKILL');
    await until(
      'a restart',
      async () => {
        const now = await status('web');
        return now.restarts === 1 && now.ready;
      },
      60_000,
    );
    await fleet.ok(['delete', 'agent', 'web', '--wait'], { timeoutMs: 60_000 });
    expect(engineRun('podman', 'ps', '-aq', '--filter', `label=sac.fleet=${fleet.fleetId}`).stdout.trim()).toBe('');
  });

  it('that are killed for want of memory are told as such, and others that are killed are not', async () => {
    fleet = new Fleet();
    await fleet.controller();
    const manifest = (name: string, options: Readonly<Record<string, unknown>>) =>
      execManifest(name, ['sh', '-c', 'while [ ! -e eat ]; do sleep 0.1; done; rm eat; exec tail /dev/zero'], {
        place: { runtime: 'podman', podman: { ...manifestOptions('podman', tag), ...options } },
        workspace: join(fleet.home, name),
        restart: { policy: 'always', backoff: { initial: '100ms', max: '1s' } },
      });
    const both = [manifest('hog', { memory: '32m' }), manifest('web', {})];
    await fleet.ok(['apply', '-f', fleet.write('both.yaml', both.join('---\n'))], { timeoutMs: 60_000 });
    const instance = async (name: string) => (await status(name)).instances[0];
    for (const name of ['hog', 'web'])
      await until(`${name} to be Ready`, async () => (await status(name)).ready, 120_000);
    const again = (name: string, restarts: number) =>
      until(
        `${name} to live again`,
        async () => {
          const now = await status(name);
          if (now.restarts === restarts && now.ready) return now.instances[0];
          throw new Error(JSON.stringify(now));
        },
        120_000,
      );
    writeFileSync(join(fleet.home, 'hog', 'eat'), '');
    expect((await again('hog', 1)).lastExit).toMatchObject({ signal: 'SIGKILL', reason: 'OOMKilled' });
    for (const [name, restarts] of [
      ['hog', 2],
      ['web', 1],
    ] as const) {
      process.kill((await instance(name)).pid, 'SIGKILL');
      const { lastExit } = await again(name, restarts);
      expect(lastExit).toMatchObject({ signal: 'SIGKILL' });
      expect(lastExit.reason).not.toBe('OOMKilled');
    }
  });
});

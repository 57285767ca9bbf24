/** An agent in podman, from the manifest to the end, through the real CLI. */
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
});

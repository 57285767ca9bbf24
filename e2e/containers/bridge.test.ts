/** `network: bridge`: an interface of its own that leads out. docker's bridge lies in a network namespace made for the test. */
import { afterEach, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';
import { image, manifestOptions, removeFleet } from './engines.ts';
import { OwnEngine } from './own-engine.ts';

const SOON_MS = 60_000;
const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0).reverse()) await one();
});

/** Names of the interfaces that an agent with this network sees; last, the number of lines of its routes (the first is a heading). */
async function interfacesOf(
  engine: 'docker' | 'podman',
  tag: string,
  network: 'bridge' | 'none',
  env: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const fleet = new Fleet(env);
  undo.push(async () => {
    const { fleetId } = fleet;
    await fleet[Symbol.asyncDispose]();
    if (engine === 'podman') removeFleet(engine, fleetId);
  });
  await fleet.controller();
  const place = { runtime: engine, [engine]: { ...manifestOptions(engine, tag), network } };
  const argv = ['sh', '-c', 'ls /sys/class/net; grep -c . /proc/net/route; sleep 1000'];
  await fleet.ok(['apply', '-f', fleet.write('web.yaml', execManifest('web', argv, { place }))]);
  await until('Ready', async () => (await fleet.json(['get', 'agent', 'web'])).status.ready, SOON_MS);
  const told = await until('what it sees', async () => {
    const lines = (await fleet.ok(['logs', 'web'])).split(/\s+/).filter(Boolean);
    return /^\d+$/.test(lines.at(-1) ?? '') ? lines : undefined;
  });
  await fleet.ok(['delete', 'agent', 'web', '--wait'], { timeoutMs: SOON_MS });
  return told;
}

it('docker: has eth0 and a way out, and none has not', { timeout: 240_000 }, async () => {
  const engine = new OwnEngine(`sac-br-${process.pid}`);
  undo.push(() => engine.destroy());
  await engine.start();
  engine.image('sac-e2e-plain:1');
  const env = { PATH: engine.path };
  const interfaces = await interfacesOf('docker', 'sac-e2e-plain:1', 'bridge', env);
  expect(interfaces).toContain('eth0');
  expect(Number(interfaces.at(-1))).toBeGreaterThan(1);
  expect(await interfacesOf('docker', 'sac-e2e-plain:1', 'none', env)).not.toContain('eth0');
});

it('podman: has eth0 and a way out, and none has not', { timeout: 240_000 }, async () => {
  const tag = image('podman', 'plain');
  const interfaces = await interfacesOf('podman', tag, 'bridge', {});
  expect(interfaces).toContain('eth0');
  expect(Number(interfaces.at(-1))).toBeGreaterThan(1);
  expect(await interfacesOf('podman', tag, 'none', {})).not.toContain('eth0');
});

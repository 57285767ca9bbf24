/** Hosts in network namespaces of their own, whose cable is pulled: sshd and agents live on, and nobody reaches them. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Agent } from '../../api/resources/agent/agent.ts';
import type { Host } from '../../api/resources/kinds/host.ts';
import { type Fleet, until } from '../harness.ts';
import type { SshLab } from '../ssh/lab.ts';
import { DeclaredHosts } from './declared.ts';
import { Network } from './network.ts';

const SOON_MS = 90_000;
/** 10 s are meant; other tests share the machine. */
const SETTLE_MS = 90_000;
const FAILOVER_AFTER_MS = 5_000;
let hosts: DeclaredHosts;
let fleet: Fleet;
let lab: SshLab;
const networks: Network[] = [];
beforeEach(() => {
  hosts = new DeclaredHosts();
  ({ fleet, lab } = hosts);
});
afterEach(async () => {
  await hosts[Symbol.asyncDispose]();
  for (const network of networks.splice(0)) network[Symbol.dispose]();
});

async function host(name: string): Promise<{ readonly network: Network; readonly user: string }> {
  const network = new Network(process.pid * 4 + networks.length);
  networks.push(network);
  return { network, user: hosts.declare(name, await lab.sshd({ network }), 'dash') };
}
const agent = async (name: string): Promise<Agent['status']> => (await fleet.json(['get', 'agent', name])).status;
const hostIs = (name: string, ready: boolean, deadlineMs: number) =>
  until(
    `host ${name} ready=${ready}`,
    async () => {
      const { items }: { readonly items: readonly Host[] } = await fleet.json(['get', 'hosts']);
      return items.find(({ metadata }) => metadata.name === name)?.status.ready === ready;
    },
    deadlineMs,
  );
const livesOn = (name: string, where: string, deadlineMs: number) =>
  until(
    `${name} is ready on ${where}`,
    async () => {
      const status = await agent(name);
      const [instance] = status.instances;
      if (status.ready && instance?.host === where) return instance;
      throw new Error(JSON.stringify([status.phase, instance?.host, status.conditions]));
    },
    deadlineMs,
  );

it('a host whose cable is pulled: one that may fails over, never lives twice and goes back; the other is as it was', {
  timeout: 400_000,
}, async () => {
  const beats = join(fleet.dir, 'beats');
  mkdirSync(beats);
  for (const folder of [fleet.dir, beats]) chmodSync(folder, 0o777);
  const [a, b] = [await host('a'), await host('b')];
  const beat = 'while :; do date +%s%3N >>"$1/$SAC_AGENT.$SAC_INCARNATION.$(id -un)"; sleep 0.1; done';
  const declare = (name: string, place: object) =>
    fleet.write(
      `agents/${name}/spec.yaml`,
      JSON.stringify({
        apiVersion: 'sac/v1',
        kind: 'Agent',
        spec: { command: ['sh', '-c', beat, 'sh', beats], startup: { minReadySeconds: 0 }, place },
      }),
    );
  /** From first to last sign of each incarnation, in order; with who had it. */
  const lives = (name: string) =>
    readdirSync(beats)
      .filter((file) => file.startsWith(`${name}.`))
      .map((file) => {
        const times = readFileSync(join(beats, file), 'utf8').trim().split('\n').map(Number);
        return { user: file.split('.')[2], first: times[0] ?? 0, last: times.at(-1) ?? 0 };
      })
      .filter(({ first }) => first > 0)
      .sort((x, y) => x.first - y.first);
  /** These had it one after another; the last one's first sign may come after it is told to be ready. */
  const livedOneByOne = async (...had: readonly string[]) => {
    await until('each gave a sign', () => lives('single').length >= had.length);
    const all = lives('single');
    for (const [i, life] of all.entries()) expect(life.first).toBeGreaterThan(all[i - 1]?.last ?? 0);
    expect(all.map(({ user }) => user)).toEqual(had);
  };
  declare('single', { host: ['a', 'b'], failoverAfter: `${FAILOVER_AFTER_MS}ms`, failback: 'ready' });
  declare('pinned', { host: 'a' });
  const first = await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await hostIs('a', true, SOON_MS);
  await hostIs('b', true, SOON_MS);
  await livesOn('single', 'a', SOON_MS);
  const before = await livesOn('pinned', 'a', SOON_MS);

  const cutAt = Date.now();
  a.network.cut();
  await until('it is Unknown', async () => (await agent('pinned')).phase === 'Unknown', SOON_MS);
  await livesOn('single', 'b', 120_000);
  await livedOneByOne(a.user, b.user);
  expect(lives('single')[1]?.first).toBeGreaterThan(cutAt + FAILOVER_AFTER_MS);

  a.network.plug();
  await hostIs('a', true, SETTLE_MS);
  expect((await livesOn('pinned', 'a', SETTLE_MS)).pid).toBe(before.pid);
  await livesOn('single', 'a', SETTLE_MS);
  await livedOneByOne(a.user, b.user, a.user);
  expect((await agent('pinned')).restarts).toBe(0);

  // The database is lost while the host cannot be asked: that it lives there is known to nobody, and it is started nowhere.
  first.kill('SIGKILL');
  await until('the controller is gone', () => first.signalCode !== null);
  a.network.cut();
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(fleet.home, `sac.db${suffix}`), { force: true });
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await until(
    'it is told',
    async () => (await agent('single')).conditions.some(({ message }) => message.includes('may still live on a')),
    SOON_MS,
  );
  await livesOn('single', 'b', 120_000);
  await livedOneByOne(a.user, b.user, a.user, b.user);
});

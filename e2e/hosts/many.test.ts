/** Many agents and many hosts over SSH through the whole program, while a server is restarted, is far away, or hangs. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Agent } from '../../api/resources/agent/agent.ts';
import { Fleet, until } from '../harness.ts';
import { type Sshd, SshLab } from '../ssh/lab.ts';

const SOON_MS = 120_000;
let fleet: Fleet;
let lab: SshLab;
let users: string[] = [];
beforeEach(() => {
  fleet = new Fleet();
  lab = new SshLab();
  users = [];
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
  if (users.length > 0)
    execFileSync('sh', [
      '-c',
      'pkill -KILL -u "$1" || true; while pgrep -u "$1" >/dev/null; do sleep 0.05; done',
      'sh',
      users.join(),
    ]);
  await lab[Symbol.asyncDispose]();
  // Fifty users are slow to delete on a busy machine.
}, 400_000);

const user = (): string => {
  const name = lab.user('dash');
  users.push(name);
  return name;
};
const host = (name: string, sshd: Sshd, as: string, spec: object = {}) =>
  fleet.write(
    `agents/${name}/spec.yaml`,
    JSON.stringify({
      apiVersion: 'sac/v1',
      kind: 'Host',
      spec: {
        address: '127.0.0.1',
        port: sshd.port,
        user: as,
        identity: lab.identity,
        knownHosts: [lab.knownHosts],
        sshConfig: 'none',
        runtimes: ['tmux'],
        ...spec,
      },
    }),
  );
const declare = (name: string, spec: object) =>
  fleet.write(
    `agents/${name}/spec.yaml`,
    JSON.stringify({
      apiVersion: 'sac/v1',
      kind: 'Agent',
      spec: {
        command: ['sleep', '54321'],
        startup: { minReadySeconds: 0 },
        restart: { policy: 'always', backoff: { initial: 0, max: 0 } },
        ...spec,
      },
    }),
  );
const status = async (name: string): Promise<Agent['status']> => (await fleet.json(['get', 'agent', name])).status;
const allReady = (name: string, count: number) =>
  until(
    `${count} of ${name} are ready`,
    async () => {
      const { readyInstances, instances } = await status(name);
      if (readyInstances === count && instances.every(({ phase }) => phase === 'Running')) return instances;
      throw new Error(`${readyInstances} are; ${JSON.stringify(instances.find(({ ready }) => !ready))}`);
    },
    SOON_MS,
  );
const sleepers = (of: string): readonly string[] =>
  execFileSync('sh', ['-c', 'pgrep -u "$1" -f "^sleep 54321" || true', 'sh', of], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);

it('an sshd that is restarted under 100 agents costs none of them', { timeout: 400_000 }, async () => {
  const sshd = await lab.sshd();
  const far = user();
  host('far', sshd, far);
  declare('many', { replicas: 100, place: { host: 'far' } });
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await allReady('many', 100);
  await until('all sleep', () => sleepers(far).length === 100, SOON_MS);
  const before = sleepers(far);
  sshd.stop();
  await until('they are Unknown', async () => (await status('many')).phase === 'Unknown', SOON_MS);
  await sshd.start();
  const after = await allReady('many', 100);
  expect(sleepers(far)).toEqual(before);
  expect(after.every(({ restarts }) => restarts === 0)).toBe(true);
});

it('an agent in tmux lives behind two hops that the SSH configuration names', { timeout: 300_000 }, async () => {
  const [first, second, last] = [await lab.sshd(), await lab.sshd(), await lab.sshd()];
  const far = user();
  const alias = (name: string, { port }: Sshd, as: string, more = '') =>
    `Host ${name}\n  HostName 127.0.0.1\n  Port ${port}\n  User ${as}\n${more}`;
  const config = join(lab.dir, 'two-hops');
  writeFileSync(
    config,
    [
      alias('gate', first, 'root'),
      alias('inner', second, 'root'),
      alias('deep', last, far, '  ProxyJump gate,inner\n'),
      `Host *\n  IdentityFile ${lab.identity}\n  IdentitiesOnly yes\n`,
    ].join(''),
  );
  fleet.write(
    'agents/deep/spec.yaml',
    JSON.stringify({
      apiVersion: 'sac/v1',
      kind: 'Host',
      spec: { address: 'deep', sshConfig: config, knownHosts: [lab.knownHosts], runtimes: ['tmux'] },
    }),
  );
  declare('web', { command: ['sh', '-c', 'echo it lives here; exec sleep 54321'], place: { host: 'deep' } });
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  const [instance] = await allReady('web', 1);
  expect(instance).toMatchObject({ host: 'deep', runtime: 'tmux' });
  expect(await fleet.ok(['logs', 'web'])).toContain('it lives here');
  for (const hop of [first, second]) expect(hop.processes.length).toBeGreaterThan(1);
  process.kill(instance?.pid ?? 0, 'SIGKILL');
  await until('it was started again', async () => (await status('web')).restarts === 1, SOON_MS);
  await allReady('web', 1);
});

it('one host of 50 that hangs keeps none of the others waiting', { timeout: 600_000 }, async () => {
  const [good, bad] = [await lab.sshd(), await lab.sshd()];
  const names = Array.from({ length: 50 }, (_, i) => `h${i}`);
  const slow = names[17];
  for (const name of names) host(name, name === slow ? bad : good, user());
  declare('each', { place: { hosts: names } });
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  const before = await allReady('each', 50);
  bad.signal('SIGSTOP');
  try {
    for (const { host: on, pid } of before) if (on !== slow) process.kill(pid ?? 0, 'SIGKILL');
    const healed = await until(
      'all others were started again',
      async () => {
        const others = (await status('each')).instances.filter(({ host: on }) => on !== slow);
        const well = others.filter(({ ready, restarts }) => ready && restarts === 1);
        if (well.length === 49) return well;
        throw new Error(`${well.length} were`);
      },
      SOON_MS,
    );
    expect(healed).toHaveLength(49);
  } finally {
    bad.signal('SIGCONT');
  }
  const after = await allReady('each', 50);
  expect(after.find(({ host: on }) => on === slow)?.pid).toBe(before.find(({ host: on }) => on === slow)?.pid);
});

it('what prefers a host waits for the first contact with it, and does not wait where that fails', async () => {
  const [slow, quick, gone] = [await lab.sshd(), await lab.sshd(), await lab.sshd()];
  host('slow', slow, user());
  host('quick', quick, user());
  host('gone', gone, user());
  gone.stop();
  slow.signal('SIGSTOP');
  try {
    for (const first of ['slow', 'gone']) declare(`likes-${first}`, { place: { host: [first, 'quick'] } });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await until('it waits', async () => {
      const placed = (await status('likes-slow')).conditions.find(({ type }) => type === 'Placed');
      return placed?.message === 'host "slow" is being connected.';
    });
    expect((await allReady('likes-gone', 1))[0]?.host).toBe('quick');
    expect((await status('likes-slow')).instances).toMatchObject([{ phase: 'Pending' }]);
  } finally {
    slow.signal('SIGCONT');
  }
  expect((await allReady('likes-slow', 1))[0]?.host).toBe('slow');
});

/** Declared hosts, as real sshd with real users on this machine, through the whole program. */
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Agent } from '../../api/resources/agent/agent.ts';
import type { Host } from '../../api/resources/kinds/host.ts';
import { Fleet, until } from '../harness.ts';
import { type Sshd, SshLab } from '../ssh/lab.ts';

const SOON_MS = 90_000;
let fleet: Fleet;
let lab: SshLab;
let users: string[] = [];
beforeEach(() => {
  fleet = new Fleet();
  lab = new SshLab();
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
  // What a test left on its hosts is its users'; they go, and so it must.
  for (const user of users)
    execFileSync('sh', [
      '-c',
      'pkill -KILL -u "$1" || true; while pgrep -u "$1" >/dev/null; do sleep 0.05; done',
      'sh',
      user,
    ]);
  users = [];
  await lab[Symbol.asyncDispose]();
});

const manifest = (spec: object, name?: string, labels: Readonly<Record<string, string>> = {}) => ({
  apiVersion: 'sac/v1',
  kind: 'Host',
  metadata: { name, labels },
  spec: { address: '127.0.0.1', identity: lab.identity, knownHosts: [lab.knownHosts], sshConfig: 'none', ...spec },
});

/** A machine of its own as far as agents can tell: another user, with another home. */
function host(name: string, sshd: Sshd, labels: Readonly<Record<string, string>> = {}, spec: object = {}): string {
  const user = lab.user('bash');
  users.push(user);
  fleet.write(
    `agents/${name}/spec.yaml`,
    JSON.stringify(manifest({ port: sshd.port, user, ...spec }, undefined, labels)),
  );
  return user;
}
const declare = (name: string, spec: object) =>
  fleet.write(
    `agents/${name}/spec.yaml`,
    JSON.stringify({ apiVersion: 'sac/v1', kind: 'Agent', spec: { startup: { minReadySeconds: 0 }, ...spec } }),
  );
const agent = (name: string): Promise<Agent> => fleet.json(['get', 'agent', name]);
const hosts = async (): Promise<readonly Host[]> => (await fleet.json(['get', 'hosts'])).items;
const hostIs = (name: string, ready: boolean) =>
  until(
    `host ${name} ready=${ready}`,
    async () => (await hosts()).find(({ metadata }) => metadata.name === name)?.status.ready === ready,
    SOON_MS,
  );
const isReady = (name: string) =>
  until(
    `${name} is ready`,
    async () => {
      const { status } = await agent(name);
      if (status.ready) return status.instances;
      throw new Error(JSON.stringify([status.phase, status.conditions]));
    },
    SOON_MS,
  );
const processesOf = (user: string): readonly string[] => {
  try {
    return execFileSync('pgrep', ['-u', user, '-f', '^sleep 54321'], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .filter(Boolean);
  } catch {
    return [];
  }
};

describe('a declared host', () => {
  it('is reached, told, and takes an agent, which lives there and leaves nothing behind', {
    timeout: 180_000,
  }, async () => {
    const sshd = await lab.sshd();
    const user = host('far', sshd);
    declare('web', { command: ['sleep', '54321'], place: { host: 'far' } });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await hostIs('far', true);
    const [instance] = await isReady('web');
    expect(instance).toMatchObject({ host: 'far', runtime: 'tmux' });
    expect(processesOf(user).length).toBeGreaterThan(0);
    expect((await fleet.ok(['get', 'hosts', '-o', 'wide'])).split('\n').find((line) => line.startsWith('far'))).toMatch(
      /True +Enabled +\d+ms +1 /,
    );
    expect(await fleet.ok(['host', 'check', 'far'])).toContain('tmux');

    // It is needed; deleting it would leave an agent that nobody can reach.
    const refused = await fleet.sac(['delete', 'host', 'far']);
    expect(refused).toMatchObject({ code: 4 });
    expect(refused.stderr).toContain('sac drain far');

    // So would making it another machine: here, another user of it.
    const other = host('far', sshd);
    const manifestErrors = async (): Promise<string> =>
      JSON.stringify((await fleet.json(['controller', 'status'])).manifestErrors);
    await until(
      'that is refused',
      async () => (await manifestErrors()).includes('host/far: another user may lead to another machine'),
      SOON_MS,
    );
    expect((await hosts()).find(({ metadata }) => metadata.name === 'far')?.spec.user).toBe(user);
    expect(processesOf(other)).toEqual([]);

    const { pid } = (await agent('web')).status.instances[0] ?? {};
    process.kill(Number(pid), 'SIGKILL');
    await until('it was restarted', async () => (await agent('web')).status.restarts === 1, SOON_MS);
    await isReady('web');

    await fleet.ok(['delete', 'agent', 'web', '--force'], { timeoutMs: SOON_MS });
    await until('nothing is left there', () => processesOf(user).length === 0, SOON_MS);
  });

  it('that goes away makes its agents Unknown, and nothing is invented; when it is back they are as they were', {
    timeout: 180_000,
  }, async () => {
    const sshd = await lab.sshd();
    const user = host('far', sshd);
    declare('web', { command: ['sleep', '54321'], place: { host: 'far' } });
    declare('near', { command: ['sleep', '54321'] });
    const first = await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await isReady('web');
    await until('it sleeps', () => processesOf(user).length === 1, SOON_MS);
    const before = processesOf(user);
    sshd.stop();
    await until('it is Unknown', async () => (await agent('web')).status.phase === 'Unknown', SOON_MS);
    await hostIs('far', false);
    await isReady('near');
    expect(processesOf(user)).toEqual(before);
    await sshd.start();
    await hostIs('far', true);
    await isReady('web');
    expect(processesOf(user)).toEqual(before);
    expect((await agent('web')).status.restarts).toBe(0);

    // A new controller finds it there, and takes it for no older launch because it had to guess at folders over there.
    process.kill(first.pid ?? 0, 'SIGKILL');
    const restarted = Date.now();
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await until(
      'it was looked at there',
      async () => {
        const places = (await hosts()).find(({ metadata }) => metadata.name === 'far')?.status.places ?? [];
        return places.some(
          ({ runtime, lastListedAt }) => runtime === 'tmux' && Date.parse(lastListedAt ?? '') > restarted,
        );
      },
      SOON_MS,
    );
    await isReady('web');
    expect(processesOf(user)).toEqual(before);
    expect((await agent('web')).status.restarts).toBe(0);
  });

  it('is not made another machine under its agents by apply; with --force-conflicts it is the same one, reached in another way', {
    timeout: 180_000,
  }, async () => {
    const [first, second] = [await lab.sshd(), await lab.sshd()];
    const user = lab.user('bash');
    users.push(user);
    const far = (port: number) => ({ stdin: `${JSON.stringify(manifest({ port, user }, 'far'))}\n` });
    declare('web', { command: ['sleep', '54321'], place: { host: 'far' } });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await fleet.ok(['apply', '-f', '-'], far(first.port));
    await isReady('web');
    const before = await until('it sleeps', () => processesOf(user).length === 1 && processesOf(user), SOON_MS);

    const refused = await fleet.here(['apply', '-f', '-'], far(second.port));
    expect(refused).toMatchObject({ code: 4 });
    expect(refused.stderr).toMatch(/another port may lead to another machine, and .*web.*--force-conflicts/);
    first.stop();
    await hostIs('far', false);
    expect((await fleet.here(['apply', '-f', '-'], far(second.port))).code).toBe(4);

    await fleet.ok(['apply', '-f', '-', '--force-conflicts'], far(second.port));
    await hostIs('far', true);
    const [instance] = await isReady('web');
    expect(instance).toMatchObject({ host: 'far', restarts: 0 });
    expect(processesOf(user)).toEqual(before);

    // Another user is another machine as far as agents can tell. That it is forced does not make it the same one.
    const other = lab.user('bash');
    users.push(other);
    await fleet.ok(['apply', '-f', '-', '--force-conflicts'], {
      stdin: `${JSON.stringify(manifest({ port: second.port, user: other }, 'far'))}\n`,
    });
    await until(
      'it is refused',
      async () => {
        const far = (await hosts()).find(({ metadata }) => metadata.name === 'far');
        return far?.status.conditions[0]?.message.includes('another machine or user than the one that an agent lives');
      },
      SOON_MS,
    );
    const checked = await fleet.here(['host', 'check', 'far']);
    expect(checked.code).toBe(1);
    expect(checked.stdout).toMatch(/MISSING: what answers there is another machine or user .*\(web\)/);
    await until('nobody knows', async () => (await agent('web')).status.phase === 'Unknown', SOON_MS);
    expect(processesOf(other)).toEqual([]);

    await fleet.ok(['apply', '-f', '-', '--force-conflicts'], far(second.port));
    await hostIs('far', true);
    expect(await isReady('web')).toMatchObject([{ host: 'far', restarts: 0 }]);
    expect(processesOf(user)).toEqual(before);
  });

  it('that cannot be reached is told with what keeps us from it, and what to do about it', {
    timeout: 240_000,
  }, async () => {
    const sshd = await lab.sshd();
    host('stranger', sshd, {}, { knownHosts: [fleet.write('known_hosts', '')] });
    host('nobody', sshd, {}, { identity: fleet.write('no-key', '') });
    host('nowhere', sshd, {}, { address: 'nowhere.invalid' });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    const asked = async (name: string) => {
      await until(
        'it is declared',
        async () => (await hosts()).some(({ metadata }) => metadata.name === name),
        SOON_MS,
      );
      return fleet.sac(['host', 'check', name], { timeoutMs: SOON_MS });
    };
    const unknown = await asked('stranger');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(unknown.stderr).toContain('host "stranger"');
    // With the command that would accept its key; e2e/ssh/host-keys.test.ts runs it.
    expect(unknown.stderr).toMatch(/ssh-keyscan|known_hosts/);
    expect(unknown.stderr).toContain(String(sshd.port));
    expect((await asked('nobody')).stderr).toMatch(/host "nobody".*(key|authenti|permission)/i);
    expect((await asked('nowhere')).stderr).toContain('nowhere.invalid');
    // The same is told by describe, without anybody asking.
    await until(
      'it is told',
      async () => /nowhere\.invalid/.test(await fleet.ok(['describe', 'host', 'nowhere'])),
      SOON_MS,
    );
    expect(await fleet.ok(['describe', 'host', 'stranger'])).toContain('host key');
  });

  it('with the labels that were asked for: replicas are spread, cordon and drain are kept to', {
    timeout: 240_000,
  }, async () => {
    const sshd = await lab.sshd();
    const by = {
      one: host('one', sshd, { pool: 'a' }, { maxAgents: 4 }),
      two: host('two', sshd, { pool: 'a' }, { maxAgents: 4 }),
    };
    host('other', sshd, { pool: 'b' });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await hostIs('one', true);
    await hostIs('two', true);
    declare('many', { command: ['sleep', '54321'], replicas: 4, place: { hostSelector: 'pool=a' } });
    const placed = async () => (await agent('many')).status.instances.map((instance) => instance.host).sort();
    await isReady('many');
    expect(await placed()).toEqual(['one', 'one', 'two', 'two']);

    // What is declared for this host alone stays, and keeps nobody waiting.
    declare('own', { command: ['sleep', '54321'], place: { host: 'one' } });
    await isReady('own');
    const drained = await fleet.ok(['drain', 'one', '--wait', '--timeout', '60s'], { timeoutMs: 90_000 });
    expect(drained).toContain('host/one drained; what is declared for it alone stays: own');
    await until('all moved', async () => (await placed()).every((name) => name === 'two'), SOON_MS);
    await isReady('many');
    expect(processesOf(by.one)).toHaveLength(1);
    expect(await fleet.ok(['get', 'hosts'])).toMatch(/^one +True +Draining /m);
    await fleet.ok(['uncordon', 'one']);
    expect((await fleet.json(['get', 'host', 'one'])).spec.drain).toBe(false);
  });
});

describe('failover', () => {
  it('happens when the host is lost for long enough, and the one that was lost has stopped itself by then', {
    timeout: 300_000,
  }, async () => {
    const [a, b] = [await lab.sshd(), await lab.sshd()];
    const by = { a: host('a', a), b: host('b', b) };
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await hostIs('a', true);
    await hostIs('b', true);
    declare('single', { command: ['sleep', '54321'], place: { host: ['a', 'b'], failoverAfter: '5s' } });
    await isReady('single');
    expect((await agent('single')).status.instances[0]?.host).toBe('a');
    const both = { seen: false };
    const sleeping = (user: string) =>
      execFileSync('sh', ['-c', 'pgrep -u "$1" -f "^sleep 54321" || true', 'sh', user], { encoding: 'utf8' }).trim();
    const watch = setInterval(() => {
      if (sleeping(by.a) !== '' && sleeping(by.b) !== '') both.seen = true;
    }, 200);
    try {
      a.stop();
      await until('it lives on b', async () => sleeping(by.b) !== '', 120_000);
      expect(both.seen).toBe(false);
      expect(sleeping(by.a)).toBe('');
      await until('it is told', async () => (await agent('single')).status.instances[0]?.host === 'b', SOON_MS);
      // It is looked after there, however long the other stays lost.
      const first = sleeping(by.b);
      process.kill(Number(first.split('\n')[0]), 'SIGKILL');
      await until('it is started again on b', () => !['', first].includes(sleeping(by.b)), SOON_MS);
      await isReady('single');
      expect((await hosts()).find(({ metadata }) => metadata.name === 'a')?.status.ready).toBe(false);
      await a.start();
      await hostIs('a', true);
      await isReady('single');
      expect((await agent('single')).status.instances[0]?.host).toBe('b');
      expect(both.seen).toBe(false);
    } finally {
      clearInterval(watch);
    }
  });
});

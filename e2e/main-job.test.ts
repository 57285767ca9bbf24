/** The main job, as a user does it: manifests in, agents alive, whatever dies. Real tmux, real controller, real CLI. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { execManifest, Fleet, until } from './harness.ts';

const QUICKSTART = resolve(import.meta.dirname, '..', 'manifests', 'quickstart');
const FAST = {
  startup: { minReadySeconds: 0 },
  restart: { policy: 'always', maxRetries: 100, backoff: { initial: 0, max: 0 } },
};

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet();
});
afterEach(() => fleet[Symbol.asyncDispose]());

const agent = (name: string) => fleet.json(['get', 'agent', name]);
const pidOf = async (name: string): Promise<number> => (await agent(name)).status.instances[0].pid;
const running = (name: string) =>
  until(`${name} to run`, async () => ((await agent(name)).status.phase === 'Running' ? agent(name) : undefined));
const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
const apply = (name: string, command: readonly string[], spec: Readonly<Record<string, unknown>> = {}) =>
  fleet.ok(['apply', '-f', '-', '--wait', '--timeout', '20s'], {
    stdin: execManifest(name, command, { ...FAST, ...spec }),
  });
const controllerPid = async (): Promise<number> => (await fleet.json(['controller', 'status'])).pid;
const killController = async (): Promise<void> => {
  const pid = await controllerPid();
  process.kill(pid, 'SIGKILL');
  await until('the controller to be gone', () => !isAlive(pid));
};

describe('the first command', () => {
  it('starts a controller by itself, says so in one line, and shows the quick-start agents becoming Ready', async () => {
    const { code, stdout, stderr } = await fleet.sac(['apply', '-f', QUICKSTART, '--wait']);
    expect(stderr.split('\n')[0]).toMatch(/^sac: started a controller in the background \(pid \d+, log .*\)$/);
    expect(stdout).toContain('agent/clock created');
    expect(stdout).toContain('agent/clock ready');
    expect(code).toBe(0);
    const list = await fleet.json(['get', 'agents']);
    expect(list.kind).toBe('List');
    expect(list.items).toHaveLength(3);
    for (const { metadata, spec, status } of list.items) {
      expect(metadata).toMatchObject({
        name: expect.any(String),
        id: expect.any(String),
        generation: 1,
        resourceVersion: expect.any(Number),
        labels: expect.any(Object),
      });
      expect(spec.restart.policy).toEqual(expect.any(String));
      expect(status).toMatchObject({
        phase: 'Running',
        ready: true,
        restarts: 0,
        observedGeneration: 1,
        activity: expect.any(String),
        conditions: expect.any(Array),
      });
      expect(status.instances).toEqual([
        expect.objectContaining({
          name: metadata.name,
          host: 'local',
          runtime: 'tmux',
          session: metadata.name,
          pid: expect.any(Number),
          startedAt: expect.any(String),
        }),
      ]);
    }
    expect(await fleet.json(['controller', 'status'])).toMatchObject({
      pid: expect.any(Number),
      socket: join(fleet.home, 'sac.sock'),
      listen: null,
      agentsDirs: [],
    });
    expect((await fleet.sac(['diff', '-f', QUICKSTART])).code).toBe(0);
    expect(await fleet.ok(['apply', '-f', QUICKSTART])).toBe(
      'agent/clock unchanged\nagent/gauge unchanged\nagent/parrot unchanged\n',
    );
  });

  it('works without tmux, and says what is missing', async () => {
    const bin = join(fleet.dir, 'bin');
    mkdirSync(bin);
    for (const program of [
      'sh',
      'env',
      'setsid',
      'dd',
      'sed',
      'wc',
      'mv',
      'rm',
      'mkdir',
      'mkfifo',
      'cat',
      'date',
      'tail',
      'grep',
      'tr',
      'sleep',
      'xargs',
      'awk',
      'kill',
    ])
      for (const from of ['/usr/bin', '/bin'])
        if (existsSync(join(from, program)) && !existsSync(join(bin, program)))
          symlinkSync(join(from, program), join(bin, program));
    await fleet.ok(['apply', '-f', '-', '--wait'], {
      stdin: execManifest('lone', ['sleep', '1000'], FAST),
      env: { PATH: bin },
    });
    const lone = await agent('lone');
    expect(lone.status.instances[0].runtime).toBe('process');
    expect(lone.status.conditions.find(({ type }: { type: string }) => type === 'Placed')).toMatchObject({
      status: 'True',
      reason: 'FellBack',
      message: expect.stringContaining('tmux is not installed'),
    });
  });
});

describe.each(['tmux', 'process'])('an agent in %s', (runtime) => {
  const place = { place: { runtime } };

  it('that is killed comes back; its end and its output are kept', async () => {
    await apply('web', ['sh', '-c', 'echo run of $$; sleep 1000'], place);
    const first = await pidOf('web');
    await until('output', async () => (await fleet.ok(['logs', 'web'])).includes('run of'));
    process.kill(first, 'SIGKILL');
    await until('another process', async () => {
      const pid = await pidOf('web');
      return pid !== undefined && pid !== first;
    });
    const { status } = await running('web');
    expect(status.restarts).toBe(1);
    expect(status.instances[0].lastExit).toMatchObject({ signal: 'SIGKILL', reason: 'Killed', at: expect.any(String) });
    expect(await fleet.ok(['logs', 'web', '--previous'])).toContain(`run of ${first}`);
    const events = (await fleet.json(['events', '--for', 'agent/web'])).items;
    expect(events.map(({ reason }: { reason: string }) => reason)).toEqual(
      expect.arrayContaining(['Created', 'Started', 'Ready', 'Exited']),
    );
    expect(events[0]).toMatchObject({
      message: expect.any(String),
      count: expect.any(Number),
      firstSeen: expect.any(String),
      lastSeen: expect.any(String),
      regarding: { kind: 'Agent', name: 'web' },
    });
  });

  it('is adopted by a controller that comes back, also without its database', async () => {
    await apply('web', ['sleep', '1000'], place);
    const pid = await pidOf('web');
    await killController();
    await fleet.ok(['get', 'agents']);
    expect((await running('web')).status.restarts).toBe(0);
    expect(await pidOf('web')).toBe(pid);
    await killController();
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(fleet.home, `sac.db${suffix}`), { force: true });
    expect(await fleet.ok(['get', 'agents', '-o', 'name'])).toBe('');
    expect(isAlive(pid)).toBe(true);
    await apply('web', ['sleep', '1000'], place);
    expect(await pidOf('web')).toBe(pid);
    expect(fleet.marked().filter((marked) => isAlive(marked))).toContain(pid);
  });

  it('takes all that it spawned with it when it is deleted', async () => {
    await apply('web', ['sh', '-c', 'setsid sleep 991 & (setsid sleep 992 &); sleep 993'], place);
    await until('the family', () => fleet.marked().length >= 4);
    await fleet.ok(['delete', 'agent', 'web', '--timeout', '20s']);
    await until('all of it to be gone', () => fleet.marked().length === 0);
    expect((await fleet.sac(['get', 'agent', 'web'])).code).toBe(3);
  });

  it('rests when stopped, and wakes when started', async () => {
    await apply('web', ['sleep', '1000'], place);
    const pid = await pidOf('web');
    await fleet.ok(['stop', 'web', '--wait', '--timeout', '20s']);
    expect(isAlive(pid)).toBe(false);
    expect((await agent('web')).status).toMatchObject({ phase: 'Stopped', ready: false });
    await apply('other', ['sleep', '1000'], place);
    expect(
      await fleet.ok(['apply', '-f', '-'], { stdin: execManifest('web', ['sleep', '1000'], { ...FAST, ...place }) }),
    ).toBe('agent/web unchanged\n');
    expect((await agent('web')).spec.suspend).toBe(true);
    await fleet.ok(['start', 'web', '--wait', '--timeout', '20s']);
    expect(isAlive(await pidOf('web'))).toBe(true);
  });

  it('restarts for a changed launch, and only for that', async () => {
    await apply('web', ['sleep', '1000'], place);
    const pid = await pidOf('web');
    await apply('web', ['sleep', '1000'], { ...place, restart: { policy: 'always', maxRetries: 7 } });
    await fleet.ok(['label', 'web', 'role=x']);
    expect(await pidOf('web')).toBe(pid);
    await apply('web', ['sleep', '1001'], { ...place, terminationGracePeriodSeconds: 1 });
    await until('the new launch', async () =>
      readFileSync(`/proc/${await pidOf('web')}/cmdline`, 'utf8').includes('1001'),
    );
    expect(isAlive(pid)).toBe(false);
    const before = await pidOf('web');
    await fleet.ok(['restart', 'web', '--wait', '--timeout', '20s']);
    await until('a new process', async () => (await pidOf('web')) !== before && (await agent('web')).status.ready);
  });

  it('that ended well stays so, also across the controller and without its database', async () => {
    const once = join(fleet.dir, 'ran');
    await fleet.ok(['apply', '-f', '-'], {
      stdin: execManifest('job', ['sh', '-c', `echo run >> ${once}`], { ...place, startup: { minReadySeconds: 0 } }),
    });
    await until('success', async () => (await agent('job')).status.phase === 'Succeeded');
    await killController();
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(fleet.home, `sac.db${suffix}`), { force: true });
    await fleet.ok(['apply', '-f', '-'], {
      stdin: execManifest('job', ['sh', '-c', `echo run >> ${once}`], { ...place, startup: { minReadySeconds: 0 } }),
    });
    await until('success', async () => (await agent('job')).status.phase === 'Succeeded');
    expect(readFileSync(once, 'utf8')).toBe('run\n');
  });

  it('that fails its health checks is restarted as its policy says, with a reason; with never it is only told', async () => {
    const well = fleet.write('well', '');
    const health = { command: ['test', '-e', well], interval: '1s', failureThreshold: 2 };
    await apply('web', ['sleep', '1000'], { ...place, health });
    await apply('calm', ['sleep', '1000'], { ...place, health, restart: { policy: 'never' } });
    const healthy = async (name: string) =>
      (await agent(name)).status.conditions.find(({ type }: { type: string }) => type === 'Healthy')?.status;
    await fleet.ok(['wait', 'agent', 'web', 'calm', '--for=condition=Healthy', '--timeout', '20s']);
    const pids = [await pidOf('web'), await pidOf('calm')];
    rmSync(well);
    await until('a restart', async () => (await agent('web')).status.restarts > 0);
    await until('it is told', async () => (await healthy('calm')) === 'False');
    writeFileSync(well, '');
    await fleet.ok(['wait', 'agent', 'web', 'calm', '--for=condition=Healthy', '--timeout', '20s']);
    expect((await agent('web')).status.instances[0].lastExit.reason).toBe('Unhealthy');
    expect(isAlive(Number(pids[0]))).toBe(false);
    expect(await pidOf('calm')).toBe(pids[1]);
    const { items } = await fleet.json(['events']);
    expect(items.map(({ reason }: { reason: string }) => reason)).toEqual(
      expect.arrayContaining(['Unhealthy', 'Healthy', 'Restarting']),
    );
  });

  it('that crashes again and again is given up, and tried again when asked', async () => {
    await fleet.ok(['apply', '-f', '-'], {
      stdin: execManifest('bad', ['sh', '-c', 'exit 4'], {
        ...place,
        restart: { policy: 'on-failure', maxRetries: 2, backoff: { initial: 0, max: 0 } },
      }),
    });
    const waited = await fleet.sac(['wait', 'agent/bad', '--for=condition=Ready', '--timeout', '20s']);
    expect(waited.code).toBe(6);
    const { status } = await agent('bad');
    expect(status).toMatchObject({ phase: 'Failed', restarts: 2 });
    expect(status.conditions.find(({ type }: { type: string }) => type === 'Started')).toMatchObject({
      reason: 'CrashLoop',
    });
    expect(status.instances[0].lastExit).toMatchObject({ code: 4, reason: 'Error' });
    await fleet.ok(['restart', 'bad']);
    await until('more restarts', async () => (await agent('bad')).status.restarts > 2);
  });
});

describe('tmux', () => {
  it('brings all agents back when its server is killed', async () => {
    for (const name of ['a', 'b', 'c']) await apply(name, ['sleep', '1000'], { place: { runtime: 'tmux' } });
    const before = await Promise.all(['a', 'b', 'c'].map(pidOf));
    const server = Number((await fleet.tmux(['display-message', '-p', '#{pid}'])).stdout);
    process.kill(server, 'SIGKILL');
    await until('all to run anew', async () => {
      const now = await fleet.json(['get', 'agents']);
      return now.items.every(
        ({ status }: { status: { ready: boolean; instances: { pid: number }[] } }, i: number) =>
          status.ready && status.instances[0]?.pid !== before[i],
      );
    });
    expect(
      (await fleet.tmux(['list-sessions', '-F', '#{session_name}'])).stdout
        .trim()
        .split('\n')
        .filter((name) => name !== '_sac')
        .sort(),
    ).toEqual(['a', 'b', 'c']);
  });

  it('touches no session that is not its own', async () => {
    await apply('web', ['sleep', '1000'], { place: { runtime: 'tmux' } });
    await fleet.tmux(['new-session', '-d', '-s', 'webfoot', 'sleep', '1000']);
    await fleet.ok(['delete', 'agent', 'web']);
    expect((await fleet.tmux(['has-session', '-t', '=webfoot'])).code).toBe(0);
    const refused = await fleet.sac(['apply', '-f', '-', '--wait', '--timeout', '2s'], {
      stdin: execManifest('webfoot', ['sleep', '1000'], { place: { runtime: 'tmux' } }),
    });
    expect(refused.code).toBe(5);
    expect(await fleet.ok(['events', '--for', 'agent/webfoot'])).toContain("is not sac's");
  });
});

describe('a watched directory', () => {
  const write = (name: string, text: string) => fleet.write(`agents/${name}/spec.yaml`, text);
  const manifest = (command: string, more = '') =>
    `apiVersion: sac/v1\nkind: Agent\nspec:\n  command: [sleep, "${command}"]\n  startup: {minReadySeconds: 0}\n${more}`;

  it('is followed: added, edited, deleted; broken and half-written files change nothing', async () => {
    write('one', manifest('1000'));
    write('two', manifest('1000'));
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await running('one');
    await running('two');
    write('three', manifest('1000'));
    await until('three', async () => (await fleet.sac(['get', 'agent', 'three'])).code === 0);
    await running('three');
    const pid = await pidOf('two');

    write('two', 'apiVersion: sac/v1\nkind: Agent\nspec:\n  command: [sle');
    await until(
      'the problem to be told',
      async () => (await fleet.json(['controller', 'status'])).manifestErrors.length === 1,
    );
    expect((await fleet.json(['controller', 'status'])).manifestErrors[0]).toMatch(/two\/spec\.yaml:\d+:\d+/);
    write('two', manifest('1000', '  restart: {policy: sometimes}\n'));
    await until('the other problem', async () =>
      (await fleet.json(['controller', 'status'])).manifestErrors[0]?.includes('sometimes'),
    );
    expect(await pidOf('two')).toBe(pid);
    write('two', manifest('1000'));
    await until('no problem', async () => (await fleet.json(['controller', 'status'])).manifestErrors.length === 0);
    expect(await pidOf('two')).toBe(pid);

    await fleet.ok(['apply', '-f', '-'], { stdin: execManifest('mine', ['sleep', '1000'], FAST) });
    await running('mine');
    rmSync(join(fleet.agentsDir, 'one'), { recursive: true });
    await until('one to be gone', async () => (await fleet.sac(['get', 'agent', 'one'])).code === 3);
    expect((await agent('mine')).status.phase).toBe('Running');
  });

  it('brings back at once what was deleted by hand and is still declared', async () => {
    write('one', manifest('1000'));
    await fleet.controller(['--agents-dir', fleet.agentsDir, '--resync', '1h']);
    await running('one');
    const pid = await pidOf('one');
    await fleet.ok(['delete', 'agent', 'one', '--wait']);
    await running('one');
    expect(await pidOf('one')).not.toBe(pid);
  });

  it('that is away takes nothing with it', async () => {
    write('one', manifest('1000'));
    await fleet.controller(['--agents-dir', fleet.agentsDir, '--resync', '1s']);
    await running('one');
    const pid = await pidOf('one');
    renameSync(fleet.agentsDir, `${fleet.agentsDir}.away`);
    await until(
      'the problem to be told',
      async () => (await fleet.json(['controller', 'status'])).manifestErrors.length > 0,
    );
    mkdirSync(fleet.agentsDir);
    expect(await pidOf('one')).toBe(pid);
    rmSync(fleet.agentsDir, { recursive: true });
    renameSync(`${fleet.agentsDir}.away`, fleet.agentsDir);
    await until('no problem', async () => (await fleet.json(['controller', 'status'])).manifestErrors.length === 0);
    expect(await pidOf('one')).toBe(pid);
    expect((await agent('one')).status.restarts).toBe(0);
  });

  it('owns what it declares, and nothing else', async () => {
    write('one', manifest('1000'));
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await running('one');
    const refused = await fleet.sac(['apply', '-f', '-'], { stdin: execManifest('one', ['sleep', '2000']) });
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('spec.command');
    expect(refused.stderr).toContain(fleet.agentsDir);
    await fleet.ok(['stop', 'one', '--wait', '--timeout', '20s']);
    write('one', manifest('1000', '  labels_are_not_here: 1\n'.slice(0, 0)));
    write('two', manifest('1000'));
    await running('two');
    expect((await agent('one')).spec.suspend).toBe(true);
  });
});

describe('doors', () => {
  it('one controller a home: a second says who holds it', async () => {
    await apply('web', ['sleep', '1000']);
    const { code, stderr } = await fleet.sac(['controller', 'run'], { timeoutMs: 60_000 });
    expect(code).toBe(4);
    expect(stderr).toContain(`pid ${await controllerPid()}`);
  });

  it('a controller that was stopped and replaced loses when it goes on', async () => {
    await apply('web', ['sleep', '1000']);
    const [agentPid, old] = [await pidOf('web'), await controllerPid()];
    process.kill(old, 'SIGSTOP');
    await fleet.controller(['--takeover']);
    expect(await controllerPid()).not.toBe(old);
    process.kill(old, 'SIGCONT');
    await until('the old one to leave', () => !isAlive(old));
    await apply('other', ['sleep', '1000']);
    expect(await pidOf('web')).toBe(agentPid);
    expect((await agent('web')).status.restarts).toBe(0);
  });

  it('stops cleanly on SIGTERM, and its agents stay', async () => {
    await apply('web', ['sleep', '1000']);
    const [agentPid, pid] = [await pidOf('web'), await controllerPid()];
    process.kill(pid, 'SIGTERM');
    await until('the controller to be gone', () => !isAlive(pid));
    expect(existsSync(join(fleet.home, 'sac.sock'))).toBe(false);
    expect(isAlive(agentPid)).toBe(true);
    expect((await fleet.sac(['controller', 'status'])).code).toBe(7);
  });

  it('TCP needs a token of the right role, the right host, and no foreign origin', async () => {
    await fleet.controller(['--listen', '127.0.0.1:0']);
    const { listen } = await fleet.json(['controller', 'status']);
    const get = (path: string, headers: Record<string, string> = {}, init: RequestInit = {}) =>
      fetch(`http://${listen}${path}`, { ...init, headers });
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/metrics')).status).toBe(200);
    expect((await get('/apis/sac/v1/agents')).status).toBe(401);
    const viewer = (await fleet.ok(['token', 'create', '--role', 'viewer'])).trim();
    const bearer = { authorization: `Bearer ${viewer}` };
    expect((await get('/apis/sac/v1/agents', bearer)).status).toBe(200);
    expect((await get('/apis/sac/v1/agents', { ...bearer, origin: 'http://evil.example' })).status).toBe(403);
    expect((await get('/apis/sac/v1/tokens', bearer)).status).toBe(403);
    expect(
      (
        await get(
          '/apis/sac/v1/agents/x',
          { ...bearer, 'content-type': 'application/json' },
          { method: 'DELETE', body: '{}' },
        )
      ).status,
    ).toBe(403);
    const operator = (await fleet.ok(['token', 'create', '--role', 'operator'])).trim();
    const plain = { authorization: `Bearer ${operator}`, 'content-type': 'text/plain' };
    expect((await get('/apis/sac/v1/agents', plain, { method: 'POST', body: '{}' })).status).toBe(415);
    writeFileSync(join(fleet.dir, 'token'), viewer, { mode: 0o600 });
    expect(
      (await fleet.sac(['get', 'agents', '--server', `http://${listen}`, '--token-file', join(fleet.dir, 'token')]))
        .code,
    ).toBe(0);
    expect(
      (
        await fleet.sac([
          'delete',
          'agent',
          'x',
          '--server',
          `http://${listen}`,
          '--token-file',
          join(fleet.dir, 'token'),
        ])
      ).code,
    ).toBe(8);
  });

  it('refuses to listen beyond loopback without TLS, and a home open to others', async () => {
    const open = await fleet.sac(['controller', 'run', '--listen', '0.0.0.0:0'], { timeoutMs: 60_000 });
    expect(open.code).toBe(2);
    expect(open.stderr).toContain('TLS');
    const loose = join(fleet.dir, 'loose');
    mkdirSync(loose, { mode: 0o755 });
    const refused = await fleet.sac(['controller', 'run'], { env: { SAC_HOME: loose }, timeoutMs: 60_000 });
    expect(refused.code).toBe(8);
    expect(refused.stderr).toContain('chmod 700');
  });

  it.each([
    ['an unknown verb', ['aply'], 2, /did you mean/i],
    ['an unknown flag', ['get', 'agents', '--frobnicate'], 2, /unknown option/],
    ['an unknown type', ['get', 'pods'], 2, /no resource type "pods"/],
    ['an unknown format', ['get', 'agents', '-o', 'xml'], 2, /output format "xml"/],
    ['no file', ['apply', '-f', '/no/such/file.yaml'], 2, /no\/such\/file/],
    ['no controller', ['controller', 'status'], 7, /no controller answers/],
    ['an unknown field', ['explain', 'agent.spec.restrat'], 3, /restart/],
  ])('%s is answered with one clear line', async (_what, args, code, message) => {
    const ran = await fleet.sac(args as string[]);
    expect(ran.stderr).toMatch(message as RegExp);
    expect(ran.code).toBe(code);
    expect(ran.stdout).toBe('');
  });

  it('a manifest that is wrong is told with file, line and column, and changes nothing', async () => {
    const file = fleet.write(
      'bad.yaml',
      'apiVersion: sac/v1\nkind: Agent\nmetadata: {name: bad}\nspec:\n  command: [sleep, "1"]\n  restart:\n    policy: sometimes\n    maxRetires: 3\n---\napiVersion: sac/v1\nkind: Agent\nmetadata: {name: good}\nspec: {command: [sleep, "1000"]}\n',
    );
    const { code, stdout, stderr } = await fleet.sac(['apply', '-f', file]);
    expect(code).toBe(2);
    expect(stderr).toContain(`${file}:7:13 spec.restart.policy: "sometimes" is not one of never, on-failure, always`);
    expect(stderr).toMatch(/:8:5 spec\.restart\.maxRetires: .*maxRetries/);
    expect(stdout).toBe('agent/good created\n');
    expect((await fleet.sac(['get', 'agent', 'bad'])).code).toBe(3);
  });
});

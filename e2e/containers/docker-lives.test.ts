/** An agent in a container, from the manifest to the end, through the real CLI; with an engine of the test's own that is killed. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';
import { manifestOptions } from './engines.ts';
import { OwnEngine } from './own-engine.ts';

const TAG = 'sac-e2e-plain:1';
const STORM_MS = 5_000;

describe('agents in docker', () => {
  let engine: OwnEngine;
  let fleet: Fleet;
  beforeAll(async () => {
    engine = new OwnEngine();
    await engine.start();
    engine.image(TAG);
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
  const begin = async (...flags: readonly string[]) => {
    fleet = new Fleet({ PATH: engine.path });
    await fleet.controller(flags);
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
    const wide = async () => fleet.ok(['get', 'agents', '-o', 'wide']);
    await until('the reason', async () => /nosy .*NoPlace/.test(await wide()));
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
      const logs = await fleet.sac(['logs', 'web']);
      expect(logs.stderr).toContain('web cannot be looked at on local/docker: the docker engine does not answer');
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

  it('are Unknown while the engine hangs, and nothing is begun or ended because of it', {
    timeout: 240_000,
  }, async () => {
    // Nobody is told that it hangs: it is seen when it is asked.
    await begin('--resync', '3s');
    for (const name of ['one', 'two']) await apply(name, ['sleep', '1000'], place());
    for (const name of ['one', 'two']) await until('Ready', async () => (await status(name)).ready);
    const before = await Promise.all(['one', 'two'].map(async (name) => (await status(name)).instances[0]));
    engine.signal('SIGSTOP');
    try {
      for (const name of ['one', 'two'])
        await until('Unknown', async () => (await status(name)).phase === 'Unknown', 120_000);
      const begun = Date.now();
      await until('a while', async () => {
        for (const name of ['one', 'two']) expect(await status(name)).toMatchObject({ phase: 'Unknown', restarts: 0 });
        return Date.now() - begun > STORM_MS;
      });
      for (const { pid } of before) process.kill(pid, 0);
    } finally {
      engine.signal('SIGCONT');
    }
    for (const [i, name] of ['one', 'two'].entries()) {
      await until('Running', async () => (await status(name)).phase === 'Running', 60_000);
      const { pid, startedAt } = before[i];
      expect((await status(name)).instances[0]).toMatchObject({ pid, startedAt, restarts: 0 });
    }
    const reasons = (await fleet.json(['events'])).items.map(({ reason }: { readonly reason: string }) => reason);
    expect(reasons.filter((reason: string) => reason === 'Started')).toHaveLength(2);
  });

  it('live fifty at once: one that is killed for its memory is told as such and begun again, the others are untouched', {
    timeout: 300_000,
  }, async () => {
    await begin();
    const names = Array.from({ length: 49 }, (_, i) => `calm-${i}`);
    const eat = [
      'sh',
      '-c',
      'until [ -e "$0" ]; do sleep 0.2; done; rm "$0"; exec dd if=/dev/zero of=/dev/null bs=200M count=1',
      'eat',
    ];
    const workspace = join(fleet.dir, 'hog');
    const all = [
      ...names.map((name) => execManifest(name, ['sleep', '1000'], place({ memory: '32m' }))),
      execManifest('hog', eat, {
        ...place({ memory: '32m' }),
        workspace,
        restart: { policy: 'on-failure', backoff: { initial: '100ms', max: '1s' } },
      }),
    ];
    await fleet.ok(['apply', '-f', fleet.write('all.yaml', all.join('---\n'))], { timeoutMs: 120_000 });
    const agents = async () => (await fleet.json(['get', 'agents'])).items;
    await until(
      'fifty to be Ready',
      async () => {
        const ready = (await agents()).filter(
          ({ status: { ready } }: { readonly status: { readonly ready: boolean } }) => ready,
        );
        if (ready.length === 50) return true;
        throw new Error(`${ready.length} are`);
      },
      180_000,
    );
    const pidsOf = async () =>
      new Map<string, number>(
        (await agents()).map(({ metadata, status: { instances } }: ReturnType<typeof JSON.parse>) => [
          metadata.name,
          instances[0].pid,
        ]),
      );
    const before = await pidsOf();
    writeFileSync(join(workspace, 'eat'), '');
    const after = await until(
      'the hog to live again',
      async () => {
        const now = await status('hog');
        if (now.restarts === 1 && now.ready) return now.instances[0];
        throw new Error(JSON.stringify(now.instances[0]));
      },
      60_000,
    );
    expect(after.lastExit).toMatchObject({ signal: 'SIGKILL', reason: 'OOMKilled' });
    const now = await pidsOf();
    for (const name of names) expect([name, now.get(name)]).toEqual([name, before.get(name)]);
    const restarts = (await agents()).filter(
      ({ status: { restarts: count } }: { readonly status: { readonly restarts: number } }) => count > 0,
    );
    expect(restarts).toHaveLength(1);
  });

  it('see the settings of Claude Code where they ask for it, read-only, and write conversations', async () => {
    fleet = new Fleet({ PATH: engine.path });
    const home = fleet.env['HOME'] ?? '';
    const claude = join(home, '.claude');
    mkdirSync(join(claude, 'projects'), { recursive: true });
    writeFileSync(join(claude, 'settings.json'), '{"mine":1}');
    writeFileSync(join(claude, 'history.jsonl'), 'private');
    await fleet.controller();
    const script = [
      'cat "$HOME/.claude/settings.json"; echo',
      '(echo x > "$HOME/.claude/settings.json") 2>/dev/null && echo written || echo refused',
      '[ -e "$HOME/.claude/history.jsonl" ] && echo seen || echo unseen',
      'echo talk > "$HOME/.claude/projects/talk" && echo kept',
      'echo y > "$HOME/.claude/other" && echo forgotten',
      'sleep 1000',
    ].join('; ');
    await apply('web', ['sh', '-c', script], place({ mountHostClaude: true }));
    const said = await until(
      'what it saw',
      async () => {
        const text = (await fleet.sac(['logs', 'web'])).stdout;
        return text.includes('forgotten') ? text : undefined;
      },
      60_000,
    );
    expect(said.split('\n').slice(0, 5)).toEqual(['{"mine":1}', 'refused', 'unseen', 'kept', 'forgotten']);
    expect(readFileSync(join(claude, 'settings.json'), 'utf8')).toBe('{"mine":1}');
    expect(readFileSync(join(claude, 'projects', 'talk'), 'utf8')).toBe('talk\n');
    expect(existsSync(join(claude, 'other'))).toBe(false);
  });
});

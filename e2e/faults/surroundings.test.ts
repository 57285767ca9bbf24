/** One fault at a time, of what is around a real controller: its socket, its directory of manifests. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AgentSpecInput } from '../../api/resources/agent/agent.ts';
import { until } from '../harness.ts';
import { apply, DEADLINE_MS, diaryIs, kill, LIFE, looks, mains, manifests, pids, Stage, settled } from './stage.ts';
import type { SupervisedFleet } from './supervised-fleet.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.build();
});
afterEach(() => stage.clear());

const rssMiB = (pid: number | undefined): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

describe('the socket', () => {
  it('that is deleted is made again by the same controller, for its owner alone', async () => {
    const fleet = stage.start();
    await apply(fleet, ['a', 'b']);
    const before = await pids(fleet, 2);
    const socket = join(fleet.home, 'sac.sock');
    for (let i = 0; i < 2; i++) {
      rmSync(socket);
      // As a person would who knows nothing of it: a second controller would be started, and finds the home held.
      expect((await fleet.ok(['get', 'agents', '-o', 'name'])).trim().split('\n')).toEqual(['agent/a', 'agent/b']);
      expect((await fleet.client.controller()).pid).toBe(fleet.controllerPid);
      expect(statSync(socket).mode & 0o777).toBe(0o600);
    }
    expect(await pids(fleet, 2)).toEqual(before);
    expect(fleet.starts).toBe(1);
    expect(await fleet.stop()).toBe(0);
    expect(statSync(socket, { throwIfNoEntry: false })).toBeUndefined();
  });
});

/** Manifests as files of a watched directory, a folder for each. */
function write(
  fleet: SupervisedFleet,
  dir: string,
  names: readonly string[],
  more: Partial<AgentSpecInput> = {},
): void {
  for (const manifest of manifests(fleet, names, more)) {
    const folder = join(dir, manifest.metadata.name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'spec.yaml'), JSON.stringify(manifest));
  }
}
const watching = (dir: string) => ['--resync', '1s', '--agents-dir', dir];

describe('a watched directory', () => {
  it('in which 5,000 things happen at once is read to the end, others are served meanwhile, memory is bounded', async () => {
    const fleet = stage.start({ flags: ['--resync', '10m', '--agents-dir', 'agents'] });
    const names = Array.from({ length: 20 }, (_, i) => `w${String(i).padStart(2, '0')}`);
    await apply(fleet, ['a', 'b']);
    write(fleet, fleet.agentsDir, names, { suspend: true });
    const seen = (value: string) =>
      until(
        `all to have ${value}`,
        async () => (await fleet.agents()).filter(({ spec }) => spec.env['ROUND'] === value).length === names.length,
        DEADLINE_MS,
      );
    write(fleet, fleet.agentsDir, names, { suspend: true, env: { ROUND: '0' } });
    await seen('0');
    const before = rssMiB(fleet.controllerPid);
    const pidOfA = async () => (await fleet.client.get('agents', 'a')).status.instances[0]?.pid;
    const a = await until('a to live', pidOfA, DEADLINE_MS);
    await diaryIs(fleet, ['a was created 1 times', 'b was created 1 times']);
    const noise = join(fleet.agentsDir, names[0] ?? '', 'to_home');
    mkdirSync(noise);
    const ROUNDS = 125;
    for (let round = 1; round <= ROUNDS; round++) {
      write(fleet, fleet.agentsDir, names, { suspend: true, env: { ROUND: `${round}` } });
      for (let i = 0; i < names.length; i++)
        writeFileSync(join(noise, `n${(round * names.length + i) % 500}`), `${round}`);
      if (round === ROUNDS / 5) kill(a);
    }
    await until(
      'a to be back',
      async () => {
        const pid = await pidOfA();
        return pid !== undefined && pid !== a;
      },
      DEADLINE_MS,
    );
    await seen(`${ROUNDS}`);
    expect(rssMiB(fleet.controllerPid) - before).toBeLessThan(128);
    expect(fleet.starts).toBe(1);
    await diaryIs(fleet, ['a was created 2 times', 'b was created 1 times']);
  });

  const tmpfs = (at: string) => stage.mount(['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'sac-e2e', at]);
  /** From where it is mounted, and how it comes back. */
  const WAYS = {
    'unmounted and mounted back': (real: string) => {
      tmpfs(real);
      return () => undefined;
    },
    'unmounted and mounted back under another number': (real: string, aside: string) => {
      tmpfs(real);
      return () => {
        execFileSync('cp', ['-a', `${real}/.`, aside]);
        tmpfs(real);
        execFileSync('cp', ['-a', `${aside}/.`, real]);
      };
    },
    'bound to its place from beside it, and is not, and is again': () => () => undefined,
  };
  it.each(Object.entries(WAYS))('that is %s costs nobody, and counts again', async (_, prepare) => {
    const fleet = stage.start({ flags: watching('mounted') });
    const [dir, real, aside] = ['mounted', 'real', 'aside'].map((name) => join(fleet.dir, name));
    if (!dir || !real || !aside) throw new Error('unreachable');
    for (const folder of [real, aside]) mkdirSync(folder);
    const renew = prepare(real, aside);
    stage.mount(['--bind', real, dir]);
    await comesAndGoes(fleet, dir, () => {
      stage.unmount(dir);
      return () => {
        renew();
        stage.mount(['--bind', real, dir]);
      };
    });
  });

  async function comesAndGoes(fleet: SupervisedFleet, dir: string, takeAway: () => () => void): Promise<void> {
    write(fleet, dir, ['a', 'b']);
    const before = await pids(fleet, 2);
    const bringBack = takeAway();
    await until(
      'the controller to say that it is away',
      async () => JSON.parse(await fleet.ok(['controller', 'status', '-o', 'json'])).manifestErrors.length > 0,
      DEADLINE_MS,
    );
    await looks(fleet, 4);
    expect(await pids(fleet, 2)).toEqual(before);
    bringBack();
    await looks(fleet, 4);
    expect(await pids(fleet, 2)).toEqual(before);
    write(fleet, dir, ['a', 'b'], { env: { MORE: '1' } });
    await until(
      'an edit to count',
      async () => (await fleet.agents()).every(({ spec }) => spec.env['MORE'] === '1'),
      DEADLINE_MS,
    );
    rmSync(join(dir, 'b'), { recursive: true });
    await until('a removed one to go', async () => (await fleet.agents()).length === 1, DEADLINE_MS);
    await settled(fleet, 1);
    expect(mains(fleet)).toEqual([`${fleet.fleetId}.a`]);
  }
});

describe('the number of processes', () => {
  const UID = 61_237;
  it('that is reached costs nobody who lives; what could not be started is, once there is room', async () => {
    const root = resolve(import.meta.dirname, '..', '..');
    // Somebody else must reach the program wherever this tree lies.
    const shared = join(stage.folder(), 'sac');
    stage.mount(['--bind', root, shared]);
    const fleet = stage.start({ uid: UID, program: join(shared, 'dist', basename(stage.program)) });
    const names = ['a', 'b', 'c', 'd'];
    const command = ['perl', join(shared, LIFE.slice(root.length)), 'plain'];
    await apply(fleet, names, { command });
    const before = await pids(fleet, 4);
    const server = (await fleet.tmux(['display-message', '-p', '#{pid}'])).stdout.trim();
    const limited = [server, `${fleet.controllerPid}`];
    // By themselves: to change what others may have is a right that root in a container need not have.
    const prlimit = (pid: string, args: readonly string[]) =>
      execFileSync('prlimit', ['--pid', pid, ...args], { uid: UID, gid: UID, encoding: 'utf8' }).trim();
    const allowed = limited.map((pid) => prlimit(pid, ['--nproc', '--output=SOFT', '--noheadings', '--raw']));
    for (const pid of limited) prlimit(pid, ['--nproc=1:']);
    for (const name of ['a', 'b']) kill(before.get(name));
    await until(
      'both to be told as not well',
      async () => (await fleet.agents()).filter(({ status }) => !status.ready).length >= 2,
      DEADLINE_MS,
    );
    // It goes on answering, and nobody else is touched.
    const { results } = await fleet.client.apply({
      source: { kind: 'apply', name: 'cli' },
      items: manifests(fleet, ['e'], { suspend: true }).map((manifest) => ({ origin: 'test:e', manifest })),
    });
    expect(results.map(({ action }) => action)).toEqual(['created']);
    expect(mains(fleet)).toEqual(['c', 'd'].map((name) => `${fleet.fleetId}.${name}`));
    for (const [i, pid] of limited.entries()) prlimit(pid, [`--nproc=${allowed[i]}:`]);
    await fleet.client.remove('e');
    const after = await pids(fleet, 4);
    expect(['c', 'd'].map((name) => after.get(name))).toEqual(['c', 'd'].map((name) => before.get(name)));
    expect([fleet.starts, fleet.findings]).toEqual([1, []]);
    await diaryIs(fleet, [
      'a was created 2 times',
      'b was created 2 times',
      'c was created 1 times',
      'd was created 1 times',
    ]);
  });
});

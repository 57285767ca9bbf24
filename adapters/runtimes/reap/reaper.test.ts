import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FleetId, instanceId } from '../../../api/resources/names.ts';
import { createLocalTransport } from '../../transport/local/local-transport.ts';
import type { Transport } from '../../transport/transport.ts';
import { Reaper } from './reaper.ts';

const fleet = randomBytes(4).toString('hex') as FleetId;
const web = instanceId(fleet, 'web');
const started: ChildProcess[] = [];
let dir: string;
let reaper: Reaper;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-reap-'));
  reaper = new Reaper(createLocalTransport(process.env), fleet);
});
afterEach(async () => {
  await reaper.kill(({ id }) => id.startsWith(`${fleet}.`));
  for (const child of started.splice(0)) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

const begin = (id: string, incarnation: number, script: string): ChildProcess => {
  const child = spawn('sh', ['-c', script], {
    cwd: dir,
    detached: true,
    stdio: 'ignore',
    env: { PATH: process.env['PATH'] ?? '', SAC_ID: id, SAC_INCARNATION: String(incarnation) },
  });
  started.push(child);
  return child;
};
const isAlive = (pid: number): boolean => {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
async function until(what: string, ask: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !ask(); ) {
    if (Date.now() > end) throw new Error(`did not happen: ${what}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}
/** Each process of the tree writes its pid to a file of its own. */
const pids = async (count: number): Promise<number[]> => {
  const read = () =>
    readdirSync(dir)
      .filter((name) => name.endsWith('.pid'))
      .map((name) => Number(readFileSync(join(dir, name), 'utf8')))
      .filter((pid) => pid > 0);
  await until(`${count} processes run`, () => read().length === count);
  return read();
};
const note = (name: string) => `echo $$ > ${name}.pid`;

/** setsid'ed, double-forked, with an empty environment, ignoring TERM: what agents leave behind. */
const TREE = `
${note('root')}
setsid sh -c '${note('own-session')}; exec sleep 1000' &
(setsid sh -c '${note('orphan')}; exec sleep 1000' &)
env -i "PATH=$PATH" sh -c '${note('no-environment')}; sleep 1000' &
(env -i "PATH=$PATH" sh -c '${note('orphan-without-environment')}; exec sleep 1000' &)
sh -c 'trap "" TERM; ${note('stubborn')}; while :; do sleep 1000; done' &
wait
`;

describe('the reaper', () => {
  it('kills all that an incarnation spawned, and nobody else', async () => {
    const other = [
      begin(instanceId(fleet, 'web-1'), 1, 'exec sleep 1000'),
      begin(web, 2, 'exec sleep 1000'),
      begin(`${fleet}x.web`, 1, 'exec sleep 1000'),
    ];
    begin(web, 1, TREE);
    const tree = await pids(6);
    expect(await reaper.reap(web, 1)).toBeGreaterThanOrEqual(6);
    await until('the tree is gone', () => !tree.some(isAlive));
    for (const { pid } of other) expect(isAlive(pid ?? 0)).toBe(true);
    expect(await reaper.reap(web, 1)).toBe(0);
  });

  it('asks all of them with TERM, once', async () => {
    begin(
      web,
      1,
      `sh -c 'trap "echo asked >> asked" TERM; ${note('child')}; while :; do sleep 0.01; done' & ${note('root')}; wait`,
    );
    const tree = await pids(2);
    await reaper.term(web, 1);
    await until(
      'it was asked',
      () => readdirSync(dir).includes('asked') && readFileSync(join(dir, 'asked'), 'utf8') !== '',
    );
    expect(readFileSync(join(dir, 'asked'), 'utf8')).toBe('asked\n');
    expect(tree.filter(isAlive).length).toBe(1);
  });

  it('is not fooled by a value that looks like entries of another process', async () => {
    const victim = spawn('sleep', ['1000'], { stdio: 'ignore' });
    started.push(victim);
    begin(web, 1, 'exec sleep 1000');
    const forged = spawn('sleep', ['1000'], {
      stdio: 'ignore',
      env: {
        PATH: process.env['PATH'] ?? '',
        SAC_ID: `${web}\n${victim.pid}/environ:SAC_ID=${web}`,
        SAC_INCARNATION: `1\n${victim.pid}/environ:SAC_INCARNATION=1`,
      },
    });
    started.push(forged);
    expect(await reaper.reap(web, 1)).toBe(1);
    expect(isAlive(victim.pid ?? 0)).toBe(true);
    expect(isAlive(forged.pid ?? 0)).toBe(true);
  });

  it('asks who belongs to whom only when something is to be ended', async () => {
    const local = createLocalTransport(process.env);
    const looks: (string | undefined)[] = [];
    const counting: Transport = {
      ...local,
      run: (argv, options) => {
        if (argv[3] === 'sac-scan') looks.push(argv[5]);
        return local.run(argv, options);
      },
    };
    const counted = new Reaper(counting, fleet);
    begin(web, 1, `${note('root')}; exec sleep 1000`);
    const [pid = 0] = await pids(1);
    expect(await counted.sweep(new Map([[web, 0]]))).toBe(0);
    expect(looks).toEqual(['marks']);
    expect(await counted.sweep(new Map([[web, 1]]))).toBe(1);
    expect(isAlive(pid)).toBe(false);
    expect(looks).toEqual(['marks', 'marks', 'all', 'marks']);
  });

  it('shares one look among those who ask at once', async () => {
    const looks = await Promise.all([reaper.scan(), reaper.scan(), reaper.scan()]);
    expect(new Set(looks).size).toBe(1);
  });
});

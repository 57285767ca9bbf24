/** The disk that a real controller's home lies on: full, read-only before it starts, and read-only under it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { execManifest, run, until } from '../harness.ts';
import { isSettled } from './plans/scenario.ts';
import { apply, DEADLINE_MS, diaryIs, kill, mains, pids, Stage, settled, spec } from './stage.ts';
import type { SupervisedFleet } from './supervised-fleet.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.build();
});
afterEach(() => stage.clear());

/** Says something all the time, and counts in a file on another disk how often. */
const TALKS = ['sh', '-c', 'while :; do echo a word; echo "$SAC_AGENT" >> "$LIFE_DIR/turns"; sleep 0.2; done'];
const turnsOf = (fleet: SupervisedFleet, name: string): number =>
  readFileSync(join(fleet.life, 'turns'), 'utf8').split(`${name}\n`).length - 1;

/** Two that are silent and two that talk, in a home on a disk of its own; the controller's log lies there too where `log` says so. */
async function onOwnDisk({ log }: { readonly log: boolean }): Promise<SupervisedFleet> {
  const fleet = stage.start();
  await apply(fleet, ['a', 'b']);
  await apply(fleet, ['c', 'd'], { command: TALKS });
  await settled(fleet, 4);
  await fleet.stop('SIGKILL');
  const [copy, image] = [join(fleet.dir, 'copy'), join(fleet.dir, 'image')];
  execFileSync('cp', ['-a', fleet.home, copy]);
  execFileSync('mkfs.ext4', ['-q', '-O', '^has_journal', image, '64M']);
  stage.mount(['-o', 'loop,errors=remount-ro', image, fleet.home]);
  chmodSync(fleet.home, 0o700);
  execFileSync('cp', ['-a', `${copy}/.`, fleet.home]);
  if (log) {
    rmSync(fleet.log);
    symlinkSync(join(fleet.home, 'controller.log'), fleet.log);
  }
  fleet.again();
  return fleet;
}

/**
 * Also for files that are open, and for root, which permissions do not keep out; a mount is read-only only once nobody writes.
 * Folders first: then no file comes or goes while the files have their turn.
 */
function immutable(fleet: SupervisedFleet, how: '+i' | '-i'): void {
  for (const type of ['d', 'f']) execFileSync('find', [fleet.home, '-type', type, '-exec', 'chattr', how, '{}', '+']);
}

/** What is asked for meanwhile is refused with the reason, nothing of it is shown, and nobody is lost. */
async function refusesAll(fleet: SupervisedFleet, before: ReadonlyMap<string, number | undefined>): Promise<void> {
  const lost = before.get('a');
  kill(lost);
  const { code, stdout, stderr } = await fleet.sac(['apply', '-f', '-'], {
    stdin: execManifest('new', ['sleep', '1000']),
  });
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(
    /sac\.db cannot be written to \(SQLITE_\w+\), so nothing was changed; is its disk full or mounted read-only\?/,
  );
  const deleted = await fleet.client.remove('b').catch((error: unknown) => error);
  expect(String(deleted)).toContain('cannot be written to');
  await until(
    'that to be told',
    async () => /cannot be written to/.test((await fleet.client.ready()).detail),
    DEADLINE_MS,
  );
  expect((await fleet.client.ready()).ok).toBe(false);
  const told = await fleet.agents();
  expect(told.map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c', 'd']);
  expect(told.every(({ metadata }) => metadata.deletionTimestamp === undefined)).toBe(true);
  // Who talks is not ended by what cannot be kept of it.
  for (const name of ['c', 'd']) {
    const from = turnsOf(fleet, name);
    await until(`${name} to go on`, () => turnsOf(fleet, name) > from + 5, DEADLINE_MS);
  }
  for (const name of ['b', 'c', 'd']) expect(() => process.kill(before.get(name) ?? 0, 0)).not.toThrow();
  expect(mains(fleet)).toEqual([`${fleet.fleetId}.b`]);
}

const isBack = (fleet: SupervisedFleet, before: ReadonlyMap<string, number | undefined>) =>
  until(
    'a to be back',
    async () => {
      const a = (await fleet.agents()).find(({ metadata }) => metadata.name === 'a');
      return a && isSettled(a) && a.status.instances[0]?.pid !== before.get('a');
    },
    DEADLINE_MS,
  );

/** What was lost meanwhile is served, the others are as they were, and what is asked for is done. */
async function goesOn(fleet: SupervisedFleet, before: ReadonlyMap<string, number | undefined>): Promise<void> {
  await isBack(fleet, before);
  await apply(fleet, ['a', 'b', 'e']);
  const after = await pids(fleet, 5);
  for (const name of ['b', 'c', 'd']) expect([name, after.get(name)]).toEqual([name, before.get(name)]);
  await until('it to be ready', async () => (await fleet.client.ready()).ok, DEADLINE_MS);
}

describe('the disk', () => {
  it('that is full costs no agent; what was asked is told as an error, and works once it is mended', async () => {
    const fleet = stage.start();
    await apply(fleet, ['a', 'b']);
    const before = await pids(fleet, 2);
    await fleet.stop('SIGKILL');
    // The same files on a small disk of their own.
    const copy = join(fleet.dir, 'copy');
    execFileSync('cp', ['-a', fleet.home, copy]);
    stage.mount(['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'sac-e2e', fleet.home]);
    execFileSync('cp', ['-a', `${copy}/.`, fleet.home]);
    fleet.again();
    expect(await pids(fleet, 2)).toEqual(before);
    const filler = join(fleet.home, 'filler');
    // It ends with an error when nothing fits any more.
    await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k'], { env: fleet.env, cwd: fleet.dir });
    const refused = await fleet.client
      .apply({
        source: { kind: 'apply', name: 'cli' },
        items: Array.from({ length: 50 }, (_, i) => ({
          origin: `test:c${i}`,
          manifest: {
            apiVersion: 'sac/v1' as const,
            kind: 'Agent' as const,
            metadata: { name: `c${i}`, annotations: { long: 'x'.repeat(10_000) } },
            spec: { ...spec(fleet, 'process'), suspend: true },
          },
        })),
      })
      .then(
        ({ errors }) => errors.length,
        () => 50,
      );
    expect(refused).toBeGreaterThan(0);
    rmSync(filler);
    kill(before.get('a'));
    await apply(fleet, ['a', 'b']);
    await isBack(fleet, before);
    await diaryIs(fleet, ['a was created 2 times', 'b was created 1 times']);
  });

  it('that is read-only keeps a controller from starting, with a clear word, and costs no agent', async () => {
    const fleet = stage.start();
    await apply(fleet, ['a', 'b']);
    const before = await pids(fleet, 2);
    await fleet.stop('SIGKILL');
    stage.mount(['--bind', fleet.home, fleet.home]);
    execFileSync('mount', ['-o', 'remount,ro,bind', fleet.home]);
    fleet.again();
    await until('the controller to give up', () => fleet.findings.length > 0, DEADLINE_MS);
    expect(fleet.findings.splice(0).join()).toMatch(/sac controller: \S+ cannot be written to \(EROFS\)[^\n]*\n$/);
    expect(mains(fleet)).toHaveLength(2);
    stage.unmount(fleet.home);
    fleet.again();
    expect(await pids(fleet, 2)).toEqual(before);
  });

  it('that takes nothing under a running controller costs no agent; nothing is told as done, and it goes on afterwards', async () => {
    const fleet = await onOwnDisk({ log: true });
    const before = await pids(fleet, 4);
    const { starts } = fleet;
    immutable(fleet, '+i');
    try {
      await refusesAll(fleet, before);
    } finally {
      immutable(fleet, '-i');
    }
    await goesOn(fleet, before);
    expect(fleet.starts).toBe(starts);
    await diaryIs(fleet, ['a was created 2 times', 'b was created 1 times', 'e was created 1 times']);
    const log = readFileSync(fleet.log, 'utf8');
    expect(log).toContain('lines could not be written');
    expect(log).toContain('the home can be written to again');
  });

  it('that the kernel makes read-only costs no agent either, and the next one goes on where the disk was replaced', async () => {
    const fleet = await onOwnDisk({ log: false });
    const before = await pids(fleet, 4);
    const device = execFileSync('findmnt', ['-no', 'SOURCE', fleet.home], { encoding: 'utf8' }).trim();
    // As for an error that it finds in the file system: `errors=remount-ro`.
    writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, 'test\n');
    await refusesAll(fleet, before);
    expect(readFileSync(fleet.log, 'utf8')).toContain('the home cannot be written to');
    const mended = join(fleet.dir, 'mended');
    execFileSync('cp', ['-a', fleet.home, mended]);
    stage.unmount(fleet.home);
    rmSync(fleet.home, { recursive: true });
    renameSync(mended, fleet.home);
    // The file it holds open is not the one that lies there; the next command starts it anew.
    await until('the controller to give up', () => fleet.findings.length > 0, DEADLINE_MS);
    expect(fleet.findings.splice(0).join()).toContain('was replaced while in use; the controller must start anew');
    fleet.again();
    await goesOn(fleet, before);
    await diaryIs(fleet, ['a was created 2 times', 'b was created 1 times', 'e was created 1 times']);
  });
});

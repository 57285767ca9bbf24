/** One fault at a time, of the machine around a real controller: clock, database, tmux, reboot. For the disk see disk.test.ts. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../harness.ts';
import { readJournal } from './controller/injector.ts';
import { factsOf } from './plans/world.ts';
import { apply, DEADLINE_MS, diaryIs, kill, looks, mains, pids, Stage, settled } from './stage.ts';
import type { SupervisedFleet } from './supervised-fleet.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.build();
});
afterEach(() => stage.clear());

describe('a start that is carried out long after its time', () => {
  it('is ended, when what it starts was deleted meanwhile', async () => {
    const names = ['a', 'b'];
    const faults = names.map((name) => ({ point: `start/${name}/0`, kind: 'done-late' as const }));
    const fleet = stage.start({ orders: { faults, lateMs: 5_000, runtimes: ['tmux', 'process'] } });
    await apply(fleet, names);
    await settled(fleet, 2);
    for (const name of names) await fleet.ask('delete', (client) => client.remove(name));
    await settled(fleet, 0);
    const late = () => readJournal(fleet.journal).filter(({ what }) => what === 'late').length;
    await until('both starts to be carried out', () => late() === 2, DEADLINE_MS);
    await until('nothing to be left', async () => (await left(fleet)).length === 0, DEADLINE_MS).catch(() => undefined);
    expect(await left(fleet)).toEqual([]);
    expect(await fleet.agents()).toEqual([]);
  });
});

/** What a start makes, in the world. */
const left = async (fleet: SupervisedFleet) =>
  (await factsOf(fleet, [])).filter((fact) =>
    /^(?:process|session [ab]|file run\/(?:launch|process)\/[ab]\b)/.test(fact),
  );

describe('the clock', () => {
  it.each([
    ['an hour ahead', 3_600_000],
    ['an hour back', -3_600_000],
  ])('that jumps %s restarts nobody, and what dies or is edited is served all the same', async (_, ahead) => {
    const fleet = stage.start({ orders: { clock: 'clock' } });
    const clock = join(fleet.dir, 'clock');
    const names = ['a', 'b'];
    await apply(fleet, names);
    const before = await pids(fleet, 2);
    for (const offset of [ahead, 0]) {
      writeFileSync(clock, `${offset}`);
      await looks(fleet, 2);
    }
    expect(await pids(fleet, 2)).toEqual(before);
    writeFileSync(clock, `${ahead}`);
    for (const name of names) kill(before.get(name));
    const revived = await until(
      'both to be back',
      async () => {
        const now = await pids(fleet, 2);
        return names.every((name) => now.get(name) !== before.get(name)) ? now : undefined;
      },
      DEADLINE_MS,
    );
    // One that is asked before it has begun leaves without a word.
    await diaryIs(
      fleet,
      names.map((name) => `${name} was created 2 times`),
    );
    writeFileSync(clock, '0');
    await apply(fleet, names, { env: { MORE: '1' } });
    await until(
      'both to run anew',
      async () => {
        const now = await pids(fleet, 2);
        return names.every((name) => now.get(name) !== revived.get(name));
      },
      DEADLINE_MS,
    );
    await looks(fleet, 2);
    await diaryIs(
      fleet,
      names.flatMap((name) => [`${name} was asked to leave 1 times`, `${name} was created 3 times`]),
    );
  });
});

describe('the database', () => {
  it.each(['deleted', 'corrupt'])('that is %s while the controller is down costs no agent', async (how) => {
    const fleet = stage.start();
    await apply(fleet, ['a', 'b']);
    const before = await pids(fleet, 2);
    await fleet.stop('SIGKILL');
    const path = join(fleet.home, 'sac.db');
    for (const suffix of ['-wal', '-shm', ...(how === 'deleted' ? [''] : [])])
      rmSync(`${path}${suffix}`, { force: true });
    if (how === 'corrupt') writeFileSync(path, 'this is no database'.repeat(1_000));
    fleet.again();
    await apply(fleet, ['a', 'b']);
    expect(await pids(fleet, 2)).toEqual(before);
    await diaryIs(fleet, ['a was created 1 times', 'b was created 1 times']);
  });

  it('that is deleted under a running controller costs no agent: it goes on, and so does the next one', async () => {
    const fleet = stage.start();
    await apply(fleet, ['a', 'b']);
    const before = await pids(fleet, 2);
    await diaryIs(fleet, ['a was created 1 times', 'b was created 1 times']);
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(fleet.home, `sac.db${suffix}`), { force: true });
    kill(before.get('a'));
    const revived = await until(
      'a to be back',
      async () => {
        const now = await pids(fleet, 2);
        return now.get('a') !== before.get('a') ? now : undefined;
      },
      DEADLINE_MS,
    );
    expect(fleet.starts).toBe(1);
    await fleet.stop('SIGKILL');
    fleet.again();
    await apply(fleet, ['a', 'b']);
    expect(await pids(fleet, 2)).toEqual(revived);
    await diaryIs(fleet, ['a was created 2 times', 'b was created 1 times']);
  });
});

describe('tmux', () => {
  it('that does not answer for a while is not taken for empty: nobody is started or restarted', async () => {
    const fleet = stage.start();
    await apply(fleet, ['a', 'b', 'c']);
    const before = await pids(fleet, 3);
    const server = Number((await fleet.tmux(['display-message', '-p', '#{pid}'])).stdout);
    process.kill(server, 'SIGSTOP');
    try {
      await until(
        'the frozen place to be told',
        async () =>
          (await fleet.agents()).some(({ status }) => status.instances.some(({ phase }) => phase === 'Unknown')),
        DEADLINE_MS,
      );
      // The other place is served meanwhile.
      kill(before.get('b'));
      await until(
        'b to be back',
        async () => {
          const pid = (await fleet.client.get('agents', 'b')).status.instances[0]?.pid;
          return pid !== undefined && pid !== before.get('b');
        },
        DEADLINE_MS,
      );
    } finally {
      process.kill(server, 'SIGCONT');
    }
    const after = await pids(fleet, 3);
    expect([after.get('a'), after.get('c')]).toEqual([before.get('a'), before.get('c')]);
    await diaryIs(fleet, ['a was created 1 times', 'b was created 2 times', 'c was created 1 times']);
  });
});

describe('a reboot', () => {
  it('kills everything at once; all fifty agents are back, each once', async () => {
    const fleet = stage.start({ flags: ['--resync', '10m'] });
    const names = Array.from({ length: 50 }, (_, i) => `a${String(i).padStart(2, '0')}`);
    await apply(fleet, names);
    await pids(fleet, 50);
    const server = Number((await fleet.tmux(['display-message', '-p', '#{pid}'])).stdout);
    await fleet.stop('SIGKILL');
    process.kill(server, 'SIGKILL');
    for (const pid of fleet.marked()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Took its parent's end as its own.
      }
    }
    await until('nothing to live', () => mains(fleet).length === 0);
    rmSync(join(fleet.home, 'run'), { recursive: true });
    fleet.again();
    await until('all to live again', () => mains(fleet).length >= 50, DEADLINE_MS);
    await settled(fleet, 50);
    expect(mains(fleet)).toEqual(names.map((name) => `${fleet.fleetId}.${name}`));
    await diaryIs(
      fleet,
      names.map((name) => `${name} was created 2 times`),
    );
  });
});

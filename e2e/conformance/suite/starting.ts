/**
 * Owns: what every runtime must do as an agent is started, found again, ends by itself and is replaced.
 * Never: knows how a runtime does it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { InstanceId } from '../../../api/resources/names.ts';
import { until } from '../../harness.ts';
import { afterPutting, HASH, type Stage } from './stage.ts';

export function startingTests(on: Stage): void {
  const { fresh, open, idOf, launch, see, settled, ended, lines, pidsWith, dir, launches } = on;
  const { wrapped = false } = on.place;

  it('lists nothing where nothing was started, and starts nothing by looking', async () => {
    const { runtime } = fresh();
    expect((await runtime.probe(on.transport)).available).toBe(true);
    expect(await runtime.list(on.transport)).toEqual([]);
  });

  it('starts an agent once, however often it is told to', async () => {
    const { context, runtime } = fresh();
    await Promise.all([
      runtime.start(on.transport, launch(context, ['sleep', '1000'])),
      runtime.start(on.transport, launch(context, ['sleep', '1000'])),
    ]);
    await runtime.start(on.transport, launch(context, ['sleep', '1000'], { incarnation: 2_000 }));
    const seen = await settled(runtime);
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ id: idOf(context), incarnation: 1_000, launchHash: HASH, state: 'running' });
    const agents = await until('the agent', () => {
      const found = pidsWith(`SAC_ID=${idOf(context)}`).filter((pid) =>
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep'),
      );
      return found.length > 0 ? found : undefined;
    });
    if (wrapped) expect(agents).toHaveLength(1);
    else expect(agents).toEqual([seen[0]?.pid]);
  });

  it('is found again by a controller that knows nothing', async () => {
    const { context, runtime } = fresh();
    await runtime.start(on.transport, launch(context, ['sleep', '1000']));
    const before = (await settled(runtime)).find(({ id }) => id === idOf(context));
    expect(before?.state).toBe('running');
    const { runtime: second } = open(context);
    expect(await see(second, idOf(context))).toEqual(before);
  });

  it('tells of some what it tells of all, and nothing of who is not there', async () => {
    const { context, runtime } = fresh();
    await runtime.start(on.transport, launch(context, ['sleep', '1000']));
    await runtime.start(on.transport, launch(context, ['sh', '-c', 'exit 3'], { agent: 'done' }));
    await ended(runtime, idOf(context, 'done'));
    await settled(runtime);
    const all = await runtime.list(on.transport);
    const [web, done, nobody] = ['web', 'done', 'nobody'].map((agent) => idOf(context, agent));
    for (const asked of [[web], [done], [nobody], [done, nobody, web]] as InstanceId[][]) {
      const told = await runtime.list(on.transport, asked);
      for (const id of asked) expect(told.filter((one) => one.id === id)).toEqual(all.filter((one) => one.id === id));
    }
  });

  it('refuses to start another launch over a living one', async () => {
    const { context, runtime } = fresh();
    await runtime.start(on.transport, launch(context, ['sleep', '1000']));
    await expect(
      runtime.start(on.transport, launch(context, ['sleep', '999'], { launchHash: 'fff', incarnation: 2_000 })),
    ).rejects.toThrow(/another launch/);
    expect((await see(runtime, idOf(context)))?.incarnation).toBe(1_000);
  });

  it.each([
    ['an exit code', ['sh', '-c', 'exit 3'], { code: 3 }],
    ['success', ['true'], { code: 0 }],
    ['a program that is missing', ['/no/such/program'], { code: 127 }],
    ['a signal', ['sh', '-c', 'kill -9 $$'], { signal: 'SIGKILL' }],
  ])('keeps the corpse and tells %s', async (_what, argv, exit) => {
    const { context, runtime } = fresh();
    await runtime.start(on.transport, launch(context, argv));
    expect((await ended(runtime, idOf(context))).exit).toMatchObject(exit);
  });

  it('pushes a death', async () => {
    const { context, runtime } = fresh();
    const [first, second] = [idOf(context, 'web'), idOf(context, 'second')];
    for (const agent of ['web', 'second'])
      await runtime.start(on.transport, launch(context, ['sleep', '1000'], { agent }));
    const hints: (InstanceId | 'all')[] = [];
    using _ = runtime.watch?.(on.transport, (hint) => hints.push(hint));
    const die = async (id: InstanceId) => {
      const { pid } = await until(`the process of ${id}`, async () => {
        const seen = await see(runtime, id);
        return seen?.pid === undefined ? undefined : { pid: seen.pid };
      });
      process.kill(pid, 'SIGKILL');
    };
    // "all" too: a watch may take up its work only now.
    await die(first);
    await until('a hint', () => hints.includes(first) || hints.includes('all'));
    await die(second);
    await until('a hint of it by name', () => hints.includes(second));
    for (const id of [first, second]) expect((await ended(runtime, id)).exit).toMatchObject({ signal: 'SIGKILL' });
  });

  // The agent lingers a moment: tmux 3.3a loses the output of about one in thirty that exit as they print.
  it('replaces a corpse, and keeps what the run before printed', async () => {
    const { context, runtime } = fresh();
    await runtime.start(on.transport, launch(context, ['sh', '-c', 'echo first run; sleep 0.2; exit 1']));
    await ended(runtime, idOf(context));
    expect(await lines(runtime, idOf(context))).toContain('first run');
    await runtime.start(
      on.transport,
      launch(context, ['sh', '-c', 'echo second run; sleep 1000'], { incarnation: 2_000 }),
    );
    await until('output', async () => (await lines(runtime, idOf(context))).includes('second run'));
    expect(await see(runtime, idOf(context))).toMatchObject({ incarnation: 2_000, state: 'running' });
    expect(await lines(runtime, idOf(context), true)).toContain('first run');
  });

  it('does not start again what has ended: an order that comes late is no new start', async () => {
    const { context, runtime } = fresh();
    const ran = join(dir, `ran-${context.fleet}`);
    const once = launch(context, ['sh', '-c', `echo run >> ${ran}; exit 1`]);
    await runtime.start(on.transport, once);
    await ended(runtime, idOf(context));
    await runtime.start(on.transport, once);
    await runtime.start(on.transport, { ...once, incarnation: 999 });
    expect((await see(runtime, idOf(context)))?.incarnation).toBe(1_000);
    expect(readFileSync(ran, 'utf8')).toBe('run\n');
  });

  it('is not changed by an order that comes late, in the moment in which its successor is started', async () => {
    const { context, runtime } = fresh();
    const first = launch(context, ['sh', '-c', 'echo first; exit 1']);
    await runtime.start(on.transport, first);
    await ended(runtime, idOf(context));
    const { runtime: successor } = open(context);
    let late = 0;
    const held = afterPutting(on.transport, async () => {
      late++;
      await runtime.start(on.transport, first);
    });
    const second = ['sh', '-c', 'echo "this is $SAC_INCARNATION"; sleep 1000'];
    await successor.start(held, launch(context, second, { incarnation: 2_000 }));
    expect(late).toBeGreaterThan(0);
    await until('output', async () => (await lines(runtime, idOf(context))).includes('this is 2000'));
    expect(await see(runtime, idOf(context))).toMatchObject({ incarnation: 2_000, state: 'running' });
    await runtime.sweep(on.transport, new Map([[idOf(context), 1_000]]));
    expect(readdirSync(launches(context))).toEqual(['web.2000.sh']);
  });
}

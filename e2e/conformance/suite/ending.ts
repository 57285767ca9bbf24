/**
 * Owns: what every runtime must do as an agent is asked to leave, forced, removed, and what is spared.
 * Never: knows how a runtime does it.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { until } from '../../harness.ts';
import type { Stage } from './stage.ts';

export function endingTests(on: Stage): void {
  const { fresh, idOf, launch, see, settled, ended, lines, pidsWith, launches } = on;
  const { place } = on;
  const { occupy, isOccupied, contained = false } = on.place;

  it('asks to leave, then forces, and spares a newer incarnation', async () => {
    const { context, runtime } = fresh();
    const stubborn = ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done'];
    await runtime.start(on.transport, launch(context, stubborn, { incarnation: 2_000 }));
    await until('the trap', async () => (await lines(runtime, idOf(context))).includes('ready'));
    await runtime.signal(on.transport, idOf(context), 1_000, 'kill');
    await runtime.signal(on.transport, idOf(context), 2_000, 'term');
    expect((await see(runtime, idOf(context)))?.state).toBe('running');
    await runtime.signal(on.transport, idOf(context), 2_000, 'kill');
    expect((await ended(runtime, idOf(context))).exit).toMatchObject({ signal: 'SIGKILL' });
  });

  it('lets a polite agent leave by itself', async () => {
    const { context, runtime } = fresh();
    await runtime.start(
      on.transport,
      launch(context, ['sh', '-c', 'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done']),
    );
    await until('the trap', async () => (await lines(runtime, idOf(context))).includes('ready'));
    await runtime.signal(on.transport, idOf(context), 1_000, 'term');
    expect((await ended(runtime, idOf(context))).exit).toMatchObject({ code: 7 });
  });

  it('ends what the agent spawned, also with setsid, a double fork and a cleared environment', async () => {
    const { context, runtime } = fresh();
    const mark = `SAC_ID=${idOf(context)}`;
    await runtime.start(
      on.transport,
      launch(context, [
        'sh',
        '-c',
        'setsid sh -c "sleep 997 & sleep 998" & (setsid sleep 996 &) ; env -i setsid sleep 995 & echo ready; sleep 1000',
      ]),
    );
    await until(
      'the family',
      async () => (await lines(runtime, idOf(context))).includes('ready') && pidsWith(mark).length >= 4,
    );
    await runtime.signal(on.transport, idOf(context), 1_000, 'kill');
    await until(
      'all of it to be gone',
      () => pidsWith(mark).length === 0 && (place.holds?.(context) ?? []).length === 0,
    );
    await ended(runtime, idOf(context));
    await runtime.remove(on.transport, idOf(context), 1_000);
    expect(await runtime.list(on.transport)).toEqual([]);
  });

  it('removes a corpse whole, and nothing that lives', async () => {
    const { context, runtime } = fresh();
    await runtime.start(on.transport, launch(context, ['sleep', '1000']));
    await settled(runtime);
    await runtime.remove(on.transport, idOf(context), 1_000);
    expect((await see(runtime, idOf(context)))?.state).toBe('running');
    await runtime.signal(on.transport, idOf(context), 1_000, 'kill');
    await ended(runtime, idOf(context));
    await runtime.remove(on.transport, idOf(context), 999);
    expect(await runtime.list(on.transport)).toHaveLength(1);
    await runtime.remove(on.transport, idOf(context), 1_000);
    await runtime.remove(on.transport, idOf(context), 1_000);
    expect(await runtime.list(on.transport)).toEqual([]);
    expect(readdirSync(launches(context))).toEqual([]);
  });

  it('leaves foreign things alone', async () => {
    const { context, runtime } = fresh();
    occupy(context, 'web');
    expect(await runtime.list(on.transport)).toEqual([]);
    await expect(runtime.start(on.transport, launch(context, ['sleep', '1000']))).rejects.toThrow(/not sac's/);
    await runtime.signal(on.transport, idOf(context), 1_000, 'kill');
    await runtime.remove(on.transport, idOf(context), 1_000);
    expect(isOccupied(context, 'web')).toBe(true);
  });

  it('sweeps leftovers of what is known to be over, and nothing else', async () => {
    const { context, runtime } = fresh();
    await runtime.start(on.transport, launch(context, ['sleep', '1000'], { incarnation: 2_000 }));
    await settled(runtime);
    const leftover = spawn('sleep', ['1000'], {
      env: { PATH: process.env['PATH'], SAC_ID: idOf(context), SAC_INCARNATION: '1000' },
      stdio: 'ignore',
    });
    const stranger = spawn('sleep', ['1000'], {
      env: { PATH: process.env['PATH'], SAC_ID: `${context.fleet}.other`, SAC_INCARNATION: '1000' },
      stdio: 'ignore',
    });
    await until(
      'both',
      () =>
        leftover.pid !== undefined &&
        stranger.pid !== undefined &&
        pidsWith(`SAC_ID=${context.fleet}.other`).length === 1,
    );
    expect(await runtime.sweep(on.transport, new Map([[idOf(context), 1_000]]))).toBe(contained ? 0 : 1);
    if (contained) leftover.kill('SIGKILL');
    await until('the leftover to end', () => leftover.signalCode === 'SIGKILL');
    expect(stranger.exitCode ?? stranger.signalCode).toBe(null);
    expect((await see(runtime, idOf(context)))?.state).toBe('running');
    stranger.kill('SIGKILL');
  });
}

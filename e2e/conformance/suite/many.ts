/**
 * Owns: what every runtime must hold: a hundred agents, in every place, by every way.
 * Never: knows how a runtime does it.
 */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { InstanceId } from '../../../api/resources/names.ts';
import { until } from '../../harness.ts';
import type { Stage } from './stage.ts';

/** So many of them die by themselves, one to four at a moment. */
const MOST_DEATHS = 30;

export function manyTests(on: Stage): void {
  const { fresh, idOf, launch, settled, pidsWithin, launches } = on;
  const { atOnce = 100 } = on.place;
  const deaths = Math.min(atOnce, MOST_DEATHS);

  it(`holds ${atOnce} at once, pushes every one of many deaths, also of those that come together, and leaves nothing`, async () => {
    const { context, runtime } = fresh();
    const names = Array.from({ length: atOnce }, (_, i) => `a${i}`);
    const ids = names.map((agent) => idOf(context, agent));
    await Promise.all(names.map((agent) => runtime.start(on.transport, launch(context, ['sleep', '1000'], { agent }))));
    const running = (await settled(runtime)).filter(({ state }) => state === 'running');
    expect(running.map(({ session }) => session).sort()).toEqual([...names].sort());

    const killed = new Set<InstanceId>();
    const told = new Set<InstanceId>();
    using _ = runtime.watch?.(on.transport, (hint) => {
      // "all", with which a watch takes up its work, tells of those alone that were dead by then.
      for (const id of hint === 'all' ? killed : [hint]) told.add(id);
    });
    const pids = await until('all to be told', async () => {
      const seen = new Map((await runtime.list(on.transport)).map(({ id, pid }) => [id, pid]));
      return ids.every((id) => seen.get(id)) ? seen : undefined;
    });
    for (let next = 0; next < deaths; ) {
      const together = ids.slice(next, Math.min(deaths, next + 1 + (next % 4)));
      for (const id of together) {
        killed.add(id);
        told.delete(id);
        process.kill(pids.get(id) ?? 0, 'SIGKILL');
      }
      await until(`hints of ${together}`, () => together.every((id) => told.has(id)));
      next += together.length;
    }

    await Promise.all(ids.map((id) => runtime.signal(on.transport, id, 1_000, 'kill')));
    await until(
      'all to end',
      async () => (await runtime.list(on.transport)).every(({ state }) => state === 'exited'),
      120_000,
    );
    await Promise.all(ids.map((id) => runtime.remove(on.transport, id, 1_000)));
    expect(await runtime.list(on.transport)).toEqual([]);
    expect(readdirSync(launches(context))).toEqual([]);
    expect(pidsWithin(context)).toEqual([]);
  });
}

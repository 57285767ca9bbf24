/**
 * Owns: a real runtime with a journal of what is done to the world through it, and the faults of a plan carried out.
 * Never: does an effect itself.
 */
import type { Runtime, Sighting } from '../../../adapters/runtimes/runtime.ts';
import { TransportError } from '../../../adapters/transport/transport.ts';
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';
import type { EffectName, Kind, PointKey } from '../plans/plan.ts';
import type { Injector } from './injector.ts';
import type { PlantedBug } from './orders.ts';

export interface Faulty {
  readonly injector: Injector;
  /** Names of instances whose leftovers a sweep is expected to find. */
  readonly sweeps: ReadonlySet<string>;
  readonly bug: PlantedBug | undefined;
  /** What a caller that waits for a late reply is told, after how long; and how much later still a late effect is done. */
  readonly timeoutMs: DurationMs;
  readonly lateMs: DurationMs;
}

const BLIND_MS = 3_000;

export function faultyRuntime(inner: Runtime & AsyncDisposable, faulty: Faulty): Runtime & AsyncDisposable {
  const { injector, sweeps, bug, timeoutMs, lateMs } = faulty;
  const bornAt = performance.now();
  /** As the last looks showed it. */
  const seen = new Map<InstanceId, Sighting>();
  /** What the next look is to show instead. */
  const old = new Map<InstanceId, Sighting | undefined>();
  const deaf = new Set<InstanceId>();
  const started = new Set<string>();
  /** For the bug that trusts hints: what it believes of whom it heard nothing. */
  const believed = new Map<InstanceId, Sighting>();

  const effect = async <T>(
    name: EffectName,
    id: InstanceId,
    incarnation: Instant,
    run: () => Promise<T>,
  ): Promise<T> => {
    const point = injector.begin(name, instanceNameOf(id), incarnation);
    deaf.delete(id);
    believed.delete(id);
    const before = seen.get(id);
    const kind = injector.due(point);
    if (kind === 'hint-dropped') deaf.add(id);
    try {
      const result = await withFault(kind, point, run);
      if (kind === 'stale-look') old.set(id, before);
      injector.note({ what: 'end', point, incarnation });
      return result;
    } catch (error) {
      injector.note({ what: 'end', point, incarnation, error: String(error) });
      throw error;
    }
  };

  const withFault = async <T>(kind: Kind | undefined, point: PointKey, run: () => Promise<T>): Promise<T> => {
    switch (kind) {
      case undefined:
      case 'stale-look':
      case 'hint-dropped':
        return run();
      case 'crash-before':
        return die();
      case 'crash-after':
        await run();
        return die();
      case 'reply-lost':
        await run();
        throw new TransportError('closed', 'the connection was closed before the answer came (planned)');
      case 'reply-late':
        await run();
        await pause(timeoutMs);
        throw new TransportError('timeout', `no answer within ${timeoutMs} ms (planned)`);
      case 'done-late':
        setTimeout(() => {
          const done = () => injector.note({ what: 'late', point });
          run().then(done, done);
        }, timeoutMs + lateMs);
        await pause(timeoutMs);
        throw new TransportError('timeout', `no answer within ${timeoutMs} ms (planned)`);
    }
  };

  const list: Runtime['list'] = async (t, ids) => {
    if (bug === 'blind-at-boot' && performance.now() - bornAt < BLIND_MS) return [];
    const told = [...old.keys()].filter((id) => ids === undefined || ids.includes(id));
    const sightings = await inner.list(t, ids);
    const asked = ids ?? [...seen.keys()];
    for (const id of asked) seen.delete(id);
    for (const sighting of sightings) seen.set(sighting.id, sighting);
    const shown = new Map(sightings.map((sighting) => [sighting.id, sighting]));
    for (const id of told) {
      const before = old.get(id);
      old.delete(id);
      if (before) shown.set(id, before);
      else shown.delete(id);
    }
    if (bug === 'trusts-hints') {
      for (const [id, sighting] of believed) shown.set(id, sighting);
      for (const sighting of sightings) if (sighting.state === 'running') believed.set(sighting.id, sighting);
    }
    return [...shown.values()];
  };

  return {
    ...inner,
    list,
    ...(inner.watch && {
      watch: (t, onHint) =>
        inner.watch?.(t, (id) => {
          if (id !== 'all' && deaf.has(id)) return;
          if (id === 'all') believed.clear();
          else believed.delete(id);
          onHint(id);
        }) ?? { [Symbol.dispose]: () => undefined },
    }),
    start(t, launch) {
      const key = `${launch.id}@${launch.incarnation}`;
      const again = bug === 'starts-again' && started.has(key);
      started.add(key);
      return effect('start', launch.id, launch.incarnation, () =>
        inner.start(t, again ? { ...launch, incarnation: launch.incarnation + 1 } : launch),
      );
    },
    signal: (t, id, incarnation, how) => effect(how, id, incarnation, () => inner.signal(t, id, incarnation, how)),
    remove: (t, id, incarnation) => effect('remove', id, incarnation, () => inner.remove(t, id, incarnation)),
    async sweep(t, over) {
      const sweep = () => inner.sweep(t, over);
      const expected = [...over].find(([id]) => sweeps.has(instanceNameOf(id)) && seen.has(id));
      const count = await (expected ? effect('sweep', ...expected, sweep) : sweep());
      injector.note({ what: 'swept', count });
      return count;
    },
  };
}

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
}

const pause = (ms: DurationMs): Promise<void> => new Promise((wake) => setTimeout(wake, ms));

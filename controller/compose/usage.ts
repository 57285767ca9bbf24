/**
 * Owns: joining the look at machines with the machines, places and agents there are.
 * Never: looks unasked.
 */
import type { LookAtUsage } from '../../adapters/runtimes/machine-usage.ts';
import { createUsageLook } from '../../adapters/runtimes/usage/machine-look.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import type { FleetId } from '../../api/resources/names.ts';
import type { DurationMs } from '../../api/resources/time.ts';
import type { Controller } from '../controller.ts';
import type { Machines } from '../places/machines.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import type { Store } from '../store/store.ts';
import { TokenRates } from '../usage/token-rates.ts';
import { UsageReads } from '../usage/usage-reads.ts';

export interface UsageParts {
  readonly store: Store;
  readonly controller: Controller;
  readonly machines: Machines;
  readonly fleet: FleetId;
  readonly timers: Timers;
  readonly timeoutMs: DurationMs;
}

export function createUsage(parts: UsageParts): UsageReads & Disposable {
  const { store, controller, machines, fleet, timers, timeoutMs } = parts;
  const rates = new TokenRates(timers.now());
  for (const instance of store.viewInstances()) rates.note(instance, timers.now());
  const watch = store.watch(store.version, ({ type, object }) => {
    if (object.kind !== 'Instance' || !('agent' in object.spec)) return;
    if (type === 'DELETED') rates.forget(object.metadata.name);
    else rates.note(object, timers.now());
  });
  // One look a connection, so that it serves all who ask.
  const looks = new WeakMap<Transport, LookAtUsage>();
  const lookOf = (transport: Transport): LookAtUsage => {
    const look = looks.get(transport) ?? createUsageLook(transport, fleet, timeoutMs);
    looks.set(transport, look);
    return look;
  };
  const reads = new UsageReads({
    fleet,
    timers,
    machines: () =>
      machines.list().map(({ name, reached, problem }) => {
        const transport = reached && machines.transportOf(name);
        return {
          name,
          ...(transport && { look: lookOf(transport) }),
          ...(problem !== undefined && { problem }),
        };
      }),
    *sightings() {
      for (const view of controller.observer.views)
        for (const [id, { pid, state, place }] of view.sightings)
          if (pid !== undefined && state === 'running') yield { id, place, pid };
    },
    instances: () => store.viewInstances(),
    tokensPerMinute: (name) => rates.perMinute(name, timers.now()),
  });
  return Object.assign(reads, { [Symbol.dispose]: () => watch[Symbol.dispose]() });
}

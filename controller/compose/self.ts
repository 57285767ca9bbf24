/**
 * Owns: what the controller tells of itself: metrics, status, whether it is ready.
 * Never: changes anything.
 */
import type { ControllerStatus } from '../../api/protocol.ts';
import type { ServerPorts } from '../../api/server/ports.ts';
import type { Controller } from '../controller.ts';
import { statusOf } from '../desired/git/running/source-loop.ts';
import { createMetrics, type Metrics } from '../metrics.ts';
import { statusOf as notifierStatus } from '../notices/notifiers.ts';
import type { Store } from '../store/store.ts';

export function measure(store: Store, controller: Controller, startedAt: number): Metrics {
  return createMetrics({
    startedAt,
    notifiers: () =>
      store.objects('Notifier').map(({ record }) => ({ name: record.name, status: notifierStatus(record) })),
    budgets: () => store.objects('Budget').map(({ record }) => record),
    sources: () => store.objects('GitSource').map(({ record }) => ({ name: record.name, ...statusOf(record) })),
    agents: () => store.viewAgents(),
    orphans: () => controller.orphans().length,
    places: () =>
      [...controller.observer.views].map(({ place, unknown, lastListedAt }) => ({
        host: place.host,
        runtime: place.runtime,
        up: unknown === undefined,
        lastListedSeconds: lastListedAt === undefined ? undefined : lastListedAt / 1000,
      })),
  });
}

export function selfPort(parts: {
  readonly store: Store;
  readonly controller: Controller;
  readonly metrics: Metrics;
  /** What the store does not know. */
  readonly status: () => Omit<ControllerStatus, 'agents'>;
  /** Why the home cannot be written to now. */
  readonly refused: () => string | undefined;
  readonly stop: () => void;
}): ServerPorts['controller'] {
  const { store, controller, metrics, status, refused, stop } = parts;
  return {
    status: () => ({ ...status(), agents: [...store.agents()].length }),
    ready() {
      if (!controller.synced) return { ok: false, detail: 'places are being listed for the first time' };
      const detail = refused();
      return detail === undefined ? { ok: true, detail: 'ok' } : { ok: false, detail };
    },
    metrics: async () => ({ contentType: metrics.registry.contentType, body: await metrics.registry.metrics() }),
    stop,
  };
}

/**
 * Owns: the one list of metric names. Names follow controller-runtime, client-go and kube-state-metrics.
 * Never: holds a secret or free text in a label; labels are names, phases, places and results.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Agent } from '../api/resources/agent/agent.ts';
import type { Instant } from '../api/resources/time.ts';
import { VERSION } from '../api/version.ts';
import { measureAgents } from './agent-metrics.ts';
import { type MeasuredBudget, measureBudgets } from './budgets/budget-metrics.ts';
import { type MeasuredNotifier, measureNotifiers } from './notices/notifier-metrics.ts';
import type { ReconcileObserver } from './reconcile/reconciler.ts';
import type { QueueObserver } from './reconcile/work-queue.ts';
import { type MeasuredSource, measureSources, type SourceObserver } from './source-metrics.ts';

export interface MetricsSource {
  /** When this controller started. */
  readonly startedAt: Instant;
  agents(): readonly Agent[];
  sources(): readonly MeasuredSource[];
  budgets(): readonly MeasuredBudget[];
  notifiers(): readonly MeasuredNotifier[];
  orphans(): number;
  places(): readonly {
    readonly host: string;
    readonly runtime: string;
    readonly up: boolean;
    readonly lastListedSeconds: number | undefined;
  }[];
}

export interface Metrics {
  readonly registry: Registry;
  readonly queue: QueueObserver;
  readonly reconcile: ReconcileObserver;
  effect(effect: string, result: 'success' | 'error'): void;
  readonly sourceSynced: SourceObserver;
  placeListed(host: string, runtime: string, seconds: number, ok: boolean): void;
}

const MISNAMED = [
  'nodejs_active_resources_total',
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
] as const;
const CONTROLLER = 'instance';
const RECONCILE_RESULTS = ['success', 'error', 'requeue', 'requeue_after'] as const;
const EFFECTS = ['start', 'term', 'kill', 'remove'] as const;
/** controller-runtime's buckets, 5 ms to 60 s. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 1.5, 2.5, 5, 10, 30, 60];

export function createMetrics(source: MetricsSource): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // Gauges that are named like counters: `promtool check metrics` objects.
  for (const misnamed of MISNAMED) registry.removeSingleMetric(misnamed);

  const reconciles = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Reconciliations by result.',
    labelNames: ['controller', 'result'],
    registers,
  });
  for (const result of RECONCILE_RESULTS) reconciles.inc({ controller: CONTROLLER, result }, 0);
  const reconcileTime = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Time of one reconciliation.',
    labelNames: ['controller'],
    buckets: SECONDS,
    registers,
  });

  const depth = new Gauge({
    name: 'workqueue_depth',
    help: 'Keys waiting for a worker.',
    labelNames: ['name'],
    registers,
  });
  const adds = new Counter({
    name: 'workqueue_adds_total',
    help: 'Keys added to the queue.',
    labelNames: ['name'],
    registers,
  });
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Keys added again after a failure.',
    labelNames: ['name'],
    registers,
  });
  const queueTime = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long a key waited for a worker.',
    labelNames: ['name'],
    buckets: SECONDS,
    registers,
  });
  const workTime = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long a worker was busy with a key.',
    labelNames: ['name'],
    buckets: SECONDS,
    registers,
  });
  const queueLabels = { name: CONTROLLER };
  depth.set(queueLabels, 0);
  adds.inc(queueLabels, 0);
  retries.inc(queueLabels, 0);

  const effects = new Counter({
    name: 'sac_effect_total',
    help: 'Effects carried out, by kind and result.',
    labelNames: ['effect', 'result'],
    registers,
  });
  for (const effect of EFFECTS) for (const result of ['success', 'error']) effects.inc({ effect, result }, 0);
  const startTime = new Histogram({
    name: 'sac_agent_start_duration_seconds',
    help: 'From the decision to start an instance to seeing it run.',
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers,
  });
  const listTime = new Histogram({
    name: 'sac_place_list_duration_seconds',
    help: 'Time of one listing of a place.',
    labelNames: ['host', 'runtime', 'result'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30],
    registers,
  });

  measureAgents(registry, () => source.agents(), source.startedAt);
  new Gauge({
    name: 'sac_orphans',
    help: "Things with this fleet's mark that no resource knows; reported, never touched.",
    registers,
    collect() {
      this.set(source.orphans());
    },
  });
  new Gauge({
    name: 'sac_place_up',
    help: 'Whether the last look at a place succeeded.',
    labelNames: ['host', 'runtime'],
    registers,
    collect() {
      this.reset();
      for (const { host, runtime, up } of source.places()) this.set({ host, runtime }, up ? 1 : 0);
    },
  });
  new Gauge({
    name: 'sac_place_last_list_timestamp_seconds',
    help: 'When a place was last listed with success.',
    labelNames: ['host', 'runtime'],
    registers,
    collect() {
      this.reset();
      for (const { host, runtime, lastListedSeconds } of source.places())
        if (lastListedSeconds !== undefined) this.set({ host, runtime }, lastListedSeconds);
    },
  });
  measureBudgets(registry, () => source.budgets());
  measureNotifiers(registry, () => source.notifiers());
  const sourceSynced = measureSources(registry, () => source.sources());
  new Gauge({
    name: 'sac_build_info',
    help: 'Version of this build; always 1.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version: VERSION, node: process.version }, 1);

  return {
    registry,
    queue: {
      added: () => adds.inc(queueLabels),
      retried: () => retries.inc(queueLabels),
      depth: (waiting) => depth.set(queueLabels, waiting),
      waited: (ms) => queueTime.observe(queueLabels, ms / 1000),
      worked: (ms) => workTime.observe(queueLabels, ms / 1000),
    },
    reconcile: {
      reconciled: (result, seconds) => {
        reconciles.inc({ controller: CONTROLLER, result });
        reconcileTime.observe({ controller: CONTROLLER }, seconds);
      },
      restarted: () => undefined,
      started: (seconds) => startTime.observe(seconds),
    },
    sourceSynced,
    effect: (effect, result) => effects.inc({ effect, result }),
    placeListed: (host, runtime, seconds, ok) =>
      listTime.observe({ host, runtime, result: ok ? 'success' : 'error' }, seconds),
  };
}

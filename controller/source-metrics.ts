/**
 * Owns: metrics of git sources: are they ready, how long do syncs take, how many fail, what drifted.
 * Never: puts an address or a message into a label.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export interface MeasuredSource {
  readonly name: string;
  readonly agents: number;
  readonly drift: readonly string[];
  readonly conditions: readonly { readonly type: string; readonly status: string }[];
}
export type SourceObserver = (source: string, result: 'success' | 'error', seconds: number) => void;

export function measureSources(registry: Registry, sources: () => readonly MeasuredSource[]): SourceObserver {
  const registers = [registry];
  const gauge = (name: string, help: string, value: (source: MeasuredSource) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['source'],
      registers,
      collect() {
        this.reset();
        for (const source of sources()) this.set({ source: source.name }, value(source));
      },
    });
  gauge(
    'sac_source_ready',
    'Whether a git source is fetched, verified, applied and its agents are ready.',
    ({ conditions }) => (conditions.some(({ type, status }) => type === 'Ready' && status === 'True') ? 1 : 0),
  );
  gauge('sac_source_synced', 'Whether the newest commit of a git source is applied.', ({ conditions }) =>
    conditions.some(({ type, status }) => type === 'Synced' && status === 'True') ? 1 : 0,
  );
  gauge('sac_source_agents', 'Agents that a git source declares.', ({ agents }) => agents);
  gauge(
    'sac_source_drifted',
    'Things of a git source that were changed by hand and are left so.',
    ({ drift }) => drift.length,
  );
  const syncs = new Counter({
    name: 'sac_source_syncs_total',
    help: 'Syncs of a git source by result.',
    labelNames: ['source', 'result'],
    registers,
  });
  const duration = new Histogram({
    name: 'sac_source_sync_duration_seconds',
    help: 'Time of one sync of a git source.',
    labelNames: ['source'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120],
    registers,
  });
  return (source, result, seconds) => {
    syncs.inc({ source, result });
    duration.observe({ source }, seconds);
  };
}

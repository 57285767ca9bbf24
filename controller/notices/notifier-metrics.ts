/**
 * Owns: metrics of notifiers: do they deliver, what waits, how many messages went out and failed.
 * Never: tells an address or a text.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { NotifierStatus } from '../../api/resources/kinds/notifier.ts';

export interface MeasuredNotifier {
  readonly name: string;
  readonly status: NotifierStatus;
}

export function measureNotifiers(registry: Registry, notifiers: () => readonly MeasuredNotifier[]): void {
  const common = { labelNames: ['notifier'], registers: [registry] };
  const gauge = (name: string, help: string, value: (status: NotifierStatus) => number) =>
    new Gauge({
      name,
      help,
      ...common,
      collect() {
        this.reset();
        for (const { name: notifier, status } of notifiers()) this.set({ notifier }, value(status));
      },
    });
  const counter = (name: string, help: string, value: (status: NotifierStatus) => number) =>
    new Counter({
      name,
      help,
      ...common,
      collect() {
        this.reset();
        for (const { name: notifier, status } of notifiers()) this.inc({ notifier }, value(status));
      },
    });
  gauge('sac_notifier_ready', 'Whether the last message of a notifier was delivered, or none had to be.', (status) =>
    status.conditions[0]?.status === 'False' ? 0 : 1,
  );
  gauge(
    'sac_notifier_pending',
    'Notices of a notifier that were not told yet.',
    ({ entries }) => Object.values(entries).filter(({ state, sent }) => sent === 0 || state === 'resolving').length,
  );
  counter('sac_notifier_sent_total', 'Messages a notifier delivered, kept across restarts.', ({ sent }) => sent);
  counter('sac_notifier_failures_total', 'Deliveries that failed, kept across restarts.', ({ failed }) => failed);
}

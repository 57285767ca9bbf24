/**
 * Owns: all Notifiers of the fleet over time: when they look, that what is about to be sent is saved before, and how it ended
 * after. Level-triggered: whatever was missed while the controller was away is found by the next look.
 * Never: lets one notifier wait for another.
 */
import { ConflictError, FencedError } from '../../api/resources/errors.ts';
import type { NotifierSpec, NotifierStatus } from '../../api/resources/kinds/notifier.ts';
import { parseLabelSelector } from '../../api/resources/selectors.ts';
import { type DurationMs, isoTime } from '../../api/resources/time.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import type { ObjectRecord, RecordedEvent, Store } from '../store/store.ts';
import { type Message, messageOf } from './message.ts';
import { begun, choose, newStatus, nextAt, type Outcome, observe, settled } from './notice.ts';
import { labelsOf, subjectsOf } from './subjects.ts';

export interface NotifiersOptions {
  readonly store: Store;
  readonly timers: Timers;
  readonly fleet: string;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Equal texts: equal values. */
  readonly canonical: (value: unknown) => string;
  readonly digest: (text: string) => string;
  readonly deliver: (message: Message, spec: NotifierSpec) => Promise<Outcome>;
  /** Why nothing can be delivered, whatever there is to tell; undefined: nothing known. */
  readonly unreadable: (spec: NotifierSpec) => Promise<string | undefined>;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

const SOON_MS: DurationMs = 300;
/** Something may have changed that nobody told of. */
const AGAIN_MS: DurationMs = 60_000;
/** A secret that was missing may be there. */
const SECRET_MS: DurationMs = 2_000;
const SECRET_MISSING = 'SecretMissing';
type Told = Pick<RecordedEvent, 'type' | 'reason' | 'message'>;

export class Notifiers implements AsyncDisposable {
  readonly #options: NotifiersOptions;
  readonly #running = new Map<string, Promise<void>>();
  readonly #timers = new Map<string, () => void>();
  /** Generation whose secrets were found readable. */
  readonly #readable = new Map<string, number>();
  #watch: Disposable | undefined;
  #cancelSoon: (() => void) | undefined;
  #closed = false;

  constructor(options: NotifiersOptions) {
    this.#options = options;
  }

  start(): void {
    const { store } = this.#options;
    this.#watch = store.watch(store.version, ({ object }) => {
      const own = object.kind === 'Event' ? object.regarding.kind === 'Notifier' : object.kind === 'Instance';
      if (!own) this.#soon();
    });
    this.look();
  }

  /** Looks with every notifier that is not at it already. */
  look(): void {
    if (this.#closed) return;
    const names = this.#options.store.objects('Notifier').map(({ record }) => record.name);
    for (const name of names) {
      if (this.#running.has(name)) continue;
      const run = this.#run(name).finally(() => this.#running.delete(name));
      this.#running.set(name, run);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#watch?.[Symbol.dispose]();
    this.#cancelSoon?.();
    for (const cancel of this.#timers.values()) cancel();
    await Promise.all(this.#running.values());
  }

  #soon(): void {
    if (this.#cancelSoon || this.#closed) return;
    this.#cancelSoon = this.#options.timers.after(SOON_MS, () => {
      this.#cancelSoon = undefined;
      this.look();
    });
  }

  async #run(name: string): Promise<void> {
    const { timers, log } = this.#options;
    let wait: DurationMs = AGAIN_MS;
    try {
      let more = true;
      while (more && !this.#closed) more = await this.#once(name);
      const record = this.#options.store.object('Notifier', name)?.record;
      const next = record && nextAt(statusOf(record), record.spec, timers.now());
      if (record && statusOf(record).conditions[0]?.reason === SECRET_MISSING) wait = SECRET_MS;
      if (next !== undefined) wait = Math.min(wait, Math.max(SOON_MS, next - timers.now()));
    } catch (error) {
      if (error instanceof FencedError) return;
      if (error instanceof ConflictError) wait = SOON_MS;
      else log('notifier failed; it will be tried again', { notifier: name, error: String(error) });
    }
    this.#timers.get(name)?.();
    this.#timers.delete(name);
    if (!this.#closed)
      this.#timers.set(
        name,
        timers.after(wait, () => this.look()),
      );
  }

  /** Looks, and delivers at most one message; true: there may be more to do. */
  async #once(name: string): Promise<boolean> {
    const { store, timers, fleet, digest, deliver, random } = this.#options;
    const found = store.object('Notifier', name)?.record;
    if (!found) return false;
    const { spec } = found;
    const seen = this.#observed(found);
    const delivery = choose(seen, spec, timers.now());
    if (!delivery) {
      await this.#save(name, await this.#withSecrets(found, seen));
      return false;
    }
    const entries = delivery.keys.flatMap((key) => {
      const entry = seen.entries[key];
      return entry ? [[key, entry] as const] : [];
    });
    await this.#save(name, begun(seen, delivery));
    const outcome = await deliver(messageOf(entries, { fleet, notifier: name, now: timers.now(), digest }), spec);
    const now = timers.now();
    const after = settled(begun(seen, delivery), seen, delivery, outcome, { spec, now, random: random() });
    const ready = outcome.type === 'delivered';
    const was = seen.conditions[0]?.status;
    const message = ready ? 'The last message was delivered.' : `The last message was not delivered: ${outcome.why}.`;
    const condition = {
      type: 'Ready' as const,
      status: ready ? ('True' as const) : ('False' as const),
      reason: ready ? 'Delivered' : 'NotDelivered',
      message,
      lastTransitionTime:
        was === (ready ? 'True' : 'False') ? (seen.conditions[0]?.lastTransitionTime ?? '') : isoTime(now),
    };
    const failed = seen.conditions[0]?.reason === 'NotDelivered';
    const event: Told | undefined =
      !ready && !failed
        ? { type: 'Warning', reason: 'NotDelivered', message }
        : ready && failed
          ? { type: 'Normal', reason: 'DeliversAgain', message }
          : undefined;
    await this.#save(name, { ...after, conditions: [condition] }, event);
    return true;
  }

  /** A secret that is missing is told before there is anything to deliver, and that it is there as soon as it is. */
  async #withSecrets({ name, spec, generation }: ObjectRecord<'Notifier'>, status: NotifierStatus) {
    const [last] = status.conditions;
    if (last?.reason === 'NotDelivered' || (last && this.#readable.get(name) === generation)) return status;
    const why = await this.#options.unreadable(spec);
    if (why === undefined) this.#readable.set(name, generation);
    else this.#readable.delete(name);
    if (why === undefined && last && last.reason !== SECRET_MISSING) return status;
    const now = why === undefined ? ('Unknown' as const) : ('False' as const);
    const condition = {
      type: 'Ready' as const,
      status: now,
      reason: why === undefined ? 'NothingSent' : SECRET_MISSING,
      message: why === undefined ? 'Nothing was told since it was declared.' : `Nothing can be delivered: ${why}.`,
      lastTransitionTime: last?.status === now ? last.lastTransitionTime : isoTime(this.#options.timers.now()),
    };
    return { ...status, conditions: [condition] };
  }

  #observed(record: ObjectRecord<'Notifier'>): NotifierStatus {
    const { store, timers } = this.#options;
    const { spec } = record;
    const status = statusOf(record, store.version);
    const selects = spec.selector.trim() === '' ? () => true : parseLabelSelector(spec.selector);
    const events = store.events().filter((event) => event.metadata.resourceVersion > status.eventsSeen);
    return observe(status, {
      spec,
      now: timers.now(),
      subjects: subjectsOf(store).filter(({ labels }) => selects(labels)),
      events: events.filter(({ regarding }) => selects(labelsOf(store, regarding))),
      eventsSeen: Math.max(status.eventsSeen, ...events.map((event) => event.metadata.resourceVersion)),
    });
  }

  async #save(name: string, status: NotifierStatus, event?: Told): Promise<void> {
    const { store, canonical, timers } = this.#options;
    const current = store.object('Notifier', name);
    if (!current) return;
    const { record, resourceVersion } = current;
    if (!event && canonical(record.status) === canonical(status)) return;
    await store.commit(
      [{ type: 'put-object', expected: resourceVersion, record: { ...record, status: { ...status } } }],
      event ? [{ ...event, at: timers.now(), regarding: { kind: 'Notifier', name } }] : [],
    );
  }
}

/** Ours, once written. A new notifier begins with what happens from now on. */
export const statusOf = ({ status }: { readonly status: object }, eventsSeen = 0): NotifierStatus => ({
  ...newStatus(eventsSeen),
  ...status,
});

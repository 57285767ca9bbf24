/**
 * Owns: what is remembered of each declared host's readiness: its condition, kept in the store across restarts, and events.
 * Never: takes a host that was not tried yet for lost: until it was, what was known before holds.
 */
import { ConflictError, FencedError } from '../../api/resources/errors.ts';
import type { Host } from '../../api/resources/kinds/host.ts';
import type { Condition } from '../../api/resources/meta.ts';
import { type DurationMs, isoTime } from '../../api/resources/time.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import type { ObjectRecord, RecordedEvent, Store, Versioned } from '../store/store.ts';

export interface HostConditionsOptions {
  readonly store: Pick<Store, 'objects' | 'commit'>;
  /** As they are seen now. */
  readonly hosts: () => readonly Host[];
  readonly timers: Timers;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

/** Nobody tells when a place answers no longer. */
const LOOK_MS: DurationMs = 2_000;

export class HostConditions implements AsyncDisposable {
  readonly #options: HostConditionsOptions;
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: HostConditionsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#lookAndGoOn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#running;
  }

  /** Writes what has changed since the last look, also one of a controller before this one. */
  async look(): Promise<void> {
    const { store, hosts } = this.#options;
    const declared = store.objects('Host');
    if (declared.length === 0) return;
    const seen = new Map(hosts().map(({ metadata, status }) => [metadata.name, status.conditions[0]]));
    for (const host of declared) {
      const found = seen.get(host.record.name);
      if (found) await this.#write(host, found);
    }
  }

  async #lookAndGoOn(): Promise<void> {
    try {
      await this.look();
    } catch (error) {
      if (error instanceof FencedError) return;
      if (!(error instanceof ConflictError))
        this.#options.log('conditions of hosts could not be kept; it is tried again', { error: String(error) });
    }
    if (this.#closed) return;
    this.#cancel = this.#options.timers.after(LOOK_MS, () => {
      this.#running = this.#lookAndGoOn();
    });
  }

  async #write({ record, resourceVersion }: Versioned<ObjectRecord<'Host'>>, found: Condition): Promise<void> {
    const { store, timers } = this.#options;
    const before = keptCondition(record.status);
    // Another wording of the same trouble is no news.
    if (found.status === 'Unknown' || (before?.status === found.status && before.reason === found.reason)) return;
    const now = timers.now();
    const same = before?.status === found.status;
    const condition = { ...found, lastTransitionTime: same ? before.lastTransitionTime : isoTime(now) };
    const event: RecordedEvent = {
      type: found.status === 'True' ? 'Normal' : 'Warning',
      reason: found.status === 'True' ? 'HostReached' : 'HostLost',
      message: found.message,
      at: now,
      regarding: { kind: 'Host', name: record.name },
    };
    await store.commit(
      [{ type: 'put-object', expected: resourceVersion, record: { ...record, status: { conditions: [condition] } } }],
      same ? [] : [event],
    );
  }
}

/** Ours, once written; nobody else writes it. */
export function keptCondition(status: object): Condition | undefined {
  return hasConditions(status) ? status.conditions[0] : undefined;
}

const hasConditions = (status: object): status is { readonly conditions: readonly Condition[] } =>
  'conditions' in status && Array.isArray(status.conditions);

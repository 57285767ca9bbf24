/**
 * Owns: events, counted: the same thing happening again raises a count. Bounded by age and number.
 * Never: grows without bound, whatever happens how often.
 */
import type { EventObject } from '../../api/resources/event.ts';
import { type DurationMs, isoTime } from '../../api/resources/time.ts';
import type { RowChange } from './database.ts';
import type { RecordedEvent } from './store.ts';

interface Kept {
  readonly key: string;
  readonly event: EventObject;
}

export class EventLog {
  /** In the order of last occurrence: the first is the oldest. */
  readonly #kept = new Map<string, EventObject>();
  readonly #perObject = new Map<string, number>();
  #staged = new Map<string, EventObject | undefined>();
  readonly #max: number;
  readonly #maxPerObject: number;
  readonly #maxAgeMs: DurationMs;

  constructor(max: number, maxPerObject: number, maxAgeMs: DurationMs) {
    this.#max = max;
    this.#maxPerObject = maxPerObject;
    this.#maxAgeMs = maxAgeMs;
  }

  fill(kept: readonly Kept[]): void {
    for (const { key, event } of kept) this.#keep(key, event);
  }

  /** Oldest first. */
  list(): readonly EventObject[] {
    return [...this.#kept.values()];
  }

  begin(): void {
    this.#staged = new Map();
  }

  /** Rows to write for one more occurrence, pruning included; nothing is kept until `accept`. */
  stage(recorded: RecordedEvent, version: number): readonly RowChange[] {
    const { type, reason, message, at, regarding } = recorded;
    const object = `${regarding.kind}/${regarding.name}`;
    const key = `${object}/${regarding.instance ?? ''}/${reason}/${message}`;
    const before = this.#staged.get(key) ?? this.#kept.get(key);
    const event: EventObject = {
      apiVersion: 'sac/v1',
      kind: 'Event',
      metadata: {
        name: before?.metadata.name ?? `${regarding.name}.${version.toString(36)}`,
        resourceVersion: version,
      },
      type,
      reason,
      message,
      count: (before?.count ?? 0) + 1,
      firstSeen: before?.firstSeen ?? isoTime(at),
      lastSeen: isoTime(at),
      regarding,
    };
    this.#staged.set(key, event);
    const rows: RowChange[] = [{ table: 'events', key, version, lastSeen: at, document: JSON.stringify(event) }];
    for (const old of this.#tooMany(object, before === undefined, at)) {
      this.#staged.set(old, undefined);
      rows.push({ table: 'events', key: old, version, lastSeen: at, document: undefined });
    }
    return rows;
  }

  /** Keeps what was staged; returns the events that are new or counted anew. */
  accept(): readonly EventObject[] {
    const told: EventObject[] = [];
    for (const [key, event] of this.#staged) {
      this.#drop(key);
      if (!event) continue;
      this.#keep(key, event);
      told.push(event);
    }
    this.#staged = new Map();
    return told;
  }

  discard(): void {
    this.#staged = new Map();
  }

  #tooMany(object: string, isNew: boolean, now: number): readonly string[] {
    const dropped: string[] = [];
    const droppable = (key: string) => !this.#staged.has(key);
    const cutoff = isoTime(now - this.#maxAgeMs);
    let left = this.#kept.size + (isNew ? 1 : 0);
    for (const [key, event] of this.#kept) {
      if (left <= this.#max && event.lastSeen >= cutoff) break;
      if (!droppable(key)) continue;
      dropped.push(key);
      left--;
    }
    if (isNew && (this.#perObject.get(object) ?? 0) >= this.#maxPerObject) {
      for (const key of this.#kept.keys()) {
        if (!key.startsWith(`${object}/`) || !droppable(key) || dropped.includes(key)) continue;
        dropped.push(key);
        break;
      }
    }
    return dropped;
  }

  #keep(key: string, event: EventObject): void {
    this.#kept.set(key, event);
    const object = `${event.regarding.kind}/${event.regarding.name}`;
    this.#perObject.set(object, (this.#perObject.get(object) ?? 0) + 1);
  }

  #drop(key: string): void {
    const event = this.#kept.get(key);
    if (!event || !this.#kept.delete(key)) return;
    const object = `${event.regarding.kind}/${event.regarding.name}`;
    const left = (this.#perObject.get(object) ?? 1) - 1;
    if (left > 0) this.#perObject.set(object, left);
    else this.#perObject.delete(object);
  }
}

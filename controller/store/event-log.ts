/**
 * Owns: events, counted: the same thing happening again raises a count. Bounded by age and number.
 * Never: grows without bound, whatever happens how often; keeps what was not written.
 */
import type { EventObject } from '../../api/resources/event.ts';
import { type DurationMs, type Instant, isoTime } from '../../api/resources/time.ts';
import type { RowChange } from './database.ts';
import type { RecordedEvent } from './store.ts';

export interface EventLimits {
  /** The oldest go first. */
  readonly total: number;
  /** Per agent, host, ...: one that crashes all night leaves the others their history. */
  readonly perObject: number;
  readonly ageMs: DurationMs;
}

/** Longer messages are cut: an event is one sentence for people. */
const MAX_MESSAGE = 1_024;

export class EventLog {
  readonly #limits: EventLimits;
  /** In the order of last occurrence: the first is the oldest. */
  readonly #kept = new Map<string, EventObject>();
  /** Keys by object, in the same order. */
  readonly #keysOf = new Map<string, Set<string>>();
  /** Of the transaction that is being written; replaces what is kept once that succeeded. */
  readonly #staged = new Map<string, EventObject>();
  #doomed: ReadonlySet<string> = new Set();

  constructor(limits: EventLimits) {
    this.#limits = limits;
  }

  fill(kept: readonly { readonly key: string; readonly event: EventObject }[]): void {
    for (const { key, event } of kept) this.#keep(key, event);
  }

  /** Oldest first. */
  list(): readonly EventObject[] {
    return [...this.#kept.values()];
  }

  /** One more occurrence. Nothing is kept until `accept`. */
  stage(recorded: RecordedEvent, version: number): void {
    const { type, reason, at, regarding } = recorded;
    const message =
      recorded.message.length > MAX_MESSAGE ? `${recorded.message.slice(0, MAX_MESSAGE - 1)}…` : recorded.message;
    const key = `${regarding.kind}/${regarding.name}/${regarding.instance ?? ''}/${reason}/${message}`;
    const before = this.#staged.get(key) ?? this.#kept.get(key);
    // Set anew, so that the order is that of the last occurrence.
    this.#staged.delete(key);
    this.#staged.set(key, {
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
    });
  }

  /** What the staged occurrences write and, by pruning, delete. */
  rows(now: Instant): readonly RowChange[] {
    if (this.#staged.size === 0) return [];
    this.#doomed = this.#choose(isoTime(now - this.#limits.ageMs));
    const rows: RowChange[] = [];
    for (const key of this.#doomed) rows.push({ table: 'events', key, document: undefined });
    for (const [key, event] of this.#staged) {
      if (this.#doomed.has(key)) continue;
      const { resourceVersion: version } = event.metadata;
      const lastSeen = Date.parse(event.lastSeen);
      rows.push({ table: 'events', key, document: JSON.stringify(event), version, lastSeen });
    }
    return rows;
  }

  /** It was written: keeps what was staged and returns it. */
  accept(): readonly EventObject[] {
    for (const key of this.#doomed) this.#drop(key);
    const told: EventObject[] = [];
    for (const [key, event] of this.#staged) {
      if (this.#doomed.has(key)) continue;
      this.#drop(key);
      this.#keep(key, event);
      told.push(event);
    }
    this.discard();
    return told;
  }

  discard(): void {
    this.#staged.clear();
    this.#doomed = new Set();
  }

  /** Which keys have to go so that all bounds hold with what is staged. */
  #choose(cutoff: string): ReadonlySet<string> {
    const doomed = new Set<string>();
    const added = new Map<string, string[]>();
    for (const [key, event] of this.#staged) {
      const object = objectOf(event);
      const keys = added.get(object);
      if (keys) keys.push(key);
      else added.set(object, [key]);
    }
    for (const [object, keys] of added) {
      const old = [...(this.#keysOf.get(object) ?? [])].filter((key) => !this.#staged.has(key));
      const excess = old.length + keys.length - this.#limits.perObject;
      for (const key of [...old, ...keys].slice(0, Math.max(0, excess))) doomed.add(key);
    }
    let left = this.#staged.size - doomed.size;
    for (const key of this.#kept.keys()) if (!this.#staged.has(key)) left++;
    for (const [key, event] of this.#kept) {
      if (left <= this.#limits.total && event.lastSeen >= cutoff) break;
      if (this.#staged.has(key) || doomed.has(key)) continue;
      doomed.add(key);
      left--;
    }
    for (const key of this.#staged.keys()) {
      if (left <= this.#limits.total) break;
      if (doomed.has(key)) continue;
      doomed.add(key);
      left--;
    }
    return doomed;
  }

  #keep(key: string, event: EventObject): void {
    this.#kept.set(key, event);
    const keys = this.#keysOf.get(objectOf(event));
    if (keys) keys.add(key);
    else this.#keysOf.set(objectOf(event), new Set([key]));
  }

  #drop(key: string): void {
    const event = this.#kept.get(key);
    if (!event) return;
    this.#kept.delete(key);
    const keys = this.#keysOf.get(objectOf(event));
    keys?.delete(key);
    if (keys?.size === 0) this.#keysOf.delete(objectOf(event));
  }
}

const objectOf = ({ regarding }: EventObject): string => `${regarding.kind}/${regarding.name}`;

/**
 * Owns: what was let go lately and up to which incarnation: should it be seen again, a start came late, and is ended.
 * Never: outlives this controller: its orders end with its connections. What is seen of them later is an orphan, and reported.
 */
import type { InstanceId } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';

/** No order is carried out so long after it was given. */
const KEPT_MS: DurationMs = 600_000;

interface Let {
  readonly agent: string;
  /** Everything up to it is over. */
  readonly incarnation: Instant;
}

/** Bound: what is let go in ten minutes. */
export class Released {
  readonly #released = new Map<InstanceId, Let & { readonly at: Instant }>();

  add(id: InstanceId, released: Let, now: Instant): void {
    this.#released.delete(id);
    this.#released.set(id, { ...released, at: now });
    // In the order of their times.
    for (const [old, { at }] of this.#released) {
      if (now - at < KEPT_MS) break;
      this.#released.delete(old);
    }
  }

  of(id: InstanceId): Let | undefined {
    return this.#released.get(id);
  }

  /** Up to which incarnation each is over. */
  *[Symbol.iterator](): Iterator<readonly [InstanceId, Instant]> {
    for (const [id, { incarnation }] of this.#released) yield [id, incarnation];
  }
}

/**
 * Owns: looking for what replaced incarnations left behind a little later, once for all that were replaced meanwhile.
 * Never: keeps a successor waiting. A failure is mended by the next sweep.
 *
 * Bound: one entry an agent, until the next look.
 */
import type { InstanceId } from '../../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';

/** A look goes through all processes: not in the moment in which a successor begins. */
const AFTER_MS: DurationMs = 200;

export class ReapLater {
  readonly #clear: (over: ReadonlyMap<InstanceId, Instant>) => Promise<unknown>;
  readonly #over = new Map<InstanceId, Instant>();

  constructor(clear: (over: ReadonlyMap<InstanceId, Instant>) => Promise<unknown>) {
    this.#clear = clear;
  }

  /** This incarnation and all before it are over. */
  add(id: InstanceId, incarnation: Instant): void {
    const waiting = this.#over.size > 0;
    this.#over.set(id, incarnation);
    if (waiting) return;
    setTimeout(() => {
      const over = new Map(this.#over);
      this.#over.clear();
      this.#clear(over).catch(() => undefined);
    }, AFTER_MS).unref();
  }
}

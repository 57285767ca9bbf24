/**
 * Owns: looking for what replaced incarnations left behind a little later, once for all that were replaced meanwhile.
 * Never: keeps a successor waiting. A failure is mended by the next sweep.
 *
 * Bound: one entry an agent, until the next look.
 */
import type { InstanceId } from '../../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';
import type { Reaper } from './reaper.ts';

/** A look goes through all processes: not in the moment in which a successor begins. */
const AFTER_MS: DurationMs = 200;

export class ReapLater {
  readonly #reaper: Pick<Reaper, 'kill'>;
  readonly #over = new Map<string, Instant>();

  constructor(reaper: Pick<Reaper, 'kill'>) {
    this.#reaper = reaper;
  }

  /** This incarnation and all before it are over. */
  add(id: InstanceId, incarnation: Instant): void {
    const waiting = this.#over.size > 0;
    this.#over.set(id, incarnation);
    if (waiting) return;
    setTimeout(() => {
      const over = new Map(this.#over);
      this.#over.clear();
      this.#reaper.kill((mark) => mark.incarnation <= (over.get(mark.id) ?? -1)).catch(() => undefined);
    }, AFTER_MS).unref();
  }
}

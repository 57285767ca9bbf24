/**
 * Owns: the last events of one agent's hooks, in the order of their times, each once.
 * Never: keeps more than it was told to, or knows what an event means.
 */
import type { HookEvent } from '../../../api/resources/agent/hook-event.ts';

export const RING_SIZE = 500;

/** Concurrent hooks may arrive a little out of order; they are put right. Equal times keep the order of arrival. */
export class EventRing {
  readonly #size: number;
  #events: HookEvent[] = [];

  constructor(size = RING_SIZE) {
    this.#size = size;
  }

  add(events: readonly HookEvent[]): void {
    if (events.length === 0) return;
    const merged = [...this.#events, ...events];
    const ordered = merged.every((event, index) => index === 0 || (merged[index - 1]?.at ?? 0) <= event.at);
    this.#events = (ordered ? merged : merged.toSorted((a, b) => a.at - b.at)).slice(-this.#size);
  }

  /** Events of an earlier start say nothing of this one. */
  forgetBefore(at: number): void {
    this.#events = this.#events.filter((event) => event.at >= at);
  }

  get events(): readonly HookEvent[] {
    return this.#events;
  }
}

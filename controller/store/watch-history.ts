/**
 * Owns: the last changes, and who wants to hear of the next ones.
 * Never: drops a change for one watcher only: whoever comes too late is told to list again.
 */
import { GoneError } from '../../api/resources/errors.ts';
import type { StoreEvent } from './store.ts';

type Watcher = (event: StoreEvent) => void;

export class WatchHistory {
  readonly #keep: number;
  readonly #events: StoreEvent[] = [];
  readonly #watchers = new Set<Watcher>();
  /** Versions up to this one are no longer kept. */
  #forgotten: number;
  #newest: number;

  /** Keeps `keep` changes at least, and a quarter more before it throws away. */
  constructor(keep: number, version: number) {
    this.#keep = keep;
    this.#forgotten = version;
    this.#newest = version;
  }

  /** Throws GoneError when what happened after `since` is no longer known. */
  watch(since: number, onEvent: Watcher): Disposable {
    if (since < this.#forgotten)
      throw new GoneError(`changes since version ${since} are no longer kept (oldest: ${this.#forgotten}); list again`);
    if (since > this.#newest)
      throw new GoneError(`version ${since} was never given out (newest: ${this.#newest}); list again`);
    for (const event of this.#events) if (event.resourceVersion > since) onEvent(event);
    const watcher: Watcher = (event) => onEvent(event);
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** All of one transaction, in order. A watcher that throws keeps nobody else from hearing; then its error is thrown. */
  tell(events: readonly StoreEvent[], version: number): void {
    this.#newest = version;
    this.#events.push(...events);
    if (this.#events.length > this.#keep * 1.25) {
      const dropped = this.#events.splice(0, this.#events.length - this.#keep);
      this.#forgotten = dropped.at(-1)?.resourceVersion ?? this.#forgotten;
    }
    // One that joins while these are told has read them from the history.
    const watchers = [...this.#watchers];
    const failures: unknown[] = [];
    for (const event of events)
      for (const watcher of watchers) {
        if (!this.#watchers.has(watcher)) continue;
        try {
          watcher(event);
        } catch (error) {
          this.#watchers.delete(watcher);
          failures.push(error);
        }
      }
    if (failures.length > 0) throw failures[0];
  }

  close(): void {
    this.#watchers.clear();
  }
}

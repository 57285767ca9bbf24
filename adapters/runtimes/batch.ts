/**
 * Owns: what is asked for in one turn, done by one run after the other; each item once.
 * Never: tells one item's outcome from another's: a run that fails has failed for all who asked in it.
 */
export class Batch<R = unknown> {
  readonly #run: (items: readonly string[]) => Promise<R>;
  readonly #max: number;
  #next: { readonly items: Set<string>; readonly done: Promise<R> } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** `max`: so many items a run. */
  constructor(run: (items: readonly string[]) => Promise<R>, max = Number.POSITIVE_INFINITY) {
    this.#run = run;
    this.#max = max;
  }

  /** Resolves with the answer of a run that began after this call and held the item. */
  ask(item: string): Promise<R> {
    if (this.#next && (this.#next.items.has(item) || this.#next.items.size < this.#max)) {
      this.#next.items.add(item);
      return this.#next.done;
    }
    const items = new Set([item]);
    const done: Promise<R> = this.#last.then(async () => {
      await new Promise((next) => setImmediate(next));
      if (this.#next?.items === items) this.#next = undefined;
      return this.#run([...items]);
    });
    this.#next = { items, done };
    this.#last = done.catch(() => undefined);
    return done;
  }
}

/** As the input of a script that reads a line an item. */
export const asLines = (items: readonly string[]): string => items.map((item) => `${item}\n`).join('');

/**
 * Owns: one look at a time, shared by all who asked before it began.
 * Never: answers with a look that began before it was asked for.
 */
export class SharedLook<T> {
  readonly #look: () => Promise<T>;
  #next: Promise<T> | undefined;
  #current: Promise<unknown> = Promise.resolve();

  constructor(look: () => Promise<T>) {
    this.#look = look;
  }

  /** A look that begins after this call. */
  ask(): Promise<T> {
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      const running = this.#look();
      this.#current = running.catch(() => undefined);
      return running;
    });
    return this.#next;
  }
}

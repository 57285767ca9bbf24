/**
 * Owns: what is asked for in one turn, as one script run after the other; each line once.
 * Never: tells one line's outcome from another's: a run that fails has failed for all who asked in it.
 */
export class Batch {
  readonly #run: (lines: string) => Promise<unknown>;
  #next: { readonly lines: Set<string>; readonly done: Promise<void> } | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(run: (lines: string) => Promise<unknown>) {
    this.#run = run;
  }

  /** Resolves when a run that began after this call and held the line has succeeded. */
  ask(line: string): Promise<void> {
    if (this.#next) {
      this.#next.lines.add(line);
      return this.#next.done;
    }
    const lines = new Set([line]);
    const done = this.#last.then(async () => {
      await new Promise((next) => setImmediate(next));
      this.#next = undefined;
      await this.#run([...lines].map((one) => `${one}\n`).join(''));
    });
    this.#next = { lines, done };
    this.#last = done.catch(() => undefined);
    return done;
  }
}

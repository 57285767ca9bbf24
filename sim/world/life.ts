/**
 * Owns: whether one controller's process is running, stopped (SIGSTOP) or dead: everything it waits for passes through here.
 * Never: knows what passes. A dead process hears nothing and does nothing, without having been told.
 */
export class Life {
  #state: 'running' | 'stopped' | 'dead' = 'running';
  #held: (() => void)[] = [];

  get dead(): boolean {
    return this.#state === 'dead';
  }

  /** Something from outside reaches the process. */
  enter(run: () => void): void {
    if (this.#state === 'running') run();
    else if (this.#state === 'stopped') this.#held.push(run);
  }

  /** The process asks the outside: what is asked while it is stopped is asked when it goes on; a dead one never hears back. */
  call<T>(ask: () => Promise<T>, stillMay: () => void = () => undefined): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const fail = (error: unknown) => this.enter(() => reject(error));
      const go = () => ask().then((value) => this.enter(() => resolve(value)), fail);
      if (this.#state === 'running') void go();
      else if (this.#state === 'stopped')
        this.#held.push(() => {
          try {
            stillMay();
          } catch (error) {
            return reject(error);
          }
          void go();
        });
    });
  }

  kill(): void {
    this.#state = 'dead';
    this.#held = [];
  }

  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped';
  }

  continue(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    const held = this.#held;
    this.#held = [];
    for (const run of held) run();
  }
}

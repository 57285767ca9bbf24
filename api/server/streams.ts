/**
 * Owns: which watches and log streams are open, for whom, and how many there may be.
 * Never: knows what flows in them.
 */
import type { ServerResponse } from 'node:http';
import { NoControllerError } from '../resources/errors.ts';
import type { Caller } from './ports.ts';

interface Open {
  readonly caller: Caller;
  readonly end: () => void;
  readonly closed: Promise<void>;
}

const KEEP_ALIVE_MS = 30_000;

export class Streams {
  readonly #open = new Set<Open>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** Throws NoControllerError (503) when there are too many. */
  assertRoom(): void {
    if (this.#open.size >= this.#max)
      throw new NoControllerError(
        `${this.#max} watches and log streams are open already; close some, or try again later`,
      );
  }

  /** `end` is called once, when the reader is gone or the stream has to end. */
  add(caller: Caller, response: ServerResponse, end: () => void): void {
    // A quiet stream is no idle connection; a peer that vanished is found by TCP itself.
    response.socket?.setTimeout(0);
    response.socket?.setKeepAlive(true, KEEP_ALIVE_MS);
    let ended = false;
    const once = () => {
      if (ended) return;
      ended = true;
      end();
    };
    const closed = new Promise<void>((resolve) => {
      response.on('close', () => {
        this.#open.delete(open);
        once();
        resolve();
      });
    });
    const open: Open = { caller, end: once, closed };
    this.#open.add(open);
  }

  /** Whoever holds a deleted token hears nothing more. */
  endOf(token: string): void {
    for (const { caller, end } of [...this.#open]) if (caller.token === token) end();
  }

  /** Resolves when all readers got the end of their streams; how long that may take is the caller's to say. */
  async endAll(): Promise<void> {
    const all = [...this.#open];
    for (const { end } of all) end();
    await Promise.all(all.map(({ closed }) => closed));
  }
}

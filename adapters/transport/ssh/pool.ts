/**
 * Owns: sharing a host's connections: one for commands, more only when conversations hold all it allows; how many sessions
 * the server allows (learned when it refuses one); waiting, and pausing longer after each failure to connect.
 * Never: knows SSH. Connections are made by the `dial` it is given.
 */
import type { DurationMs, Instant } from '../../../api/resources/time.ts';
import { TransportError } from '../transport.ts';

export interface PooledConnection<Session> {
  /** Rejects with SessionRefused when the server allows no more of them now. */
  open(): Promise<Session>;
  /** Resolves when it is lost. */
  readonly closed: Promise<{ readonly reason: string }>;
  close(): void;
}

/** The server allows no more sessions on this connection. */
export class SessionRefused extends Error {
  override readonly name = 'SessionRefused';
}

export interface PoolOptions<Session, C extends PooledConnection<Session>> {
  /** Rejects with TransportError. */
  readonly dial: () => Promise<C>;
  readonly maxSessions: number;
  /** Closes a session nobody waits for any more. */
  readonly discard: (session: Session) => void;
  readonly now: () => Instant;
}

/** `command`: ends soon. `conversation`: may last for days. */
export type SessionKind = 'command' | 'conversation';

export interface Lease<Session, C> {
  readonly session: Session;
  readonly connection: C;
  release(): void;
}

interface Lane<C> {
  readonly connection: C;
  commands: number;
  conversations: number;
}

interface Waiter<Session, C> {
  readonly kind: SessionKind;
  readonly resolve: (lease: Lease<Session, C>) => void;
  readonly reject: (error: TransportError) => void;
}

const FIRST_PAUSE_MS: DurationMs = 250;
/** Below the 10 s within which a host that came back must be used again. */
const LONGEST_PAUSE_MS: DurationMs = 2_000;
/** So many sessions opened at the limit, and it is tried whether the server allows one more. */
const RAISE_AFTER = 256;
const LONE_TRIES = 250;
const LONE_WAIT_MS: DurationMs = 20;

export class SessionPool<Session, C extends PooledConnection<Session>> implements Disposable {
  readonly #options: PoolOptions<Session, C>;
  readonly #lanes = new Set<Lane<C>>();
  readonly #waiting: Waiter<Session, C>[] = [];
  /** Where commands go. */
  #main: Lane<C> | undefined;
  #dialling = { command: false, conversation: false };
  #limit: number;
  #fullOpens = 0;
  #failures = 0;
  #pauseUntil: Instant = 0;
  #lastError: TransportError | undefined;
  #disposed = false;

  constructor(options: PoolOptions<Session, C>) {
    this.#options = options;
    this.#limit = options.maxSessions;
  }

  /** Sessions a connection may hold, as far as is known. */
  get limit(): number {
    return this.#limit;
  }

  get connections(): number {
    return this.#lanes.size;
  }

  /** Rejects with TransportError: `unreachable`, or `closed` when `signal` aborts or the pool is disposed of. */
  acquire(kind: SessionKind, signal?: AbortSignal): Promise<Lease<Session, C>> {
    return new Promise((resolve, reject) => {
      const cancel = () => {
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(new TransportError('closed', 'cancelled while waiting for a session'));
      };
      const settled = () => signal?.removeEventListener('abort', cancel);
      const waiter: Waiter<Session, C> = {
        kind,
        resolve: (lease) => {
          settled();
          if (!signal?.aborted) return resolve(lease);
          this.#options.discard(lease.session);
          return lease.release();
        },
        reject(error) {
          settled();
          reject(error);
        },
      };
      if (signal?.aborted || this.#disposed) return cancel();
      signal?.addEventListener('abort', cancel, { once: true });
      this.#waiting.push(waiter);
      this.#serve();
    });
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#failWaiting(['command', 'conversation'], new TransportError('closed', 'the connection was let go'));
    for (const lane of this.#lanes) lane.connection.close();
    this.#lanes.clear();
    this.#main = undefined;
  }

  #serve(): void {
    const blocked = { command: false, conversation: false };
    for (const waiter of [...this.#waiting]) {
      // First come, first served, of each kind.
      if (blocked[waiter.kind]) continue;
      const lane = this.#laneFor(waiter.kind);
      if (lane) {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        void this.#open(lane, waiter);
      } else {
        blocked[waiter.kind] = true;
        this.#dialFor(waiter.kind);
      }
    }
  }

  #laneFor(kind: SessionKind): Lane<C> | undefined {
    const main = this.#main;
    switch (kind) {
      case 'command':
        return main && this.#free(main) ? main : undefined;
      case 'conversation': {
        // At least half of it is kept for commands, which could otherwise wait for days.
        const room = this.#limit - Math.max(1, Math.ceil(this.#limit / 2));
        if (main && main.conversations < room && this.#free(main)) return main;
        return [...this.#lanes].find((lane) => lane !== main && this.#free(lane));
      }
    }
  }

  #free = (lane: Lane<C>): boolean => lane.commands + lane.conversations < this.#limit;

  #dialFor(kind: SessionKind): void {
    if (kind === 'command' && this.#main) {
      // Commands come and go; conversations would hold all of it for ever.
      if (this.#main.conversations < this.#limit) return;
      this.#main = undefined;
    }
    if (this.#dialling[kind]) return;
    // A first connection serves both.
    if (kind === 'conversation' && !this.#main) {
      this.#dialFor('command');
      return;
    }
    if (this.#lastError && this.#options.now() < this.#pauseUntil) {
      this.#failWaiting(this.#main ? [kind] : ['command', 'conversation'], this.#lastError);
      return;
    }
    this.#dialling[kind] = true;
    this.#options.dial().then(
      (connection) => {
        this.#dialling[kind] = false;
        this.#add(kind, connection);
      },
      (error: unknown) => {
        this.#dialling[kind] = false;
        this.#failedToDial(kind, error);
      },
    );
  }

  #add(kind: SessionKind, connection: C): void {
    if (this.#disposed) {
      connection.close();
      return;
    }
    this.#failures = 0;
    this.#lastError = undefined;
    const lane: Lane<C> = { connection, commands: 0, conversations: 0 };
    this.#lanes.add(lane);
    if (kind === 'command') this.#main = lane;
    void connection.closed.then(() => {
      this.#lanes.delete(lane);
      if (this.#main === lane) this.#main = undefined;
      if (!this.#disposed) this.#serve();
    });
    this.#serve();
    this.#closeIfIdle(lane);
  }

  /** Only the connection for commands is kept while nobody uses it. */
  #closeIfIdle(lane: Lane<C>): void {
    if (lane === this.#main || lane.commands + lane.conversations > 0) return;
    this.#lanes.delete(lane);
    lane.connection.close();
  }

  #failedToDial(kind: SessionKind, cause: unknown): void {
    const error = cause instanceof TransportError ? cause : new TransportError('unreachable', String(cause), { cause });
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures++;
    this.#lastError = error;
    this.#pauseUntil = this.#options.now() + pause;
    this.#failWaiting(this.#main ? [kind] : ['command', 'conversation'], error);
  }

  #failWaiting(kinds: readonly SessionKind[], { kind, message, cause }: TransportError): void {
    for (const waiter of [...this.#waiting]) {
      if (!kinds.includes(waiter.kind)) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.reject(new TransportError(kind, message, { cause }));
    }
  }

  /** A server may count a session for a moment longer than it has answered for: one alone is asked for again. */
  async #openSession(lane: Lane<C>): Promise<Session> {
    for (let tries = 1; ; tries++) {
      try {
        return await lane.connection.open();
      } catch (error) {
        if (!(error instanceof SessionRefused) || lane.commands + lane.conversations > 1 || this.#disposed) throw error;
        if (tries >= LONE_TRIES) throw new TransportError('unreachable', error.message, { cause: error });
        await new Promise((wake) => setTimeout(wake, LONE_WAIT_MS));
      }
    }
  }

  async #open(lane: Lane<C>, waiter: Waiter<Session, C>): Promise<void> {
    const count = waiter.kind === 'command' ? 'commands' : 'conversations';
    lane[count]++;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      lane[count]--;
      this.#closeIfIdle(lane);
      if (!this.#disposed) this.#serve();
    };
    try {
      const session = await this.#openSession(lane);
      if (!this.#free(lane) && ++this.#fullOpens >= RAISE_AFTER) {
        this.#fullOpens = 0;
        this.#limit = Math.min(this.#limit + 1, this.#options.maxSessions);
      }
      waiter.resolve({ session, connection: lane.connection, release });
    } catch (error) {
      const others = lane.commands + lane.conversations - 1;
      if (error instanceof SessionRefused && !this.#disposed) {
        // The others may have ended since it was refused.
        if (others > 0) this.#limit = Math.max(1, Math.min(this.#limit, others));
        this.#fullOpens = 0;
        this.#waiting.unshift(waiter);
      } else
        waiter.reject(
          error instanceof TransportError
            ? error
            : new TransportError('unreachable', error instanceof Error ? error.message : String(error), {
                cause: error,
              }),
        );
      release();
    }
  }
}

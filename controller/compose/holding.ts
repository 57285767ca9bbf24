/**
 * Owns: showing that this controller holds its home, and that its door is there, for as long as it runs.
 * Never: takes back a home that another one has taken over.
 */
import { existsSync } from 'node:fs';
import { NotWrittenError, SacError } from '../../api/resources/errors.ts';
import type { Instant } from '../../api/resources/time.ts';

const HEARTBEAT_MS = 5_000;
/** A removed socket is back before a CLI, which waits 5 s for a controller that holds the home, gives up. */
const DOOR_LOOK_MS = 1_000;

export interface HoldingParts {
  readonly database: { heartbeat(now: Instant): void };
  readonly lock: { secure(): void };
  readonly server: { mend(): void };
  readonly socket: string;
  readonly now: () => Instant;
  /** Another controller has it now. */
  readonly lose: (why: string) => void;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

export interface Holding extends Disposable {
  /** Why the home cannot be written to now, as the last beat found it. */
  readonly refused: string | undefined;
}

export function keepHolding({ database, lock, server, socket, now, lose, log }: HoldingParts): Holding {
  /** Said when it begins and when it is over, not at every beat. */
  let refused: string | undefined;
  const beat = () => {
    try {
      database.heartbeat(now());
      lock.secure();
      // Only who was not replaced may take the path.
      server.mend();
      if (refused !== undefined) log('the home can be written to again', {});
      refused = undefined;
    } catch (error) {
      if (error instanceof NotWrittenError) {
        if (refused !== error.message)
          log('the home cannot be written to: agents are left as they are', { error: error.message });
        refused = error.message;
      } else if (error instanceof SacError) lose(error.message);
      else log('heartbeat failed', { error: String(error) });
    }
  };
  const heartbeat = setInterval(beat, HEARTBEAT_MS);
  const doorLook = setInterval(() => {
    if (!existsSync(socket)) beat();
  }, DOOR_LOOK_MS);
  return {
    get refused() {
      return refused;
    },
    [Symbol.dispose]() {
      clearInterval(heartbeat);
      clearInterval(doorLook);
    },
  };
}

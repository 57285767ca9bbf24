/**
 * Owns: a conversation over a session that may not be there yet: what is said before waits, what is let go ends at once.
 * Never: keeps more than its bound of what was not read over there.
 */
import { LineSplitter } from '../../local/lines.ts';
import { type Conversation, TransportError } from '../../transport.ts';
import type { RemoteProcess } from './remote-process.ts';

const MAX_LINE = 16 * 1024 * 1024;
const MAX_UNSENT = 64 * 1024 * 1024;

export interface ConversationOptions {
  readonly program: string;
  readonly onLine: (line: string) => void;
  /** Waits for a session and begins. Rejects when `signal` aborts. */
  readonly start: (onOutput: (chunk: Uint8Array) => void, signal: AbortSignal) => Promise<RemoteProcess>;
  readonly explain: (error: unknown) => TransportError;
}

export function converseRemotely({ program, onLine, start, explain }: ConversationOptions): Conversation {
  const abort = new AbortController();
  const unsent: string[] = [];
  let unsentLength = 0;
  let remote: RemoteProcess | undefined;
  let ended: string | undefined;
  let tellClosed: (outcome: { readonly reason: string }) => void = () => undefined;
  const closed = new Promise<{ readonly reason: string }>((resolve) => {
    tellClosed = resolve;
  });
  const finish = (reason: string) => {
    if (ended !== undefined) return;
    ended = reason;
    tellClosed({ reason });
  };
  // Whoever lets go of it does not wait for the network.
  const stop = (reason: string) => {
    finish(reason);
    abort.abort();
    remote?.end();
  };
  const lines = new LineSplitter((line) => {
    if (ended === undefined) onLine(line);
  }, MAX_LINE);
  const talk = async () => {
    remote = await start((chunk) => {
      try {
        lines.feed(chunk);
      } catch (error) {
        stop(`${program}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }, abort.signal);
    if (ended !== undefined) remote.end();
    else for (const line of unsent) remote.stdin.write(line);
    unsent.length = 0;
    const { code, signal } = await remote.ended;
    lines.end();
    finish(`${program} ended (${signal ?? `code ${code}`})`);
  };
  talk().catch((error: unknown) => finish(explain(error).message));

  return {
    closed,
    write(line) {
      if (ended !== undefined) throw new TransportError('closed', ended);
      if ((remote?.stdin.writableLength ?? unsentLength) > MAX_UNSENT)
        throw new TransportError('unreachable', `${program} does not read what it is told`);
      if (remote) remote.stdin.write(`${line}\n`);
      else {
        unsent.push(`${line}\n`);
        unsentLength += line.length + 1;
      }
    },
    [Symbol.dispose]: () => stop(`${program} was let go`),
  };
}

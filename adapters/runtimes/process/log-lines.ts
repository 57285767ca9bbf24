/**
 * Owns: lines of a long-lived command as an async iterable, with a bound.
 * Never: waits for a slow reader by filling memory: beyond the bound the oldest lines are dropped, and that is said.
 */
import type { Transport } from '../../transport/transport.ts';
import { whileHeard } from '../../transport/while-heard.ts';

const MAX_WAITING = 10_000;

export async function* followLines(
  t: Transport,
  argv: readonly string[],
  signal: AbortSignal | undefined,
): AsyncIterable<string> {
  const waiting: string[] = [];
  let dropped = 0;
  let ended = signal?.aborted === true;
  let wake: () => void = () => undefined;
  const conversation = t.converse(whileHeard(argv), (line) => {
    waiting.push(line);
    if (waiting.length > MAX_WAITING) {
      waiting.shift();
      dropped++;
    }
    wake();
  });
  const end = () => {
    ended = true;
    wake();
  };
  void conversation.closed.then(end);
  signal?.addEventListener('abort', end);
  try {
    for (;;) {
      const line = waiting.shift();
      if (line !== undefined) {
        if (dropped > 0) {
          yield `[${dropped} lines dropped: the reader was too slow]`;
          dropped = 0;
        }
        yield line;
      } else if (ended) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    signal?.removeEventListener('abort', end);
    conversation[Symbol.dispose]();
  }
}

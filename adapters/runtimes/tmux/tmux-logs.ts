/**
 * Owns: what an agent's terminal has shown, as lines: now, as it goes on, or of the incarnation before.
 * Never: keeps more than one screenful of history in memory, or a connection.
 */
import type { InstanceId } from '../../../api/resources/names.ts';
import type { Transport } from '../../transport/transport.ts';
import { type LogOptions, RuntimeError } from '../runtime.ts';
import { target } from './language.ts';

const POLL_MS = 400;
/** So many equal lines in a row tell where the last capture ended in the next one. */
const ANCHOR = 8;

export async function* tmuxLogs(
  t: Transport,
  tmux: readonly string[],
  id: InstanceId,
  previousFile: string,
  { tail, previous = false, follow = false, signal }: LogOptions,
): AsyncIterable<string> {
  const current = previous ? undefined : await capture(t, tmux, id);
  if (!current) {
    const { code, stdout } = await t.run(['cat', '--', previousFile]);
    if (code !== 0)
      throw new RuntimeError(previous ? `no earlier run of ${id} is kept` : `${id} has not shown anything yet`);
    yield* lastLines(trimEnd(stdout.split('\n')), tail);
    return;
  }
  yield* lastLines(current, tail);
  let shown = current;
  while (follow && !signal?.aborted) {
    await pause(POLL_MS, signal);
    if (signal?.aborted) return;
    const next = await capture(t, tmux, id);
    if (!next) return;
    yield* newLines(shown, next);
    shown = next;
  }
}

async function capture(t: Transport, tmux: readonly string[], id: InstanceId): Promise<readonly string[] | undefined> {
  const { code, stdout } = await t.run([...tmux, 'capture-pane', '-p', '-J', '-S', '-', '-t', target(id)]);
  return code === 0 ? trimEnd(stdout.split('\n')) : undefined;
}

function* lastLines(lines: readonly string[], tail: number | undefined): Iterable<string> {
  yield* tail === undefined ? lines : lines.slice(Math.max(0, lines.length - tail));
}

/** Lines of `next` after the place where `before` ended; all of it when that place cannot be found (the screen was redrawn). */
export function newLines(before: readonly string[], next: readonly string[]): readonly string[] {
  if (before.length === 0) return next;
  const anchor = before.slice(-ANCHOR);
  // The likeliest place first: where it was.
  for (let end = Math.min(before.length, next.length); end >= anchor.length; end--) {
    if (anchor.every((line, i) => next[end - anchor.length + i] === line)) return next.slice(end);
  }
  return next;
}

function trimEnd(lines: readonly string[]): readonly string[] {
  let end = lines.length;
  while (end > 0 && lines[end - 1] === '') end--;
  return lines.slice(0, end);
}

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done);
  });

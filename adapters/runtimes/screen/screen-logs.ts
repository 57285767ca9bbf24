/**
 * Owns: what an agent's window has shown, as lines: now, as it goes on, or of the incarnation before.
 * Never: keeps more than one capture in memory, or a process running.
 */
import type { InstanceId } from '../../../api/resources/names.ts';
import type { Transport } from '../../transport/transport.ts';
import { readLog } from '../process/read-log.ts';
import type { LogOptions, PlaceDirs } from '../runtime.ts';
import { type Capture, newRows, parseCapture } from '../tmux/new-rows.ts';
import type { Shown } from './screens.ts';

const POLL_MS = 1_000;

export async function* screenLogs(
  t: Transport,
  dirs: PlaceDirs,
  look: () => Promise<Shown | undefined>,
  id: InstanceId,
  options: LogOptions,
): AsyncIterable<string> {
  const { tail, previous = false, follow = false, signal } = options;
  const shown = previous ? undefined : await look();
  if (!shown && !follow) return yield* readLog(t, dirs, id, options);
  const first = shown && captured(shown);
  if (first) yield* tail === undefined ? first.rows : first.rows.slice(Math.max(0, first.rows.length - tail));
  if (!follow || previous) return;
  let last = shown && { incarnation: shown.incarnation, capture: captured(shown) };
  while (!signal?.aborted) {
    await pause(POLL_MS, signal);
    const next = await look();
    // Between two incarnations there may be nothing for a while.
    if (!next) continue;
    const capture = captured(next);
    yield* newRows(next.incarnation === last?.incarnation ? last.capture : undefined, capture);
    last = { incarnation: next.incarnation, capture };
  }
}

/** Screen does not say how much has scrolled off: what is above one screenful has. */
function captured({ rows, screen: { height = rows.length } }: Shown): Capture {
  const history = Math.max(0, rows.length - height);
  return parseCapture(rows, history, history, undefined);
}

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });

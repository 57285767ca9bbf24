/**
 * Owns: what an agent's terminal has shown, as lines: now, as it goes on, or of the incarnation before.
 * Never: keeps more than a bounded part of the history in memory, or a process running.
 */
import type { InstanceId } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import { type LogOptions, RuntimeError } from '../runtime.ts';
import type { AgentSessions } from './agent-sessions.ts';
import { command, sessionName, TAG, together } from './control/language.ts';
import { type Capture, newRows, parseCapture } from './new-rows.ts';

const POLL_MS = 500;
/** Rows of scrollback looked at for what is new; an agent that prints more between two looks is shown with a gap. */
const WINDOW = 2_000;
/** No terminal has more rows (place.tmux.height). */
const MOST_ROWS = 500;

export async function* tmuxLogs(
  sessions: AgentSessions,
  transport: Transport,
  id: InstanceId,
  { tail, previous = false, follow = false, signal }: LogOptions,
): AsyncIterable<string> {
  if (previous) {
    yield* await archived(sessions, transport, id, tail);
    return;
  }
  if (follow) {
    yield* followed(sessions, id, tail, signal);
    return;
  }
  const lines = await shown(sessions, id);
  // At rest there is no current run: the last one is what there is to show.
  yield* lines === undefined ? await archived(sessions, transport, id, tail) : lastOf(lines, tail);
}

async function archived(
  sessions: AgentSessions,
  transport: Transport,
  id: InstanceId,
  tail: number | undefined,
): Promise<readonly string[]> {
  const { code, stdout } = await transport.run([
    'tail',
    '-n',
    tail === undefined ? '+1' : `${tail + MOST_ROWS}`,
    '--',
    sessions.previousLog(id),
  ]);
  if (code !== 0) throw new RuntimeError(`no earlier run of ${sessionName(id)} is kept`);
  return lastOf(closedUp(trimEnd(stdout.split('\n'))), tail);
}

/** All that is kept of the terminal, wrapped lines joined. */
async function shown(sessions: AgentSessions, id: InstanceId): Promise<readonly string[] | undefined> {
  const pane = await sessions.pane(id);
  const connection = pane && (await sessions.server.reach());
  if (!connection) return undefined;
  const reply = await connection.request([command('capture-pane', '-p', '-J', '-S', '-', '-t', pane.paneId)]);
  return reply.ok ? closedUp(trimEnd(reply.lines.map((line) => line.trimEnd()))) : undefined;
}

async function* followed(
  sessions: AgentSessions,
  id: InstanceId,
  tail: number | undefined,
  signal: AbortSignal | undefined,
): AsyncIterable<string> {
  let last: { readonly incarnation: Instant; readonly capture: Capture } | undefined;
  while (!signal?.aborted) {
    const next = await look(sessions, id);
    if (next && last === undefined) yield* lastOf(closedUp(next.capture.rows), tail);
    else if (next)
      yield* closedUp(newRows(next.incarnation === last?.incarnation ? last.capture : undefined, next.capture));
    // Between two incarnations there may be nothing for a while.
    last = next ?? last;
    await pause(POLL_MS, signal);
  }
}

async function look(sessions: AgentSessions, id: InstanceId) {
  const pane = await sessions.pane(id);
  const connection = pane && (await sessions.server.reach());
  if (!connection) return undefined;
  const at = pane.paneId;
  // On one line, so that the numbers speak of what is captured.
  const reply = await connection.request([
    together(
      command('display-message', '-p', '-t', at, `#{${TAG.incarnation}} #{history_size} #{cursor_y} #{pane_dead}`),
      command('capture-pane', '-p', '-S', `-${WINDOW}`, '-t', at),
    ),
  ]);
  const [head = '', ...rows] = reply.lines;
  const [incarnation, history, cursor, dead] = head.split(' ').map(Number);
  if (!reply.ok || incarnation === undefined || history === undefined || cursor === undefined) return undefined;
  return {
    incarnation,
    capture: parseCapture(rows, history, Math.min(history, WINDOW), dead === 1 ? undefined : cursor),
  };
}

function lastOf(lines: readonly string[], tail: number | undefined): readonly string[] {
  return tail === undefined ? lines : lines.slice(Math.max(0, lines.length - tail));
}

/** tmux writes how a pane died on its last row: what lies empty between that and the last output was never printed. */
function closedUp(lines: readonly string[]): readonly string[] {
  const words = lines.at(-1);
  if (words === undefined || !words.startsWith('Pane is dead')) return lines;
  return [...trimEnd(lines.slice(0, -1)), words];
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

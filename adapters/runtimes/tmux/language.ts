/**
 * Owns: putting words into tmux's command language, and reading one listing.
 * Never: lets data become syntax: a newline would begin another command, so it is refused.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import { RuntimeError, type Sighting } from '../runtime.ts';

/** One word of a tmux command. Between single quotes nothing is special but the quote (tmux(1), PARSING SYNTAX). */
export function word(text: string): string {
  if (/[\n\r\0]/.test(text))
    throw new RuntimeError(
      `"${text.replaceAll(/[\n\r\0]/g, '?')}" holds a line break, which tmux's control mode cannot carry`,
    );
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
export const command = (...words: readonly string[]): string => words.map(word).join(' ');

/** Exactly this session: a bare `-t foo` would also match `foobar`. */
export const target = (id: InstanceId): string => `=${instanceNameOf(id)}:`;

/** The tag on a session: `id incarnation hash`. */
export const tagOf = (id: InstanceId, incarnation: number, hash: string): string => `${id} ${incarnation} ${hash}`;
export const TAG = '@sac';

/** Of each pane; the tag first, because it alone is ours. No field but the tag may hold a tab, and ours does not. */
export const LISTING = `#{${TAG}}\t#{session_name}\t#{pane_pid}\t#{pane_dead}\t#{pane_dead_status}\t#{pane_dead_signal}\t#{pane_dead_time}\t#{session_created}\t#{pane_index}`;

export interface Pane {
  readonly sighting: Sighting;
  /** Dead, but tmux has not yet been told how: look again. */
  readonly undecided: boolean;
}

const SIGNAL_NAMES: readonly string[] = [
  '',
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGKILL',
  'SIGUSR1',
  'SIGSEGV',
  'SIGUSR2',
  'SIGPIPE',
  'SIGALRM',
  'SIGTERM',
];
export const signalName = (number: number): string => SIGNAL_NAMES[number] ?? `SIG${number}`;

/** Undefined for a line that is not one of ours: foreign sessions carry no tag. */
export function parsePane(line: string, isOurs: (id: string) => boolean): Pane | undefined {
  const [tag = '', session, pid, dead, status, signal, deadTime, created] = line.split('\t');
  const match = /^(\S+) (\d+) ([0-9a-f]+)$/.exec(tag);
  const id = match?.[1];
  if (!match || id === undefined || session === undefined || !isOurs(id)) return undefined;
  // A tag copied to a session of another name is not ours to touch.
  if (instanceNameOf(id as InstanceId) !== session) return undefined;
  const exited = dead === '1';
  const known = exited && (status !== '' || signal !== '');
  const at = deadTime ? Number(deadTime) * 1000 : undefined;
  return {
    undecided: exited && !known,
    sighting: {
      id: id as InstanceId,
      incarnation: Number(match[2]),
      launchHash: match[3] ?? '',
      state: exited ? 'exited' : 'running',
      session,
      ...(pid && !exited && { pid: Number(pid) }),
      ...(created && { startedAt: Number(created) * 1000 }),
      ...(exited && {
        exit: {
          ...(signal ? { signal: signalName(Number(signal)) } : status ? { code: Number(status) } : {}),
          ...(at !== undefined && Number.isFinite(at) && { at }),
        },
      }),
    },
  };
}

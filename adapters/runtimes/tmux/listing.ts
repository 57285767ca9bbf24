/**
 * Owns: asking for tmux's listing of panes, and reading it.
 * Never: takes a pane for ours that does not carry our tag, or reports an exit that is not known yet.
 */
import { type FleetId, fleetOf, type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import { RuntimeError, type Sighting } from '../runtime.ts';
import type { ControlConnection } from './control/control-connection.ts';
import { AGENT_PANE, command, exactly, TAG } from './control/language.ts';

const FIELDS = [
  TAG.id,
  TAG.incarnation,
  TAG.hash,
  AGENT_PANE,
  'session_name',
  'pane_id',
  'pane_pid',
  'pane_dead',
  'pane_dead_status',
  'pane_dead_signal',
  'pane_dead_time',
  'session_created',
  TAG.submitted,
] as const;
/** A line a pane. No field can hold a tab: ours are checked, tmux's are numbers and names without control characters. */
export const LISTING = FIELDS.map((field) => `#{${field}}`).join('\t');

export interface Pane {
  /** `%7`: never used again by the same server, so a target that cannot hit another. */
  readonly paneId: string;
  readonly sighting: Sighting;
  /** Made by a version of ours that told its tags as options, which hide what is told otherwise. */
  readonly tagsAreOptions: boolean;
  /** Its terminal is closed, but how the process ended tmux does not know (yet): until then it counts as running. */
  readonly undecided: boolean;
}

const SIGNAL_NAMES: readonly string[] = [
  '',
  ...'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'
    .split(' ')
    .map((name) => `SIG${name}`),
];
/** Linux numbers; signal(7). */
const signalName = (number: number): string => SIGNAL_NAMES[number] ?? `SIG${number}`;

/** Whose session a line speaks of; empty for one without our tag. */
export const ownerOf = (line: string): string => line.slice(0, Math.max(0, line.indexOf('\t')));

/** Undefined for a line that is not the pane of an agent of this fleet. */
export function parsePane(line: string, fleet: FleetId): Pane | undefined {
  const [
    id = '',
    incarnation,
    hash,
    agentPane,
    session,
    paneId,
    pid,
    dead,
    status,
    signal,
    deadTime,
    created,
    submitted,
  ] = line.split('\t');
  if (!isAgentPane(agentPane, paneId) || !isIdOf(id, fleet)) return undefined;
  if (!incarnation || !hash || !paneId || !Number.isSafeInteger(Number(incarnation))) return undefined;
  // A tag copied to a session of another name is not ours to touch.
  if (session !== instanceNameOf(id)) return undefined;
  const exited = dead === '1' && (status !== '' || signal !== '');
  const since = Math.max(Number(incarnation), Number(created) * 1000 || 0);
  return {
    paneId,
    tagsAreOptions: agentPane === '1',
    undecided: dead === '1' && !exited,
    sighting: {
      id,
      incarnation: Number(incarnation),
      launchHash: hash,
      state: exited ? 'exited' : 'running',
      session,
      ...(!exited && Number(pid) > 0 && { pid: Number(pid) }),
      // tmux keeps no time of a respawn, but the incarnation is the time it was decided.
      startedAt: since,
      ...(Number(submitted) > 0 && { submitted: Number(submitted) }),
      ...(exited && {
        exit: {
          ...(signal ? { signal: signalName(Number(signal)) } : { code: Number(status) }),
          ...(Number(deadTime) > 0 && { at: Number(deadTime) * 1000 }),
        },
      }),
    },
  };
}

/** Earlier versions had an option of the pane, `1`. */
export const isAgentPane = (told: string | undefined, paneId: string | undefined): boolean =>
  told === '1' || (told !== undefined && told !== '' && told === paneId);

const isIdOf = (id: string, fleet: FleetId): id is InstanceId =>
  id.includes('.') && fleetOf(id as InstanceId) === fleet;

export const isMissing = (error: string): boolean => /^can't find (?:session|window|pane)/.test(error);

export async function allPanes(connection: ControlConnection): Promise<readonly string[]> {
  const reply = await connection.request([command('list-panes', '-a', '-F', LISTING)]);
  if (!reply.ok) throw new RuntimeError(`tmux could not list its panes: ${reply.error}`);
  return reply.lines;
}

/** Of those that have a session. */
export async function panesOf(connection: ControlConnection, ids: readonly InstanceId[]): Promise<readonly string[]> {
  const reply = await connection.request(
    ids.map((id) => command('list-panes', '-s', '-t', exactly(id), '-F', LISTING)),
  );
  const refused = reply.errors.find((error) => !isMissing(error));
  if (refused !== undefined) throw new RuntimeError(`tmux could not list panes: ${refused}`);
  return reply.lines;
}

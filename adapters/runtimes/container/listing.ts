/**
 * Owns: how containers are listed: the engines' format, and reading it. Pure.
 * Never: guesses: a line that is not whole is no container.
 */
import { type FleetId, fleetOf, type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { exitFromStatus } from '../process/listing.ts';
import type { Sighting } from '../runtime.ts';

/** Labels that carry ownership. */
export const LABEL = {
  fleet: 'sac.fleet',
  id: 'sac.id',
  incarnation: 'sac.incarnation',
  hash: 'sac.launch-hash',
} as const;

const label = (name: string) => `{{index .Config.Labels ${JSON.stringify(name)}}}`;

/** `container inspect --format`; the same for all engines. Go templates. LIST puts four fields before it: see there. */
export const INSPECT_FORMAT = [
  '{{.State.Pid}}',
  '{{.Id}}',
  '{{.Name}}',
  label(LABEL.incarnation),
  '{{.State.Status}}',
  '{{.State.ExitCode}}',
  '{{.State.OOMKilled}}',
  '{{json .State.StartedAt}}',
  '{{json .State.FinishedAt}}',
  ...[LABEL.fleet, LABEL.id, LABEL.hash].map(label),
  '{{json .Config.Cmd}}',
].join('\t');

/** A container with a name that we asked about or with our label. */
export interface Container {
  /** The engine's id: another one for each container ever made. */
  readonly containerId: string;
  readonly name: string;
  /** Undefined: not ours. */
  readonly sighting: Sighting | undefined;
  /** Its first process on the place's machine, while it runs there and can be seen. */
  readonly init?: Init;
}

export interface Init {
  readonly pid: number;
  /** Against another process with that pid: when it began, in clock ticks after boot. */
  readonly since: number;
  /** Of the terminal, as it was made. */
  readonly columns: number;
  readonly rows: number;
}

export const containerName = (id: InstanceId): string => `sac-${fleetOf(id)}-${instanceNameOf(id)}`;

/** The instance of a container's name, if it is a name we give. */
export function idOfName(name: string, fleet: FleetId): InstanceId | undefined {
  const prefix = `sac-${fleet}-`;
  return name.startsWith(prefix) ? (`${fleet}.${name.slice(prefix.length)}` as InstanceId) : undefined;
}

const KILLED = 137;

export function parseListing(text: string, fleet: FleetId): readonly Container[] {
  return text.split('\n').flatMap((line): readonly Container[] => {
    const fields = line.split('\t');
    const [
      agent = '',
      since,
      note = '',
      noted = '',
      first,
      containerId = '',
      slashed = '',
      at = '',
      status = '',
      ...rest
    ] = fields;
    const [code, oom, started, finished, owner, id, hash, command = ''] = rest;
    if (fields.length !== 17 || !/^[0-9a-f]{12,}$/.test(containerId)) return [];
    const name = slashed.replace(/^\//, '');
    const ours = owner === fleet && id !== undefined && idOfName(name, fleet) === id && /^\d+$/.test(at);
    if (!ours) return [{ containerId, name, sighting: undefined }];
    const began = instantOf(started);
    const ended = instantOf(finished);
    const alive = isAlive(status);
    const [notedOf, count] = note.split(' ');
    const submitted = notedOf === at ? Number(count) : 0;
    const sighting: Sighting = {
      id: id as InstanceId,
      incarnation: Number(at),
      launchHash: hash ?? '',
      state: alive ? 'running' : 'exited',
      session: instanceNameOf(id as InstanceId),
      ...(alive && Number(agent) > 0 && { pid: Number(agent) }),
      ...(began !== undefined && { startedAt: began }),
      ...(submitted > 0 && { submitted }),
      ...(!alive && { exit: exitOf(began, ended, Number(code), oom === 'true' || noted === 'oom') }),
    };
    const init = alive && initOf(Number(first), Number(since), command);
    return [{ containerId, name, sighting, ...(init && { init }) }];
  });
}

/** The command is what run-argv.ts made it: INIT's columns and rows are where they are. */
function initOf(pid: number, since: number, command: string): Init | undefined {
  const [, columns, rows] = /"(\d+)","(\d+)","\d+"\]$/.exec(command) ?? [];
  return pid > 0 && since > 0 && columns !== undefined
    ? { pid, since, columns: Number(columns), rows: Number(rows) }
    : undefined;
}

/** One that was made and never begun has no exit: nobody knows how it went. */
function exitOf(
  began: Instant | undefined,
  ended: Instant | undefined,
  code: number,
  oom: boolean,
): NonNullable<Sighting['exit']> {
  if (began === undefined || !Number.isInteger(code)) return {};
  return {
    ...exitFromStatus(code),
    ...(ended !== undefined && { at: ended }),
    // The engine says so also when something else in the container was chosen, and the agent went on.
    ...(oom && code === KILLED && { cause: 'OOMKilled' as const }),
  };
}

function isAlive(status: string): boolean {
  switch (status) {
    case 'running':
    case 'paused':
    case 'restarting':
    case 'stopping':
      return true;
    default:
      return false;
  }
}

/** RFC 3339 with nanoseconds, in quotes; the year 1 means never. */
function instantOf(quoted: string | undefined): Instant | undefined {
  const at = Date.parse((quoted ?? '').replaceAll('"', '').replace(/(\.\d{3})\d+/, '$1'));
  return Number.isFinite(at) && at > 0 ? at : undefined;
}

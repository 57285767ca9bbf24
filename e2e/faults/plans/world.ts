/**
 * Owns: what is true of a fleet, read off the world itself: processes by their marks, sessions, files, the agents' own diaries.
 * Never: believes the controller; its view is one more thing to compare.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Agent } from '../../../api/resources/agent/agent.ts';
import { carries, environOf, ProcessSearch, readOf } from '../../processes.ts';
import type { SupervisedFleet } from '../supervised-fleet.ts';

/** One line a fact, sorted: two runs are compared by these. */
export type Facts = readonly string[];

export interface Marked {
  readonly pid: number;
  readonly id: string;
  readonly incarnation: string;
  /** Last part of the program's path, or what follows an interpreter. */
  readonly program: string;
}

/** Live processes (no zombies) with the mark of this fleet. */
export const markedProcesses = (fleet: SupervisedFleet): readonly Marked[] => fleet.marked().flatMap(described);

function described(pid: number): readonly Marked[] {
  const environ = environOf(pid);
  const of = (name: string) =>
    environ.find((variable) => variable.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  const argv = readOf(pid, 'cmdline').split('\0');
  if (argv[0] === '' || of('SAC_INCARNATION') === '') return [];
  const program = (argv.find((word) => word.endsWith('.pl')) ?? argv[0] ?? '').split('/').at(-1) ?? '';
  return [{ pid, id: of('SAC_ID'), incarnation: of('SAC_INCARNATION'), program }];
}

/** Programs that run for a fleet without being an agent's: tmux, its clients, watchers. */
const serversOf = (fleet: SupervisedFleet): readonly string[] =>
  fleet.unmarked().flatMap((pid) => {
    const [program = ''] = readOf(pid, 'cmdline').split('\0');
    return pid === fleet.controllerPid || program === '' ? [] : [program.split(' ')[0] ?? ''];
  });

const nameOf = (id: string): string => id.slice(id.indexOf('.') + 1);

/** Names that differ between two runs of the same: kept out of the comparison. */
const VOLATILE = /^sac\.db-(?:wal|shm)$/;

function files(folder: string, base = folder): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path, base);
    const name = relative(base, path);
    return VOLATILE.test(name) ? [] : [name];
  });
}

const agentFact = ({ metadata, status }: Agent): readonly string[] => [
  `agent ${metadata.name} ${status.phase} ready=${status.ready} generation=${metadata.generation} seen=${status.observedGeneration} restarts=${status.restarts}`,
  ...status.instances.map(
    ({ name, phase, ready, restarts, host, runtime, lastExit }) =>
      `instance ${name} ${host}/${runtime} ${phase} ready=${ready} restarts=${restarts} last=${lastExit ? `${lastExit.reason} ${lastExit.code ?? ''} ${lastExit.signal ?? ''}` : 'none'}`,
  ),
];

export async function factsOf(fleet: SupervisedFleet, agents: readonly Agent[]): Promise<Facts> {
  const { code, stdout } = await fleet.tmux(['list-sessions', '-F', '#{session_name}']);
  const sessions = code === 0 ? stdout.split('\n').filter((name) => name !== '') : [];
  return [
    ...agents.flatMap(agentFact),
    ...markedProcesses(fleet).map(({ id, program }) => `process ${nameOf(id)} ${program}`),
    ...serversOf(fleet).map((program) => `helper ${program}`),
    ...sessions.map((name) => `session ${name}`),
    ...files(fleet.home).map((name) => `file ${withoutNumbers(name)}`),
    ...files(join(fleet.dir, 'tmp')).map((name) => `temporary file ${name}`),
    ...files(join(fleet.dir, 'tmux')).map((name) => `tmux socket ${name.replaceAll(fleet.fleetId, 'FLEET')}`),
  ].sort();
}

export interface Diary {
  /** Starts, and incarnations that were asked to leave, by instance. */
  readonly facts: Facts;
  /** Two incarnations of one instance that lived at the same time. */
  readonly doubles: readonly string[];
}

const linesOf = ({ life }: SupervisedFleet): readonly string[] => {
  const path = join(life, 'life');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
};

/** Processes that have come to where they listen to signals; before, one that ignores them ends of the first. */
export const bornIn = (fleet: SupervisedFleet): ReadonlySet<number> =>
  new Set(linesOf(fleet).flatMap((line) => (line.endsWith(' born') ? [Number(line.split(' ')[2])] : [])));

/** What the agents wrote down themselves. */
export function readDiary(fleet: SupervisedFleet): Diary {
  const born = new Map<string, number>();
  const asked = new Map<string, Set<string>>();
  const doubles: string[] = [];
  for (const line of linesOf(fleet)) {
    const [name = '', incarnation = '', , what] = line.split(' ');
    if (what === 'born') born.set(name, (born.get(name) ?? 0) + 1);
    if (what === 'asked') asked.set(name, (asked.get(name) ?? new Set()).add(incarnation));
    if (what === 'two') doubles.push(`${name}: incarnation ${incarnation} was born while another one lived`);
  }
  return {
    facts: [
      ...[...born].map(([name, count]) => `${name} was created ${count} times`),
      ...[...asked].map(([name, { size }]) => `${name} was asked to leave ${size} times`),
    ].sort(),
    doubles,
  };
}

/** Watches the marks of all processes for two living incarnations of one instance. */
export class Sampler implements Disposable {
  readonly #doubles = new Map<string, string>();
  /** Of all fleets: whoever leads such a life, and no other test's agents. */
  readonly #lives = new ProcessSearch(carries('LIFE_DIR='));
  readonly #timer: NodeJS.Timeout;

  constructor(everyMs: number) {
    this.#timer = setInterval(() => this.#sample(), everyMs);
  }

  doublesOf(fleetId: string): readonly string[] {
    return [...this.#doubles].filter(([id]) => id.startsWith(`${fleetId}.`)).map(([, told]) => told);
  }

  #sample(): void {
    const living = new Map<string, Marked>();
    for (const one of this.#lives.find().flatMap(described)) {
      // Children that were left behind may outlive their incarnation until the next sweep.
      if (one.program !== 'life.pl') continue;
      const other = living.get(one.id);
      if (other && other.incarnation !== one.incarnation)
        this.#doubles.set(one.id, `${nameOf(one.id)}: incarnations ${other.incarnation} and ${one.incarnation} live`);
      living.set(one.id, one);
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** screen names its sockets PID.FLEET.NAME, and launch files are NAME.INCARNATION.sh: numbers of a run, as it were. */
const withoutNumbers = (name: string): string =>
  name.replace(/\/\d+\.[0-9a-f]{8}\./, '/PID.FLEET.').replace(/\.\d{10,}\.sh$/, '.INCARNATION.sh');

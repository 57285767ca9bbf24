/**
 * Owns: ending every process that belongs to an incarnation, found by the mark in its environment and by descent.
 * Never: touches a process without our mark or a marked ancestor. Scripts are constants; data is passed as "$1", ...
 */
import type { FleetId, InstanceId } from '../../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import { RuntimeError } from '../runtime.ts';
import { type MarkedProcess, type ProcessTable, parseMarks, parseProcessTable, processesOf } from './process-table.ts';
import { SharedLook } from './shared-look.ts';

/**
 * sh -c SCAN sac-scan FLEET marks|all. One grep over all environments and one cat over all stats, whatever the number of
 * processes. Environments that cannot be read are other users'. Only whole entries of our grammar are printed, so that no value
 * can pass for another's entry. The stats cost as much as the marks, and are needed only where something is to be ended.
 */
const SCAN = `
cd /proc && [ -r self/stat ] || exit 0
echo "$$ $PPID"
LC_ALL=C grep -Hzaox -e "SAC_ID=$1[.][a-z0-9-]*" -e 'SAC_INCARNATION=[0-9]*' [0-9]*/environ 2>/dev/null | tr '\\0' '\\n'
echo --
[ "$2" = marks ] || cat [0-9]*/stat 2>/dev/null
exit 0
`;

const SIGNAL = `signal=$1; shift; for pid; do kill -s "$signal" -- "$pid" 2>/dev/null; done; exit 0`;
const ROUNDS = 10;
/**
 * From a kill to the next look: on a busy machine what was killed is there for a while, and what is just becoming another program
 * has no environment, so no mark (proc_pid_environ(5)). 1.3 s in all.
 */
const pauseAfter = (round: number): DurationMs => Math.min(200, 10 * 2 ** round);
/** An argument list is bounded; so many pids are far below it. */
const PIDS_AT_ONCE = 1_000;

/** One a machine: those who ask at the same time share one look at the processes. */
export class Reaper {
  readonly #transport: Transport;
  readonly #table: SharedLook<ProcessTable>;
  readonly #marks: SharedLook<readonly MarkedProcess[]>;

  constructor(transport: Transport, fleet: FleetId) {
    this.#transport = transport;
    const look = async <T>(what: 'marks' | 'all', parse: (text: string) => T | undefined): Promise<T> => {
      const { stdout, stderr } = await transport.run(['sh', '-c', SCAN, 'sac-scan', fleet, what]);
      const seen = parse(stdout);
      if (seen === undefined)
        throw new RuntimeError(
          `the processes on ${transport.host} cannot be seen (needs /proc and GNU grep): ${stderr.trim()}`,
        );
      return seen;
    };
    this.#table = new SharedLook(() => look('all', parseProcessTable));
    this.#marks = new SharedLook(() => look('marks', parseMarks));
  }

  /** A look that begins after this call. Throws RuntimeError where processes cannot be seen. */
  scan(): Promise<ProcessTable> {
    return this.#table.ask();
  }

  /** A pid as text may be `-<process group>`. Who is gone already is passed over. */
  async signal(pids: readonly (number | string)[], signal: 'TERM' | 'KILL' | 'USR1'): Promise<void> {
    const { signal: atOnce } = this.#transport;
    if (atOnce) {
      for (const pid of pids) atOnce(Number(pid), `SIG${signal}`);
      return;
    }
    for (let at = 0; at < pids.length; at += PIDS_AT_ONCE)
      await this.#transport.run([
        'sh',
        '-c',
        SIGNAL,
        'sac-signal',
        signal,
        ...pids.slice(at, at + PIDS_AT_ONCE).map(String),
      ]);
  }

  /** Kills until nothing is left: what forks while it is being killed is found in the next round. Returns how many. */
  async kill(wanted: (mark: MarkedProcess) => boolean, roots: readonly number[] = []): Promise<number> {
    const killed = new Set<number>();
    for (let round = 0; round < ROUNDS; round++) {
      // A root is a pid of a moment ago: only in the first round it is surely still the same process.
      const from = round === 0 ? roots : [];
      // Nearly always nothing is left.
      if (from.length === 0 && !(await this.#marks.ask()).some(wanted)) break;
      const pids = processesOf(await this.scan(), wanted, from);
      if (pids.length === 0) break;
      for (const pid of pids) killed.add(pid);
      await this.signal(pids, 'KILL');
      await new Promise((wake) => setTimeout(wake, pauseAfter(round)));
    }
    return killed.size;
  }

  /** Asks each process of an incarnation once to leave. */
  async term(id: InstanceId, incarnation: Instant, roots: readonly number[] = []): Promise<void> {
    await this.signal(processesOf(await this.scan(), isOf(id, incarnation), roots), 'TERM');
  }

  /** Kills all that these incarnations and those before them left running; ids that are not named are left alone. Returns how many. */
  sweep(over: ReadonlyMap<InstanceId, Instant>): Promise<number> {
    return this.kill(({ id, incarnation }) => incarnation <= (over.get(id as InstanceId) ?? -1));
  }

  /** Kills all that an incarnation left running. Returns how many. */
  reap(id: InstanceId, incarnation: Instant, roots: readonly number[] = []): Promise<number> {
    return this.kill(isOf(id, incarnation), roots);
  }
}

const isOf = (id: InstanceId, incarnation: Instant) => (mark: MarkedProcess) =>
  mark.id === id && mark.incarnation === incarnation;

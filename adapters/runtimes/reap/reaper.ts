/**
 * Owns: ending every process that belongs to an incarnation, found by the mark in its environment and by descent.
 * Never: touches a process without our mark or a marked ancestor. Scripts are constants; data is passed as "$1", ...
 */
import type { FleetId, InstanceId } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import { type MarkedProcess, type ProcessTable, parseProcessTable, processesOf } from './process-table.ts';
import { SharedLook } from './shared-look.ts';

/** One grep over all environments and one cat over all stats, whatever the number of processes. Unreadable ones are others'. */
const SCAN = `
grep -Hzao -e "^SAC_ID=$1\\\\..*" -e '^SAC_INCARNATION=[0-9]*' /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'
printf '\\n--\\n'
cat /proc/[0-9]*/stat 2>/dev/null
exit 0
`;

const SIGNAL = `signal=$1; shift; for pid; do kill -s "$signal" -- "$pid" 2>/dev/null; done; exit 0`;
const ROUNDS = 10;

/** One a runtime and machine: those who ask at the same time share one look at the processes. */
export class Reaper {
  readonly #transport: Transport;
  readonly #table: SharedLook<ProcessTable>;

  constructor(transport: Transport, fleet: FleetId) {
    this.#transport = transport;
    this.#table = new SharedLook(async () => parseProcessTable((await transport.run(['sh', '-c', SCAN, 'sac-scan', fleet])).stdout));
  }

  /** A look that begins after this call. */
  scan(): Promise<ProcessTable> {
    return this.#table.ask();
  }

  async signal(pids: readonly (number | string)[], signal: 'TERM' | 'KILL' | 'USR1'): Promise<void> {
    // An argument list is bounded; a thousand pids are far below it.
    for (let at = 0; at < pids.length; at += 1_000) await this.#transport.run(['sh', '-c', SIGNAL, 'sac-signal', signal, ...pids.slice(at, at + 1_000).map(String)]);
  }

  /** Kills until nothing is left: what forks while it is being killed is found in the next round. Returns how many. */
  async kill(wanted: (mark: MarkedProcess) => boolean): Promise<number> {
    const killed = new Set<number>();
    for (let round = 0; round < ROUNDS; round++) {
      const pids = processesOf(await this.scan(), wanted);
      if (pids.length === 0) break;
      for (const pid of pids) killed.add(pid);
      await this.signal(pids, 'KILL');
    }
    return killed.size;
  }

  reap(id: InstanceId, incarnation: Instant): Promise<number> {
    return this.kill((mark) => mark.id === id && mark.incarnation === incarnation);
  }
}

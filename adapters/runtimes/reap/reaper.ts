/**
 * Owns: finding and ending every process that belongs to an incarnation, by the mark in its environment and by descent.
 * Never: touches a process without our mark or without a marked ancestor. The scripts are constants; data is passed as "$1", ...
 */
import type { FleetId, InstanceId } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import { RuntimeError } from '../runtime.ts';

/**
 * Prints pids of processes whose environment holds both marks, and of all their descendants (whose environment may have
 * been cleared). One grep over /proc finds the marked, one awk closes over parents: no process a process. proc(5).
 */
const FIND = `
marked=$(grep -lzxF -e "SAC_INCARNATION=$2" /proc/[0-9]*/environ 2>/dev/null | xargs -r grep -lzxF -e "SAC_ID=$1" 2>/dev/null | tr -dc '0-9\\n')
[ -n "$marked" ] || exit 0
cat /proc/[0-9]*/stat 2>/dev/null | awk -v marked="$marked" -v self="$$" '
  BEGIN { n = split(marked, m, "\\n"); for (i = 1; i <= n; i++) mine[m[i]] = 1 }
  { pid = $1; sub(/^.*\\) /, ""); parent[pid] = $2; state[pid] = $1 }
  END {
    do { grew = 0; for (p in parent) if (!(p in mine) && (parent[p] in mine)) { mine[p] = 1; grew = 1 } } while (grew)
    for (p in mine) if (p != "" && p != self && (p in parent) && state[p] != "Z") print p
  }'
`;

/** Prints `id incarnation pid` of every process marked as one of the fleet "$1". */
const LIST = `
for file in $(grep -lz -e "^SAC_ID=$1\\\\." /proc/[0-9]*/environ 2>/dev/null); do
  pid=\${file#/proc/}; pid=\${pid%/environ}
  tr '\\0' '\\n' < "$file" 2>/dev/null | awk -v pid="$pid" -F= '$1 == "SAC_ID" { id = $2 } $1 == "SAC_INCARNATION" { inc = $2 } END { if (id != "" && inc != "") print id, inc, pid }'
done
`;

const SIGNAL = `signal=$1; shift; kill -s "$signal" -- "$@" 2>/dev/null; exit 0`;

export interface MarkedProcess {
  readonly id: string;
  readonly incarnation: Instant;
  readonly pid: number;
}

/** Pids of everything this incarnation is and has spawned, also in sessions of their own. */
export async function findProcesses(t: Transport, id: InstanceId, incarnation: Instant): Promise<readonly number[]> {
  const { code, stdout, stderr } = await t.run(['sh', '-c', FIND, 'sac-find', id, String(incarnation)]);
  if (code !== 0 && stdout === '' && stderr !== '') throw new RuntimeError(`processes of ${id} could not be listed: ${stderr.trim()}`);
  return parsePids(stdout);
}

export async function signalProcesses(t: Transport, pids: readonly number[], signal: 'TERM' | 'KILL'): Promise<void> {
  // A line of arguments is bounded; 1,000 pids are far below it.
  for (let at = 0; at < pids.length; at += 1_000) await t.run(['sh', '-c', SIGNAL, 'sac-signal', signal, ...pids.slice(at, at + 1_000).map(String)]);
}

/** Kills until nothing of the incarnation is left: what forks while it is being killed is found in the next round. */
export async function reapIncarnation(t: Transport, id: InstanceId, incarnation: Instant): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const pids = await findProcesses(t, id, incarnation);
    if (pids.length === 0) return;
    await signalProcesses(t, pids, 'KILL');
  }
}

export async function listFleet(t: Transport, fleet: FleetId): Promise<readonly MarkedProcess[]> {
  const { stdout } = await t.run(['sh', '-c', LIST, 'sac-list', fleet]);
  return stdout.split('\n').flatMap((line) => {
    const [id, incarnation, pid] = line.split(' ');
    return id && incarnation && pid ? [{ id, incarnation: Number(incarnation), pid: Number(pid) }] : [];
  });
}

const parsePids = (text: string): readonly number[] => text.split('\n').filter((line) => /^\d+$/.test(line)).map(Number);

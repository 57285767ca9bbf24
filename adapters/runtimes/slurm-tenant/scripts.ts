/**
 * Owns: the sh programs of pools: their job script, and what is asked of SLURM where jobs are submitted. Data comes as "$1", ... or stdin.
 * Never: holds data but through the one quoting function.
 *
 * `<run>/pool/<job>/up`: the tmux server of that job takes tenants. `<logs>/.pool`: this fleet has used pools.
 */
import type { FleetId } from '../../../api/resources/names.ts';
import { quoteWord } from '../../transport/quote.ts';
import { type PoolOrder, renderPoolMark, socketBase } from '../pool.ts';
import type { PlaceDirs } from '../runtime.ts';
import { ASK } from '../slurm/scripts.ts';

/** What sbatch reads as a path, whatever it stands beside; `%` would be a pattern. */
const PLAIN_PATH = /^[A-Za-z0-9_./-]+$/;

export const poolRoot = (dirs: PlaceDirs): string => `${dirs.run}/pool`;

export function renderPoolScript(fleet: FleetId, order: PoolOrder, dirs: PlaceDirs): string {
  const { reservation, spec } = order;
  const root = poolRoot(dirs);
  const given: readonly (readonly [string, string | number | undefined])[] = [
    ['job-name', `sac-pool-${reservation}`],
    ['comment', renderPoolMark(fleet, order)],
    ['partition', spec.partition],
    ['account', spec.account],
    ['time', spec.time],
    ['nodes', spec.nodes],
    // With fewer tasks than nodes sbatch takes no more nodes than tasks.
    ['ntasks', spec.nodes],
    ['cpus-per-task', spec.cpus],
    ['mem', spec.mem],
    ['gres', spec.gres],
    ['output', PLAIN_PATH.test(root) ? `${root}/%j.log` : '/dev/null'],
    ['chdir', '/'],
  ];
  return [
    '#!/bin/bash',
    `# Allocation of the reservation ${reservation}, written by sac. Agents live in it as sessions of its tmux server.`,
    ...given.flatMap(([key, value]) => (value === undefined ? [] : [`#SBATCH --${key}=${value}`])),
    '#SBATCH --no-requeue',
    '',
    `sac_root=${quoteWord(root)}`,
    `sac_fleet=${quoteWord(fleet)}`,
    `sac_socket=${quoteWord(socketBase(fleet, spec))}-$SLURM_JOB_ID`,
    POOL_BODY,
  ].join('\n');
}

/** Kept in bash 4. The server is a child of the script, so that SLURM counts it and all agents as the job's. */
const POOL_BODY = `
umask 077
mkdir -p "$sac_root/$SLURM_JOB_ID"
unset TMUX TMUX_PANE TMUX_TMPDIR STY

# Pids of tenants of this job.
sac_tenants() {
  grep -lzsx "SLURM_JOB_ID=$SLURM_JOB_ID" /proc/[0-9]*/environ | while IFS= read -r file; do
    grep -qzs "^SAC_ID=$sac_fleet[.]" "$file" && file=\${file#/proc/} && printf '%s ' "\${file%%/*}"
  done
}
sac_end() {
  trap '' TERM
  rm -f "$sac_root/$SLURM_JOB_ID/up"
  local round pids
  pids=$(sac_tenants)
  [ -z "$pids" ] || { kill -TERM $pids 2>/dev/null; sleep 1; }
  tmux -L "$sac_socket" kill-server 2>/dev/null
  for round in 1 2 3 4 5; do
    pids=$(sac_tenants)
    [ -n "$pids" ] || break
    kill -KILL $pids 2>/dev/null
  done
  exit 0
}
trap sac_end TERM

tmux -L "$sac_socket" -u -D &
sac_server=$!
until tmux -L "$sac_socket" list-sessions >/dev/null 2>&1; do
  kill -0 "$sac_server" 2>/dev/null || { echo 'sac: tmux does not run here'; exit 1; }
  sleep 0.1
done
: >"$sac_root/$SLURM_JOB_ID/up"
while kill -0 "$sac_server" 2>/dev/null; do wait "$sac_server"; done
sac_end
`;

const ROWS = `rows() {
  SLURM_TIME_FORMAT=%s ${ASK} squeue --noheader --user="$(id -un)" --format='%A|%T|%S|%e|%N|%r|%k'
}`;

/** sh -c LIST sac-pools ROOT LOGS: a line a job of the user: \`UP|JOB|STATE|START|END|NODE|REASON|COMMENT\`. Exits 3 when SLURM did not answer. */
export const LIST = `${ROWS}
[ -d "$1" ] || [ -e "$2/.pool" ] || exit 0
found=$(rows) || exit 3
printf '%s\\n' "$found" | while IFS='|' read -r job rest; do
  [ -e "$1/$job/up" ] && up=1 || up=0
  printf '%s|%s|%s\\n' "$up" "$job" "$rest"
done
exit 0
`;

/** sh -c SUBMIT sac-pool ROOT LOGS MARK KNOWN...; stdin: the script. Prints the number. Exits 3: not known whether it was taken; 4: refused. */
export const SUBMIT = `${ROWS}
root=$1 logs=$2 mark=$3; shift 3
umask 077
mkdir -p "$root" "$logs" && : > "$logs/.pool"
other() {
  printf '%s\\n' "$found" | while IFS='|' read -r job state start end node reason comment; do
    [ "$comment" = "$mark" ] || continue
    case $state in PENDING|CONFIGURING|RUNNING|SUSPENDED) ;; *) continue ;; esac
    for known do [ "$known" = "$job" ] && continue 2; done
    printf '%s\\n' "$job"; break
  done
}
found=$(rows) || exit 3
job=$(other "$@")
if [ -z "$job" ]; then
  for old in "$root"/[0-9]*/; do
    old=\${old%/}; old=\${old##*/}
    printf '%s\\n' "$found" | grep -q "^$old|" || rm -rf -- "$root/$old" "$root/$old.log"
  done
  cat > "$root/job.sh"
  job=$(${ASK} sbatch --parsable "$root/job.sh" 2>"$root/submit.err")
  ended=$?
  job=$(printf '%s\\n' "$job" | sed -n 's/^\\([0-9][0-9]*\\)\\(;.*\\)\\{0,1\\}$/\\1/p')
fi
if [ -z "$job" ]; then
  # It may have been taken although we were told that it was not.
  found=$(rows) || exit 3
  job=$(other "$@")
fi
[ -n "$job" ] && { echo "$job"; exit 0; }
cat "$root/submit.err" >&2
[ "$ended" -eq 124 ] || [ "$ended" -eq 137 ] && exit 3
grep -Eq 'imed out|nable to contact|onnection|Zero Bytes|temporarily|ommunication' "$root/submit.err" && exit 3
exit 4
`;

/**
 * Owns: the POSIX sh programs that the slurm runtime runs where jobs are submitted. Constants; data comes as "$1", ... or stdin.
 * Never: holds data. What the files of a start are is told in job-body.ts.
 */

/**
 * A command that hangs is ended where it runs, also at the far end of SSH: how long SLURM's own go on asking is the site's
 * choice (MessageTimeout), and sbatch tries again for two minutes by itself.
 */
export const ASK = 'timeout -k 5 30';

/** Jobs of this user, also those that ended a moment ago. Times in seconds since the epoch. */
const ROWS = `rows() {
  SLURM_TIME_FORMAT=%s ${ASK} squeue --noheader --states=all --user="$(id -un)" --format='job %A|%T|%S|%V|%e|%N|%r|%k'
}`;

/** States of jobs that are queued or run. */
const LIVING =
  '^(PENDING|CONFIGURING|RUNNING|COMPLETING|SUSPENDED|STOPPED|RESIZING|SIGNALING|REQUEUED|REQUEUE_HOLD|REQUEUE_FED|STAGE_OUT|SPECIAL_EXIT|RESV_DEL_HOLD)$';

/** `jobs_of MARK` picks from $rows the numbers of those that are queued or run, lowest first. */
const JOBS_OF = `jobs_of() {
  printf '%s\\n' "$rows" | awk -F'|' -v mark="$1" '
    $8 == mark && $2 ~ /${LIVING}/ {
      sub(/^job /, "", $1); print $1
    }' | sort -n
}`;

/**
 * sh -c LIST sac-list ROOT LOGS: what the folders say, ONE squeue, and then how starts ended: in this order an end is never missed.
 * Exits 3 when SLURM did not answer. A fleet that never submitted a job asks nothing of the cluster.
 *   claim NAME ID INCARNATION HASH JOBS RELEASED      job ...|...
 *   child NAME JOB PID      exit NAME INCARNATION STATUS AT WHY      now SECONDS
 */
export const LIST = `${ROWS}
root=$1
[ -f "$root/wrapper.sh" ] || [ -e "$2/.slurm" ] || { echo unused; exit 0; }
for dir in "$root"/*/; do
  dir=\${dir%/}; id= incarnation= hash= jobs= released=
  read -r id incarnation hash 2>/dev/null < "$dir/launch" || continue
  [ -f "$dir/job" ] && while read -r job; do jobs=$jobs,$job; done < "$dir/job"
  [ -f "$dir/released" ] && while read -r job; do released=$released,$job; done < "$dir/released"
  echo "claim \${dir##*/} $id $incarnation $hash \${jobs:-,} \${released:-,}"
done
rows || exit 3
for dir in "$root"/*/; do
  dir=\${dir%/}; job= pid= incarnation= status= at= why=
  read -r job pid 2>/dev/null < "$dir/child" && echo "child \${dir##*/} $job $pid"
  read -r incarnation status at why 2>/dev/null < "$dir/exit" && echo "exit \${dir##*/} $incarnation $status $at $why"
done
echo "now $(date +%s)"
`;

/**
 * sh -c START sac-start ROOT LOGS; stdin: NAME ID INCARNATION MARK a line. The folder \`.new-NAME-INCARNATION\` becomes the claim by a
 * rename. A job is submitted held, written down, and released: whenever this is cut short, the next start goes on from there,
 * and a job whose number never arrived is found by its mark.
 * Prints \`NAME started\`, \`NAME taken\`, \`NAME refused ...\` (nothing was submitted) or \`NAME unknown ...\`.
 */
export const START = `${ROWS}
${JOBS_OF}
root=$1 logs=$2
umask 077
rows=$(rows) || exit 3
mkdir -p "$logs" && : > "$logs/.slurm"
held=
while read -r name id incarnation mark; do
  dir=$root/$name new=$root/.new-$name-$incarnation
  if ! mv -T "$new" "$dir" 2>/dev/null; then
    rm -rf -- "$new"
    told_id= told_incarnation=
    read -r told_id told_incarnation told_hash 2>/dev/null < "$dir/launch"
    if [ "$told_id $told_incarnation" != "$id $incarnation" ] || [ -e "$dir/exit" ] || [ -s "$dir/released" ]; then
      echo "$name taken"; continue
    fi
  elif [ -f "$logs/$name/current.log" ]; then
    mv -f "$logs/$name/current.log" "$logs/$name/previous.log"
  fi
  [ -d "$logs/$name" ] || mkdir -p "$logs/$name"
  job=
  case $rows in *"|$mark"*) job=$(jobs_of "$mark") ;; esac
  if [ -z "$job" ]; then
    if [ -f "$dir/submit.sh" ]; then job=$(bash "$dir/submit.sh" 2>"$dir/submit.err")
    else job=$(${ASK} sbatch --parsable --hold "$dir/job.sh" 2>"$dir/submit.err"); fi
    ended=$?
    # What a hook printed stands before it.
    case $job in
      ''|*[!0-9]*) job=$(printf '%s\\n' "$job" | sed -n 's/^\\([0-9][0-9]*\\)\\(;.*\\)\\{0,1\\}$/\\1/p') ;;
    esac
  fi
  if [ -z "$job" ]; then
    why=$(tr '\\n' ' ' < "$dir/submit.err")
    # It may be there although we were told that it is not.
    if ! rows=$(rows); then echo "$name unknown $why"; continue; fi
    job=$(jobs_of "$mark")
    if [ -z "$job" ]; then
      case $ended:$why in
        124:*|137:*|*'imed out'*|*'Unable to contact'*|*onnection*|*'Zero Bytes'*|*'temporarily'*|*'ommunication'*) echo "$name unknown $why" ;;
        *) rm -rf -- "$dir"; echo "$name refused $why" ;;
      esac
      continue
    fi
  fi
  job=\${job%%[!0-9]*}
  printf '%s\\n' "$job" >> "$dir/job"
  held="$held $name:$job"
done
list=
for one in $held; do list=$list,\${one##*:}; done
if [ -n "$list" ] && why=$(${ASK} scontrol release "\${list#,}" 2>&1); then
  for one in $held; do
    printf '%s\\n' "\${one##*:}" >> "$root/\${one%%:*}/released"
    echo "\${one%%:*} started"
  done
else
  for one in $held; do echo "\${one%%:*} unknown $why"; done
fi
exit 0
`;

/** Reads lines `NAME INCARNATION MARK ...` up to `--`, then $rows; the jobs that are queued or run and carry one of these marks go on. */
const OF_MARKS = `function living(state) { return state ~ /${LIVING}/ }
  !rows { if ($0 == "--") rows = 1; else { split($0, word, " "); name[word[3]] = word[1] " " word[2]; how[word[3]] = word[4] }; next }
  !($8 in name) || !living($2) { next }
  { sub(/^job /, "", $1) }`;

/**
 * sh -c ORDER sac-order ROOT; stdin: NAME INCARNATION MARK term|kill a line. Leaves the orders, then tells the jobs of all of them.
 * Exits 3 when SLURM did not answer.
 */
export const ORDER = `${ROWS}
root=$1
orders=
while read -r name incarnation mark how; do
  dir=$root/$name id= told=
  if read -r id told hash 2>/dev/null < "$dir/launch" && [ "$told" = "$incarnation" ]; then
    [ -e "$dir/exit" ] && continue
    # First the order, so that no successor is submitted between the look and the signal.
    : > "$dir/stopping"
    [ "$how" = kill ] && : > "$dir/kill"
  fi
  orders="$orders$name $incarnation $mark $how
"
done
[ -n "$orders" ] || exit 0
rows=$(rows) || exit 3
printf '%s--\\n%s\\n' "$orders" "$rows" | awk -F'|' '${OF_MARKS}
  $2 ~ /^(PENDING|REQUEUE)/ { waiting = waiting " " $1; waits[$8]; next }
  { ran[$8] }
  how[$8] == "term" { asked = asked " " $1; next }
  { killed = killed " " $1 }
  END { print "cancel" waiting killed; print "ask" asked; for (mark in waits) if (!(mark in ran)) print "never", name[mark] }
' | while read -r what jobs; do
  case $what in
    cancel) [ -z "$jobs" ] || ${ASK} scancel $jobs || exit 3 ;;
    # One that ended meanwhile keeps no other from being told.
    ask) [ -z "$jobs" ] || why=$(${ASK} scancel --batch --signal=URG $jobs 2>&1) ||
      ! printf '%s\\n' "$why" | grep -Eqv 'already complet|nvalid job id' || { printf '%s\\n' "$why" >&2; exit 3; } ;;
    never)
      # It never ran: nobody else will write down its end.
      dir=$root/\${jobs% *} incarnation=\${jobs#* } id= told=
      read -r id told hash 2>/dev/null < "$dir/launch"
      if [ "$told" = "$incarnation" ] && [ ! -e "$dir/exit" ]; then
        printf '%s - %s STOPPED\\n' "$incarnation" "$(date +%s)" > "$dir/exit.tmp" && mv -f "$dir/exit.tmp" "$dir/exit"
      fi ;;
  esac
done || exit 3
exit 0
`;

/**
 * sh -c CLEAR sac-clear ROOT LOGS; stdin: NAME INCARNATION MARK replaced|removed a line. Ends what is left of their jobs, takes
 * the folders of dead incarnations away; of what is removed, the log becomes the one before. MARK \`-\`: nothing of it was seen.
 * Exits 3 when SLURM did not answer.
 */
export const CLEAR = `${ROWS}
root=$1 logs=$2
over= gone=
while read -r name incarnation mark how; do
  [ "$mark" = - ] && continue
  dir=$root/$name folder=.gone-$name-$incarnation id= told=
  read -r id told hash 2>/dev/null < "$dir/launch"
  [ "$told" = "$incarnation" ] || [ -d "$root/$folder" ] || continue
  [ "$told" = "$incarnation" ] && : > "$dir/stopping"
  gone="$gone $folder"
  over="$over$name $incarnation $mark $how
"
done
if [ -n "$over" ]; then
  rows=$(rows) || exit 3
  jobs=$(printf '%s--\\n%s\\n' "$over" "$rows" | awk -F'|' '${OF_MARKS}
    { print $1 }')
  [ -z "$jobs" ] || ${ASK} scancel $jobs || exit 3
fi
printf '%s' "$over" | while read -r name incarnation mark how; do
  dir=$root/$name id= told=
  [ "$how" = removed ] && [ -e "$logs/$name/current.log" ] && mv -f -- "$logs/$name/current.log" "$logs/$name/previous.log"
  read -r id told hash 2>/dev/null < "$dir/launch"
  [ "$told" = "$incarnation" ] && mv -T "$dir" "$root/.gone-$name-$incarnation" 2>/dev/null
done
cd "$root" && rm -rf -- $gone
exit 0
`;

/** sh -c WATCH sac-watch ROOT: prints a name for every start and end. On a shared file system tail(1) looks once a second. */
export const WATCH = `
mkdir -p -m 700 "$1"
: > "$1/events"
echo '*'
exec tail -n +1 -F "$1/events" 2>/dev/null
`;

/** sh -c ATTACH sac-attach ROOT NAME USER-SIDE ARGS: goes to the agent's terminal on its node, the job's first. */
export const ATTACH = `
read -r job pid 2>/dev/null < "$1/$2/child" || { echo "sac: $2 has no terminal yet: its job waits or has ended" >&2; exit 1; }
[ -f "$1/$2/attach.sh" ] && . "$1/$2/attach.sh"
exec srun --jobid="$job" --overlap --relative=0 --nodes=1 --ntasks=1 --pty env -u TMUX -u TMUX_TMPDIR tmux -L "sac-$job" attach-session -t "=$2"
`;

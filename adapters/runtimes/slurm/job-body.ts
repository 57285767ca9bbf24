/**
 * Owns: the part of a job script that is the same for all agents, and the wrapper around the agent on its node. Constants.
 * Never: holds data: the lines render.ts puts before it set the sac_ variables.
 *
 * Files of one start, in `<run>/slurm/<name>/` on the file system that login and compute nodes share:
 *   launch    id incarnation hash
 *   job.sh    the job script, for the first submission and the ones after it
 *   job       numbers of the jobs that were submitted, a line each;  released: of those that may run
 *   child     job and pid of the agent
 *   status    exit status of the agent as sh has it, when (seconds)
 *   exit      incarnation, exit status or -, when, why (a state of SLURM, STOPPED, TERM or -): the agent's end
 *   stopping, kill   sac asked it to leave; is to be forced
 *   after-<job>      this job has seen to its successor
 */

/** sh wrapper.sh DIR LAUNCH JOB SOCKET: runs the agent, keeps its pid and status. SOCKET: of tmux, when it runs there. */
export const WRAPPER = `
dir=$1 launch=$2 job=$3 socket=$4
# Caught, not ignored: the agent starts with the default, and this shell outlives a signal to its group.
trap : TERM INT HUP USR1 USR2
[ -n "$socket" ] && tmux -L "$socket" pipe-pane -t "$TMUX_PANE" 'exec cat >>"$SAC_LOG_FILE"'
sh -c '
  printf "%s %s\\n" "$2" "$$" > "$0/child.tmp" && mv -f "$0/child.tmp" "$0/child"
  printf "%s\\n" "\${0##*/}" >> "\${0%/*}/events"
  exec sh "$1"' "$dir" "$launch" "$job"
code=$? now=
# Not into the folder of the next job, when this one's node was given up meanwhile.
read -r now pid 2>/dev/null < "$dir/child"
if [ "$now" = "$job" ]; then
  printf '%s %s\\n' "$code" "$(date +%s)" > "$dir/status.tmp"
  mv -f "$dir/status.tmp" "$dir/status"
fi
# What it printed last is still on its way to the log.
[ -n "$socket" ] && { sleep 0.1; tmux -L "$socket" wait-for -S ended; }
exit 0
`;

/** Kept in bash 4: clusters are old. */
export const JOB_BODY = `
exec >>"$sac_log" 2>&1 </dev/null
export SAC_AGENT_ID=$sac_id SAC_JOB_ID=$SLURM_JOB_ID SAC_WORKDIR=$sac_workdir SAC_LOG_FILE=$sac_log SAC_PHASE=start

sac_say() { printf 'sac: %s\\n' "$*"; }
sac_tell() { printf '%s\\n' "$sac_name" >>"$sac_root/events"; }

# sac_hook PHASE FILE: sources it, so that what it exports stays.
sac_hook() {
  [ -n "$2" ] || return 0
  [ -r "$2" ] || { sac_say "hook $1: $2 cannot be read"; return 78; }
  SAC_PHASE=$1
  . "$2"
}

# sac_others: numbers of this agent's other jobs that are queued or run.
sac_others() {
  local rows
  rows=$(squeue --noheader --user="$(id -un)" --format='%A|%k') || return 1
  printf '%s\\n' "$rows" | awk -F'|' -v mark="$sac_mark" -v own="$SLURM_JOB_ID" '$2 == mark && $1 != own { print $1 }' | sort -n
}

# The successor waits for the end of this job, so the agent is never there twice. It is submitted held and found again by its
# mark: an answer that got lost does not make a second one.
sac_resubmit() {
  [ "$sac_resubmits" = 1 ] && [ ! -e "$sac_dir/stopping" ] || return 0
  mkdir "$sac_dir/after-$SLURM_JOB_ID" 2>/dev/null || return 0
  sac_hook walltime_signal "$sac_hook_walltime_signal"
  local try next=
  for try in 1 2 3 4 5; do
    if next=$(sac_others); then
      [ -n "$next" ] && break
      sbatch --parsable --hold --dependency="afterany:$SLURM_JOB_ID" "$sac_dir/job.sh" && continue
    fi
    sleep "$try"
  done
  next=\${next%%[!0-9]*}
  [ -n "$next" ] || { sac_say "job $SLURM_JOB_ID could not submit its successor"; return 0; }
  printf '%s\\n' "$next" >>"$sac_dir/job"
  scontrol release "$next" && printf '%s\\n' "$next" >>"$sac_dir/released"
  sac_say "job $SLURM_JOB_ID came near its time limit; job $next goes on after it"
}

# sac_family: pids of the agent and all it started in this job, by their mark or their descent.
sac_family() {
  local marked
  # One grep, however many processes there are: those that have all three.
  marked=$(grep -Hzaosx -e "SAC_ID=$sac_id" -e "SAC_INCARNATION=$sac_incarnation" -e "SLURM_JOB_ID=$SLURM_JOB_ID" /proc/[0-9]*/environ |
    tr '\\0' '\\n' | awk -F'[/:]' '!seen[$0]++ && ++has[$3] == 3 { printf "%s ", $3 }')
  [ -n "$marked" ] || return 0
  cat /proc/[0-9]*/stat 2>/dev/null | awk -v marked="$marked" '
    BEGIN { n = split(marked, list, " "); for (i = 1; i <= n; i++) if (list[i] != "") ours[list[i]] = 1 }
    match($0, /^[0-9]+ /) {
      pid = substr($0, 1, RLENGTH - 1); rest = $0
      while ((at = index(rest, ") ")) > 0) rest = substr(rest, at + 2)
      split(rest, field, " ")
      if (field[1] != "Z" && field[1] != "X") { parent[pid] = field[2]; session[pid] = field[4] }
    }
    END {
      do {
        grew = 0
        for (pid in parent) if (!(pid in ours) && ((parent[pid] in ours) || (session[pid] in ours))) { ours[pid] = 1; grew = 1 }
      } while (grew)
      for (pid in ours) if (pid in parent) print pid
    }'
}

# Until a look finds nobody any more. What was found once and then gone does not come back: there is one agent a job.
sac_kill() {
  local round pids
  [ -z "$sac_gone" ] || return 0
  for round in 1 2 3 4 5 6 7 8; do
    pids=$(sac_family)
    [ -n "$pids" ] || { [ "$round" = 1 ] || sac_gone=1; return 0; }
    kill -KILL $pids 2>/dev/null
  done
}

# Asks the agent's process group to leave.
sac_ask() {
  local job pid stat
  read -r job pid 2>/dev/null <"$sac_dir/child" && [ "$job" = "$SLURM_JOB_ID" ] || return 0
  read -r stat 2>/dev/null <"/proc/$pid/stat" || return 0
  stat=\${stat##*) }
  set -- $stat
  kill -TERM -- "-$3" 2>/dev/null
}

# SLURM ends the job: at its time limit, preempted, or cancelled by somebody. Or sac cancels it.
sac_on_term() {
  sac_ended_by=TERM
  if [ -e "$sac_dir/kill" ]; then sac_kill; else sac_ask; fi
}
# sac has left an order.
sac_on_order() { if [ -e "$sac_dir/kill" ]; then sac_kill; else sac_ask; fi; }

# sac_is_ours: the folder still belongs to this start. Where a node was given up, its job may end after the next one began.
sac_is_ours() {
  local id= incarnation= rest=
  read -r id incarnation rest 2>/dev/null <"$sac_dir/launch"
  [ "$id $incarnation" = "$sac_id $sac_incarnation" ]
}

# sac_has_ended: an end of this start is written down; an earlier one's does not count.
sac_has_ended() {
  local incarnation= rest=
  read -r incarnation rest 2>/dev/null <"$sac_dir/exit"
  [ "$incarnation" = "$sac_incarnation" ]
}

# sac_end STATUS WHEN WHY: what sac will read of this start's end.
sac_end() {
  sac_is_ours && ! sac_has_ended || return 0
  printf '%s %s %s %s\\n' "$sac_incarnation" "$1" "$2" "$3" >"$sac_dir/exit.tmp" && mv -f "$sac_dir/exit.tmp" "$sac_dir/exit"
}

# sac_is_over: this job reached its time limit. The clock decides, as the queue tells no more than that it is completing.
sac_is_over() {
  local left
  left=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%L 2>/dev/null) || return 0
  case $left in 0:00 | INVALID | -*) return 0 ;; *) return 1 ;; esac
}

sac_finish() {
  local code=- at why=- others
  trap '' TERM
  read -r code at 2>/dev/null <"$sac_dir/status"
  [ "$code" = - ] && [ -n "$sac_ended_by" ] && code=137
  [ -n "$sac_heartbeat_pid" ] && kill -KILL -- "-$sac_heartbeat_pid" 2>/dev/null
  sac_kill
  [ -n "$sac_socket" ] && tmux -L "$sac_socket" kill-server 2>/dev/null
  sac_hook post_agent "$sac_hook_post_agent"
  others=
  [ -d "$sac_dir/after-$SLURM_JOB_ID" ] && others=$(sac_others)
  if [ -n "$sac_ended_by" ] && [ ! -e "$sac_dir/stopping" ]; then
    why=TERM
    if sac_is_over; then
      why=TIMEOUT
      # The conversation goes on in the successor: no end of the agent.
      [ -n "$others" ] && { sac_tell; exit 0; }
    fi
  fi
  [ -e "$sac_dir/stopping" ] && why=STOPPED
  sac_end "$code" "\${at:-$(date +%s)}" "$why"
  [ -n "$others" ] && scancel $others
  sac_tell
  if [ -n "$sac_hold" ] && [ -z "$sac_ended_by" ] && [ "$why" = - ]; then
    sac_say "held by: $sac_hold"
    sac_hold_over=
    trap 'sac_hold_over=1' TERM
    # There is nothing to hand over any more.
    [ "$sac_signal" = none ] || trap : "$sac_signal"
    # A group of its own: when the job is over, so is all that the command started.
    setsid sh -c "$sac_hold" & sac_hold_pid=$!
    while [ -z "$sac_hold_over" ] && kill -0 "$sac_hold_pid" 2>/dev/null; do wait "$sac_hold_pid"; done
    kill -TERM -- "-$sac_hold_pid" 2>/dev/null && { sleep 0.2; kill -KILL -- "-$sac_hold_pid" 2>/dev/null; }
  fi
  case $code in -) exit 1 ;; *) exit "$code" ;; esac
}

# A job that comes late: the agent was deleted, replaced, or has ended.
sac_is_ours && ! sac_has_ended && [ ! -e "$sac_dir/stopping" ] || exit 0

sac_ended_by= sac_socket= sac_heartbeat_pid= sac_gone=
trap sac_on_term TERM
trap sac_on_order URG
[ "$sac_signal" = none ] || trap sac_resubmit "$sac_signal"
trap sac_finish EXIT

rm -f "$sac_dir/status" "$sac_dir/child"
sac_hook pre_agent "$sac_hook_pre_agent" || { printf '78 %s\\n' "$(date +%s)" >"$sac_dir/status"; exit 78; }
SAC_PHASE=agent

if command -v tmux >/dev/null 2>&1; then
  # A server of this job alone: another job's is never touched. -f: no configuration of the user's applies.
  sac_socket=sac-$SLURM_JOB_ID
  unset TMUX TMUX_TMPDIR
  tmux -L "$sac_socket" -f /dev/null new-session -d -s "$sac_name" -x "$sac_columns" -y "$sac_rows" \\
    sh "$sac_root/wrapper.sh" "$sac_dir" "$sac_launch" "$SLURM_JOB_ID" "$sac_socket"
  tmux -L "$sac_socket" wait-for ended >/dev/null 2>&1 &
else
  setsid sh "$sac_root/wrapper.sh" "$sac_dir" "$sac_launch" "$SLURM_JOB_ID" '' &
fi
sac_waiter=$!

if [ -n "$sac_heartbeat" ]; then
  setsid sh -c 'while :; do sh -c "$1" || :; sleep "$2"; done' sac-heartbeat "$sac_heartbeat" "$sac_heartbeat_seconds" >>"$sac_heartbeat_log" 2>&1 &
  sac_heartbeat_pid=$!
fi

# In the background and waited for: a trap does not run under a foreground command.
while kill -0 "$sac_waiter" 2>/dev/null; do wait "$sac_waiter"; done
exit
`;

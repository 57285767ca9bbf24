/**
 * Owns: the POSIX sh programs of the container runtimes. Constants; data comes as "$1", ...
 * Never: holds data, or needs more in the image than sh.
 */

/**
 * First process of the container: `sh init.sh LAUNCH COLUMNS ROWS HISTORY`. Runs the agent in a tmux of the container's own where the
 * image has one, else on the container's terminal; what tmux's terminal is told goes to the container's too, for the engine's logs.
 * Hands on what it is asked (a first process itself ignores TERM), collects orphans, and ends as the agent ends.
 * `sh init.sh window LAUNCH` is what tmux runs: no key that people press ends it before the agent.
 */
export const INIT = `if [ "$1" = window ]; then
  trap : HUP INT QUIT TERM
  unset TMUX TMUX_PANE
  sh "$2"
  code=$?
  # What was printed last is still on its way through tmux.
  sleep 0.1 2>/dev/null
  exec tmux -L sac set-option -s @sac_exit "$code" ';' wait-for -S sac-exit
fi
[ ! -r /.sac/claude.json ] || cp /.sac/claude.json "$HOME/.claude.json"
stty cols "$2" rows "$3" 2>/dev/null
asked= server=
if command -v tmux >/dev/null 2>&1; then
  server=$(tmux -u -L sac -f /dev/null start-server ';' set-option -s exit-empty off ';' set-option -g status off ';' set-option -g history-limit "$4" ';' \\
    set-option -g default-terminal screen-256color ';' new-session -d -x "$2" -y "$3" sh /.sac/init.sh window "$1" ';' \\
    pipe-pane -O 'trap "" TERM HUP; exec cat >/proc/1/fd/1' ';' display-message -p '#{pid}' 2>/dev/null) || server=
fi
if [ -n "$server" ]; then
  tmux -L sac wait-for sac-exit >/dev/null 2>&1 &
  agent=$!
  trap 'asked=1; ask_each' TERM
else
  exec 3<&0
  sh "$1" <&3 3<&- &
  agent=$!
  exec 3<&-
  trap 'asked=1; kill -s TERM -- -1 2>/dev/null' TERM
fi
# All but tmux, which would take the terminal away from those who are asked.
ask_each() {
  for process in /proc/[0-9]*; do
    process=\${process##*/}
    case $process in 1|"$server"|"$agent") ;; *) kill -s TERM "$process" 2>/dev/null ;; esac
  done
}
while :; do
  asked=
  wait "$agent"
  code=$?
  [ -n "$asked" ] || break
done
[ -z "$server" ] || code=$(tmux -L sac show-options -sqv @sac_exit 2>/dev/null)
# 129: its terminal was taken away.
exit "\${code:-129}"
`;

/**
 * \`start_time PID\`: its start time into $start (proc(5) stat field 22); empty when it is gone.
 * \`walk INIT\`: $agent (empty: it is not there yet), $form: tmux or tty, and with tmux $pipe: who carries what it prints to the container's
 * terminal. No process is started.
 */
export const WALK = `start_time() {
  start=
  IFS= read -r stat 2>/dev/null < "/proc/$1/stat" || return 0
  set -- \${stat##*) }
  start=\${20}
}
walk() {
  agent= form=tty pipe= server= rest= window= comm=
  read -r server rest 2>/dev/null < "/proc/$1/task/$1/children"
  [ -n "$server" ] && IFS= read -r comm 2>/dev/null < "/proc/$server/comm" || return 0
  case $comm in
    'tmux: server')
      form=tmux
      read -r window pipe rest 2>/dev/null < "/proc/$server/task/$server/children"
      [ -z "$window" ] || read -r agent rest 2>/dev/null < "/proc/$window/task/$window/children" ;;
    tmux*|stty|cp) ;;
    *) agent=$server ;;
  esac
}`;

/**
 * sh -c LIST sac-list PROGRAM FLEET FORMAT USED NOTES ENDS [NAME...]: containers of the fleet, or those named. Before each line of the
 * engine: the agent's pid, when init began, what NOTES/<name> says, and \`oom\` where ENDS/<name>/<incarnation> has such a file (see START).
 * The agent of one that was begun just now is waited for a moment.
 * A dead engine that this fleet never used is no reason not to know: nothing of ours is in it.
 */
export const LIST = `${WALK}
program=$1 fleet=$2 format=$3 used=$4 notes=$5 ends=$6; shift 6
if [ $# -eq 0 ]; then
  ids=$("$program" ps -a -q --no-trunc --filter "label=sac.fleet=$fleet")
  code=$?
  if [ $code -ne 0 ]; then [ -e "$used" ] && exit $code; echo unused; exit 0; fi
  [ -n "$ids" ] || exit 0
  set -- $ids
fi
found=$("$program" container inspect --format "$format" "$@")
code=$?
tries=50
printf '%s\\n' "$found" | while IFS= read -r line; do
  pid=\${line%%	*} agent= start= note= noted=
  case $pid in ''|0|*[!0-9]*) ;; *)
    start_time "$pid"
    walk "$pid"
    while [ -z "$agent" ] && [ -n "$start" ] && [ "$tries" -gt 0 ]; do
      tries=$((tries - 1)); sleep 0.02; start_time "$pid"; walk "$pid"
    done ;;
  esac
  at=\${line#*	}; at=\${at#*	}; name=\${at%%	*}; name=\${name#/}; at=\${at#*	}; at=\${at%%	*}
  IFS= read -r note 2>/dev/null < "$notes/$name"
  [ ! -e "$ends/$name/$at/oom" ] || noted=oom
  printf '%s\\t%s\\t%s\\t%s\\t%s\\n' "\${agent:-$pid}" "$start" "$note" "$noted" "$line"
done
exit $code
`;

/**
 * sh -c START sac-start PROGRAM USED CWD OWNER LAUNCH OWN-USER HOME ENDS INCARNATION RUN-ARGUMENTS...
 * OWNER: uid[:gid] that must be able to read the launch file, or nothing. OWN-USER yes: the agent gets the caller's user.
 * HOME: the user's home whose Claude Code settings are shown, or nothing; has no character that CSV knows.
 * ENDS: a folder of this container's own, or nothing. Podman's monitor stays where podman was called from, and notes there (an empty file
 * \`oom\`) that memory ran out; podman 4.3 itself does not look there.
 */
export const START = `
program=$1 used=$2 cwd=$3 owner=$4 launch=$5 own=$6 home=$7 ends=$8 at=$9; shift 9
umask 077
mkdir -p -- "\${used%/*}" && : >> "$used" || exit 1
if [ ! -d "$cwd" ]; then
  mkdir -p -- "$cwd" || exit 1
  [ -z "$owner" ] || chown -- "$owner" "$cwd" 2>/dev/null
fi
[ -z "$owner" ] || [ "$(id -u)" -ne 0 ] || chown -- "$owner" "$launch" || exit 1
if [ -n "$home" ]; then
  for part in settings.json CLAUDE.md .credentials.json agents commands skills plugins; do
    [ ! -e "$home/.claude/$part" ] || set -- --mount "type=bind,source=$home/.claude/$part,target=$home/.claude/$part,readonly" "$@"
  done
  [ ! -d "$home/.claude/projects" ] || set -- --mount "type=bind,source=$home/.claude/projects,target=$home/.claude/projects" "$@"
  [ ! -e "$home/.claude.json" ] || set -- --mount "type=bind,source=$home/.claude.json,target=/.sac/claude.json,readonly" "$@"
fi
if [ -n "$ends" ]; then
  for old in "$ends"/*; do [ "$old" = "$ends/$at" ] || rm -rf -- "$old"; done
  mkdir -p -- "$ends/$at" && cd -- "$ends/$at" || exit 1
fi
if [ "$own" = yes ]; then exec "$program" run --user "$(id -u):$(id -g)" "$@"; fi
exec "$program" run "$@"
`;

/**
 * sh -c REMOVE sac-remove PROGRAM LOGS, lines `CONTAINER NAME`: keeps the last output of each in LOGS/NAME/previous.log, then removes
 * those that do not run; prints their ids.
 */
export const REMOVE = `
program=$1 logs=$2
umask 077
set --
while read -r id name; do
  set -- "$@" "$id"
  {
    log=$logs/$name/previous.log
    mkdir -p -- "\${log%/*}"
    "$program" logs "$id" > "$log.tmp" 2>&1 && mv -f -- "$log.tmp" "$log" || rm -f -- "$log.tmp"
  } </dev/null &
  [ $(($# % 4)) -ne 0 ] || wait
done
wait
exec "$program" rm -v "$@"
`;

/** sh -c ATTACH sac-attach PROGRAM CONTAINER: the agent's terminal; leaving it (as in tmux, Ctrl-b d) ends nothing. */
export const ATTACH = `
if "$1" exec "$2" tmux -L sac has-session >/dev/null 2>&1; then exec "$1" exec -it "$2" tmux -u -L sac attach-session; fi
exec "$1" attach --detach-keys ctrl-b,d "$2"
`;

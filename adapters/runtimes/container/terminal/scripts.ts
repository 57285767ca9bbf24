/**
 * Owns: the POSIX sh programs that look at containers' terminals and type into them. Constants; data comes as "$1", ... or on stdin.
 * Never: starts a process for a terminal on which nothing happened.
 */
import { WALK } from '../scripts.ts';

/** The agent's pane: the first that its server ever made. */
export const PANE = '%0';

/**
 * sh -c STAMPS sac-stamps; stdin: KEY INIT-PID INIT-START a line. Prints for each that still runs \`KEY tmux|tty STAMP FOREGROUND\`.
 * STAMP changes with what is printed: with tmux, bytes that went through its pipe; else, of all processes below init, bytes
 * written and what their children did that ended (proc(5): wchar; cminflt). \`-\`: it may not be seen by this user. FOREGROUND may
 * hold spaces; \`-\`: not known.
 */
export const STAMPS = `${WALK}
written() {
  bytes=
  { read -r bytes; read -r bytes; } 2>/dev/null < "/proc/$1/io"
  bytes=\${bytes#* }
}
below() {
  IFS= read -r stat 2>/dev/null < "/proc/$1/stat" || return 0
  written "$1"
  sum=\${bytes:+$((sum + bytes))}
  pid=$1
  set -- \${stat##*) }
  faults=$((faults + \${9:-0}))
  children=
  read -r children 2>/dev/null < "/proc/$pid/task/$pid/children"
  for pid in $children; do below "$pid"; done
}
while read -r key init since; do
  start_time "$init"
  [ "$start" = "$since" ] || continue
  walk "$init"
  [ -n "$agent" ] || continue
  front= comm= stamp= sum=0 faults=0
  IFS= read -r stat 2>/dev/null < "/proc/$agent/stat" && {
    set -- \${stat##*) }
    # Who started the agent leads its process group unless it made another.
    [ "$6" = "$3" ] && front=$agent || front=$6
    IFS= read -r comm 2>/dev/null < "/proc/$front/comm"
  }
  if [ "$form" = tmux ]; then
    written "$pipe"
    stamp=$bytes
  else
    below "$init"
    stamp=\${sum:+$sum/$faults}
  fi
  printf '%s %s %s %s\\n' "$key" "$form" "\${stamp:--}" "\${comm:--}"
done
exit 0
`;

/**
 * sh -c NOTED sac-noted FILE NOTE COMMAND...: what was typed was submitted when the command says so: then it is noted, in the same
 * script. An empty NOTE notes nothing.
 */
export const NOTED = `
file=$1 note=$2; shift 2
"$@" || exit
[ -n "$note" ] || exit 0
umask 077
mkdir -p -- "\${file%/*}" && printf '%s\\n' "$note" > "$file.tmp" && mv -f -- "$file.tmp" "$file"
`;

/** Inside the container: sh -c TYPE_TMUX sac-type paste|keys KEY...; a paste comes on stdin. Bracketed where the program asked for it. */
export const TYPE_TMUX = `
how=$1; shift
if [ "$how" = paste ]; then
  tmux -u -L sac load-buffer -b sac - && tmux -u -L sac paste-buffer -d -p -r -b sac -t '${PANE}' || exit 1
fi
[ $# -eq 0 ] || exec tmux -u -L sac send-keys -t '${PANE}' -- "$@"
`;

/**
 * sh -c TYPE_TTY sac-type-tty COLUMNS ROWS PROGRAM CONTAINER; stdin: the bytes. The engines attach a keyboard only where there is a
 * terminal, so script(1) makes one; nothing is typed before the client has set it to pass bytes on as they are.
 * Leaving is by a NUL character, in a read of its own.
 */
export const TYPE_TTY = `
command -v script >/dev/null || { echo 'script(1) is not installed' >&2; exit 1; }
export columns=$1 rows=$2 program=$3 container=$4
folder=$(mktemp -d) || exit 1
export folder
trap 'rm -rf -- "$folder"' EXIT
cat > "$folder/bytes"
mkfifo -m 600 "$folder/in"
script -qec 'stty rows "$rows" cols "$columns"; tty > "$folder/tty.new"; mv "$folder/tty.new" "$folder/tty"; exec "$program" attach --sig-proxy=false --detach-keys ctrl-@ "$container"' /dev/null < "$folder/in" > "$folder/out" 2>&1 &
client=$!
exec 9> "$folder/in"
tries=300 tty=
while [ "$tries" -gt 0 ] && kill -0 "$client" 2>/dev/null; do
  tries=$((tries - 1))
  read -r tty 2>/dev/null < "$folder/tty" && case $(stty -F "$tty" -a 2>/dev/null) in *-icanon*) break ;; esac
  sleep 0.02
done
if [ "$tries" -eq 0 ] || ! kill -0 "$client" 2>/dev/null; then
  kill "$client" 2>/dev/null
  cat "$folder/out" >&2
  exit 1
fi
cat "$folder/bytes" >&9
sleep 0.1
printf '\\0' >&9
exec 9>&-
wait "$client"
exit 0
`;

/**
 * Inside the container: sh -c MARK sac-mark NUMBER. Engines keep a line when it ends: this ends it within a string that no terminal
 * shows (APC), and tells by its number how far the log goes.
 */
export const MARK = `printf '\\033_sac:%s\\n\\033\\\\' "$1" >/proc/1/fd/1`;
/** sh -c OUTPUT sac-output PROGRAM CONTAINER LINES: the end of its log. Without LINES, by bytes: podman's \`--tail\` drops lines that have not ended. */
export const OUTPUT = `
[ -z "$3" ] || exec "$1" logs --tail "$3" "$2"
"$1" logs "$2" 2>/dev/null | tail -c 65536
`;
/** What is seen of it in a log: the end of a line that was not at its end, and the beginning of the next. */
export const OPEN_MARK = /\u001b_sac:\d+$/;
export const MARK_END = /^\u001b\\/;

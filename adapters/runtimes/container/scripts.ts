/**
 * Owns: the POSIX sh programs of the container runtimes. Constants; data comes as "$1", ...
 * Never: holds data, or needs more in the image than sh.
 */

/**
 * First process of the container: `sh init.sh LAUNCH COLUMNS ROWS`. Starts the agent on the container's terminal, hands on
 * what it is asked (a first process itself ignores TERM), collects orphans, and ends as the agent ends.
 */
export const INIT = `[ ! -r /.sac/claude.json ] || cp /.sac/claude.json "$HOME/.claude.json"
stty cols "$2" rows "$3" 2>/dev/null
exec 3<&0
sh "$1" <&3 3<&- &
agent=$!
exec 3<&-
asked=
trap 'asked=1; kill -s TERM -- -1 2>/dev/null' TERM
while :; do
  asked=
  wait "$agent"
  code=$?
  [ -n "$asked" ] || exit "$code"
done
`;

/**
 * sh -c LIST sac-list PROGRAM FLEET FORMAT USED [NAME...]: containers of the fleet, or those named.
 * The agent is the child of init. A dead engine that this fleet never used is no reason not to know: nothing of ours is in it.
 */
export const LIST = `
program=$1 fleet=$2 format=$3 used=$4; shift 4
if [ $# -eq 0 ]; then
  ids=$("$program" ps -a -q --no-trunc --filter "label=sac.fleet=$fleet")
  code=$?
  if [ $code -ne 0 ]; then [ -e "$used" ] && exit $code; echo unused; exit 0; fi
  [ -n "$ids" ] || exit 0
  set -- $ids
fi
found=$("$program" container inspect --format "$format" "$@")
code=$?
printf '%s\\n' "$found" | while IFS= read -r line; do
  pid=\${line%%	*} agent=
  case $pid in ''|0|*[!0-9]*) ;; *) read -r agent rest 2>/dev/null < "/proc/$pid/task/$pid/children" ;; esac
  printf '%s\\t%s\\n' "\${agent:-$pid}" "$line"
done
exit $code
`;

/**
 * sh -c START sac-start PROGRAM USED CWD OWNER LAUNCH OWN-USER HOME RUN-ARGUMENTS...
 * OWNER: uid[:gid] that must be able to read the launch file, or nothing. OWN-USER yes: the agent gets the caller's user.
 * HOME: the user's home whose Claude Code settings are shown, or nothing; has no character that CSV knows.
 */
export const START = `
program=$1 used=$2 cwd=$3 owner=$4 launch=$5 own=$6 home=$7; shift 7
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
if [ "$own" = yes ]; then exec "$program" run --user "$(id -u):$(id -g)" "$@"; fi
exec "$program" run "$@"
`;

/** sh -c REMOVE sac-remove PROGRAM CONTAINER LOG: keeps the last output, then removes a container that does not run. */
export const REMOVE = `
umask 077
mkdir -p -- "\${3%/*}"
"$1" logs "$2" > "$3.tmp" 2>&1 && mv -f -- "$3.tmp" "$3" || rm -f -- "$3.tmp"
exec "$1" rm -v "$2"
`;

/** sh -c ATTACH sac-attach PROGRAM CONTAINER: the agent's terminal; leaving it (as in tmux, Ctrl-b d) ends nothing. */
export const ATTACH = `exec "$1" attach --detach-keys ctrl-b,d "$2"`;

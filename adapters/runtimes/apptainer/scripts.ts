/**
 * Owns: the POSIX sh program that is an Apptainer agent to its supervisor. A constant; data comes as "$1", ...
 * Never: holds data.
 */

/**
 * sh instance.sh NAME HOME CWD ARGUMENTS...: makes the instance, runs the agent in it, ends the instance as the agent ends, with its status.
 * HOME: the user's home whose Claude Code settings are shown, or nothing. What an earlier run left under this name is ended first.
 * The supervisor asks the whole process group to leave, the agent too: here it is only waited for.
 */
export const INSTANCE = `
name=$1 home=$2 cwd=$3; shift 3
if [ -n "$home" ]; then
  for part in settings.json CLAUDE.md .credentials.json agents commands skills plugins; do
    [ ! -e "$home/.claude/$part" ] || set -- --mount "type=bind,source=$home/.claude/$part,target=$home/.claude/$part,readonly" "$@"
  done
  [ ! -d "$home/.claude/projects" ] || set -- --mount "type=bind,source=$home/.claude/projects,target=$home/.claude/projects" "$@"
fi
apptainer instance stop --force "$name" >/dev/null 2>&1
asked=
trap 'asked=1' TERM
apptainer instance start "$@" "$name" || exit
apptainer exec --pwd "$cwd" "instance://$name" sh /.sac/launch.sh &
agent=$!
while :; do
  asked=
  wait "$agent"
  code=$?
  [ -n "$asked" ] || break
done
apptainer instance stop --force "$name" >/dev/null 2>&1
exit "$code"
`;

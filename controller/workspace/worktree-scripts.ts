/**
 * Owns: the fixed sh scripts that make an instance's git worktree and let go of it.
 * Data reaches them as $1.. alone. Hooks and configuration of the repository that could run something are switched off.
 * Never: throws away work: what is not committed or not merged is rescued to a ref first, and its worktree stays.
 */

const GIT = `
fail() { printf '%s\\n' "$1" >&2; exit 3; }
command -v git >/dev/null 2>&1 || fail 'git is not installed there'
export GIT_TERMINAL_PROMPT=0 GIT_OPTIONAL_LOCKS=0
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
g() { git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c protocol.ext.allow=never "$@"; }
# One at a time in a repository: git's own locks make the others fail. Let go of when this shell ends.
lock() { if command -v flock >/dev/null 2>&1; then exec 9>"$1/sac.lock" && flock -w 60 9 || fail "$1 is in use"; fi; }`;

/**
 * make WORKSPACE REPO REF BRANCH CLONES TRUST. Prints \`made\` or \`there\`. REPO: a folder, or an address that is cloned into
 * the folder CLONES, once for all. Nothing is done to a worktree that is there.
 */
export const MAKE_WORKTREE = `${GIT}
workspace=$1 repo=$2 ref=$3 branch=$4 clones=$5 trust=$6
umask 077
case $repo in '~/'*) repo=\${HOME:-}/\${repo#'~/'} ;; esac
if [ -e "$workspace/.git" ]; then
  on=$(g -C "$workspace" symbolic-ref -q --short HEAD || echo 'no branch')
  top=$(g -C "$workspace" rev-parse --show-toplevel) || fail "$workspace is no usable git worktree"
  [ "$top" = "$(cd -- "$workspace" && pwd -P)" ] || fail "$workspace is inside another worktree"
  printf 'there %s\\n' "$on"; exit 0
fi
case $repo in
  /*) [ -d "$repo" ] || fail "workspace.git.repo: $repo is not a folder there" ;;
  *)
    mkdir -p -- "$clones" || fail "$clones cannot be made"
    lock "$clones"
    name=$(printf %s "$repo" | sha256sum 2>/dev/null | cut -c1-32) || name=
    [ -n "$name" ] || name=$(printf %s "$repo" | cksum | tr ' ' -)
    clone=$clones/$name.git
    if [ ! -d "$clone" ]; then
      rm -rf -- "$clone.new"
      g clone -q --bare -- "$repo" "$clone.new" || fail "$repo cannot be cloned"
      g -C "$clone.new" config remote.origin.fetch '+refs/heads/*:refs/remotes/origin/*'
      mv -- "$clone.new" "$clone" || exit 3
    else
      g -C "$clone" fetch -q --tags origin || echo 'fetch failed, the clone is used as it is' >&2
    fi
    repo=$clone ;;
esac
common=$(g -C "$repo" rev-parse --path-format=absolute --git-common-dir) || fail "$repo is no git repository"
lock "$common"
if [ -e "$workspace" ]; then
  [ -d "$workspace" ] && [ -z "$(ls -A -- "$workspace")" ] ||
    fail "$workspace holds other things already; a worktree is made in an empty folder"
fi
mkdir -p -- "$(dirname -- "$workspace")" || exit 3
g -C "$repo" worktree prune
if g -C "$repo" show-ref --verify -q "refs/heads/$branch"; then
  g -C "$repo" worktree add -q --no-checkout -- "$workspace" "$branch" || fail "worktree of $branch cannot be made"
else
  at=$(g -C "$repo" rev-parse -q --verify --end-of-options "$ref^{commit}" || g -C "$repo" rev-parse -q --verify --end-of-options "refs/remotes/origin/$ref^{commit}") ||
    fail "workspace.git.ref: $ref is not known in $repo"
  g -C "$repo" worktree add -q --no-checkout -b "$branch" -- "$workspace" "$at" || fail "worktree of $branch cannot be made"
  g -C "$repo" update-ref "refs/sac/base/\${branch#sac/}" "$at"
fi
# Settings of this worktree alone; git wants what says that the repository is bare to be one of them.
if [ "$(g -C "$common" config --get extensions.worktreeConfig)" != true ]; then
  bare=$(g --git-dir="$common" config --file "$common/config" --get core.bare) || bare=
  g --git-dir="$common" config extensions.worktreeConfig true || exit 3
  if [ "$bare" = true ]; then
    g config --file "$common/config.worktree" core.bare true && g config --file "$common/config" --unset core.bare || exit 3
  fi
fi
mine=$(g -C "$workspace" rev-parse --path-format=absolute --git-dir) || exit 3
# The user's own list goes on to count: one replaces the other.
own=$(g -C "$workspace" config --type=path --get core.excludesFile) || own=\${XDG_CONFIG_HOME:-\${HOME:-}/.config}/git/ignore
{
  [ ! -r "$own" ] || cat -- "$own"; echo
  # Deployed, with secrets in it; written for the agent's CLI; kept when something was deployed over it.
  printf '%s\\n' /.sac/ /.env /.mcp.json /.claude/settings.local.json '*.orig' '*.orig.[0-9]*'
} > "$mine/sac-exclude"
g -C "$workspace" config --worktree core.excludesFile "$mine/sac-exclude" || exit 3
if [ "$trust" = false ]; then
  g -C "$workspace" sparse-checkout set --no-cone '/*' '!.mcp.json' '!.envrc' '!.claude.json' '!.claude/settings*.json' '!.claude/hooks/' '!.claude/plugins/' >&2 ||
    fail 'git there cannot leave out what is not trusted'
fi
g -C "$workspace" checkout -q -f "$branch" -- >&2 || fail "$branch cannot be checked out"
printf 'made %s\\n' "$branch"`;

/**
 * leave WORKSPACE BRANCH TIME, with the names of deployed files on stdin. Prints \`removed\`, \`kept REF\` after a rescue, or
 * \`absent\`. Merged: its commits are on another branch, or on a remote's.
 */
export const LEAVE_WORKTREE = `${GIT}
workspace=$1 branch=$2 time=$3
[ -e "$workspace/.git" ] || { echo absent; exit 0; }
cd -- "$workspace" || exit 3
top=$(g rev-parse --show-toplevel) && [ "$top" = "$(pwd -P)" ] || fail "$workspace is no usable git worktree"
common=$(g rev-parse --path-format=absolute --git-common-dir) || exit 3
mine=$(g rev-parse --path-format=absolute --git-dir) || exit 3
[ "$mine" != "$common" ] || fail "$workspace is a repository, no worktree of one"
lock "$common"
rescued=refs/sac/rescued/\${branch#sac/}-$time
head=$(g rev-parse -q --verify HEAD) || head=
index=$mine/sac-rescue-index
rm -f -- "$index"; cp -- "$mine/index" "$index" 2>/dev/null || :
tree=$(
  export GIT_INDEX_FILE=$index
  g add -A . >/dev/null 2>&1 || exit 1
  # Deployed files are ours; one that was in the repository is put back as it was there.
  while IFS= read -r name && [ -n "$name" ]; do
    if [ -n "$head" ] && g cat-file -e "$head:$name" 2>/dev/null; then g reset -q "$head" -- ":(literal)$name"
    else g rm -q --cached --ignore-unmatch -- ":(literal)$name"; fi || exit 1
  done
  g write-tree
) || { rm -f -- "$index"; fail "what is in $workspace cannot be rescued; it is kept"; }
rm -f -- "$index"
last=
if [ "$tree" != "$(g rev-parse -q --verify "$head^{tree}")" ]; then
  last=$(GIT_AUTHOR_NAME=sac GIT_AUTHOR_EMAIL=sac@localhost GIT_COMMITTER_NAME=sac GIT_COMMITTER_EMAIL=sac@localhost \\
    g commit-tree \${head:+-p "$head"} -m "Rescued by sac from $workspace" "$tree") || fail "what is in $workspace cannot be rescued; it is kept"
elif [ -n "$head" ]; then
  on=$(g for-each-ref --contains "$head" --format='%(refname)' refs/heads refs/remotes refs/tags | grep -vx "refs/heads/$branch" | head -n 1)
  base=$(g rev-parse -q --verify "refs/sac/base/\${branch#sac/}") || base=
  [ -n "$on" ] || [ "$head" = "$base" ] || last=$head
fi
if [ -n "$last" ]; then
  g update-ref "$rescued" "$last" || fail "what is in $workspace cannot be rescued; it is kept"
  printf 'kept %s\\n' "$rescued"; exit 0
fi
cd / && g -C "$common" worktree remove --force -- "$workspace" || fail "worktree $workspace cannot be removed"
[ "$(g -C "$common" rev-parse -q --verify "refs/heads/$branch")" != "$head" ] || g -C "$common" update-ref -d "refs/heads/$branch" "$head"
g -C "$common" update-ref -d "refs/sac/base/\${branch#sac/}" 2>/dev/null || :
echo removed`;

/**
 * Owns: the fixed sh scripts by which a place is asked about deployed files, and by which changed ones are put aside.
 * Data reaches them as $1.. and on stdin, one name a line; names have no control characters.
 * Never: contains anything of an agent.
 */

/** Every part of a name that is a link, or no folder where one is needed, is told and not followed. */
const JUDGE = `
fail() { printf '%s\\n' "$1" >&2; exit 3; }
# judge NAME: $fault is L (a symbolic link), D (no folder, or no file), - (absent), or empty (a file).
judge() {
  part= rest=$1/ fault=
  while [ -n "$rest" ]; do
    part=$part\${rest%%/*} rest=\${rest#*/}
    if [ -L "./$part" ]; then fault=L; return; fi
    if [ -n "$rest" ]; then
      if [ -d "./$part" ]; then :; elif [ -e "./$part" ]; then fault=D; return; else fault=-; return; fi
    fi
    part=$part/
  done
  if [ -f "./$1" ]; then :; elif [ -e "./$1" ]; then fault=D; else fault=-; fi
}`;

/**
 * look WORKSPACE HOME WITH_HOME. Stdin: names below the workspace, an empty line, names below the home, an empty line, paths
 * that ought to exist, an empty line. Prints faults and hashes of each section, and what was deployed last.
 */
export const LOOK = `${JUDGE}
umask 077
sum() { if command -v sha256sum >/dev/null 2>&1; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
look() {
  set --
  while IFS= read -r name && [ -n "$name" ]; do
    judge "$name"
    case $fault in
      '') set -- "$@" "./$name" ;;
      -) ;;
      *) printf '%s %s\\n' "$fault" "$name" ;;
    esac
  done
  [ $# -eq 0 ] || sum "$@" || fail 'a deployed file cannot be read'
}
workspace=$1 home=\${2:-\${HOME:-}}
mkdir -p -- "$workspace" && cd -- "$workspace" || fail "workspace $workspace cannot be used"
echo workspace; look
if [ -n "$3" ]; then
  case $home in /*) ;; *) fail 'there is no home folder at the place' ;; esac
  mkdir -p -- "$home" && cd -- "$home" || fail "home $home cannot be used"
fi
printf 'home %s\\n' "$home"; look
cd -- "$workspace" || exit 3
while IFS= read -r name && [ -n "$name" ]; do
  case $name in '~/'*) path=$home/\${name#'~/'} ;; *) path=$name ;; esac
  [ -r "$path" ] || printf 'missing %s\\n' "$name"
done
echo remembered
judge .sac/files.json
[ -n "$fault" ] || head -c 4000000 ./.sac/files.json`;

/**
 * aside WORKSPACE HOME GIT. Stdin: \`keep\` or \`remove\`, \`workspace\` or \`home\`, a name. What is kept gets the name NAME.orig,
 * or the next free one; the file itself stays where it is, so that it is never away. Prints what became of each.
 */
export const ASIDE = `${JUDGE}
keep() {
  # What a commit holds is not lost.
  if [ "$folder$git" = "$workspace"git ] && git ls-files --error-unmatch -- ":(literal)$name" >/dev/null 2>&1 &&
    git -c core.fsmonitor=false diff --quiet --no-ext-diff HEAD -- ":(literal)$name" 2>/dev/null; then echo committed; return; fi
  n=1 end=
  while [ "$n" -le 20 ]; do
    to=$name.orig$end
    if [ -L "./$to" ] || [ -d "./$to" ]; then :
    elif [ -e "./$to" ]; then
      if cmp -s "./$name" "./$to"; then printf 'kept %s\\n' "$to"; return; fi
    elif ln -- "./$name" "./$to" 2>/dev/null || cp -p -- "./$name" "./$to"; then printf 'kept %s\\n' "$to"; return
    else fail "$to cannot be written"
    fi
    n=$((n+1)) end=.$n
  done
  echo full
}
workspace=$1 git=$3
while IFS=' ' read -r verb root name; do
  case $root in workspace) folder=$1 ;; *) folder=$2 ;; esac
  cd -- "$folder" || exit 3
  judge "$name"
  case $verb$fault in
    keep) keep ;;
    remove) rm -f -- "./$name" && echo removed || fail "$name cannot be removed" ;;
    *) echo gone ;;
  esac
done`;

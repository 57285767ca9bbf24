/**
 * Owns: the POSIX sh programs that the process runtime runs on the machine. Constants; data comes as "$1", ... or on stdin.
 * Never: holds data. Everything they read back was written by them or passed the grammar of names.
 *
 * State of one incarnation, in `<run>/process/<name>/`: making this folder is the claim, so there is never a second one.
 *   launch  id incarnation hash
 *   state   supervisor's pid, its start time (proc(5) stat field 22, against pid reuse), boot id, started at (seconds)
 *   child   agent's pid, its start time
 *   exit    exit status as sh has it, ended at (seconds)
 *   submitted  how many startup texts were submitted, where they are
 */

/** Start time of process $1 into $start; empty when it is gone. No process is started for it. */
const START_TIME = `start_time() {
  start=
  IFS= read -r sac_stat 2>/dev/null < "/proc/$1/stat" || return 0
  sac_rest=\${sac_stat##*) }
  set -- $sac_rest
  case $1 in Z|X) ;; *) start=\${20} ;; esac
}`;

/**
 * Runs one agent: sh supervisor.sh DIR LAUNCH LOG BLOCKS FILES FIFO NAME. In a session of its own; outlives the controller.
 * Status above 128 means "ended by signal status-128" to sh; an agent that exits with such a code itself looks the same.
 */
export const SUPERVISOR = `${START_TIME}
dir=$1 launch=$2 log=$3 blocks=$4 files=$5 fifo=$6 name=$7
# dd hands on what it reads at once, and its count bounds what one of them may write. What cannot be written (a disk that is
# full or read-only) is lost: were nobody left to read, the agent would be ended by its next word.
rotate() {
  while :; do
    said=$(LC_ALL=C dd bs=4096 count="$blocks" of="$log" oflag=append conv=notrunc 2>&1)
    failed=$?
    told=$(printf '%s\\n' "$said" | sed -n 's/^\\([0-9]*\\)+\\([0-9]*\\) records in$/\\1 + \\2/p')
    if [ "$failed" -ne 0 ]; then
      case $(LC_ALL=C dd bs=4096 count=1 of=/dev/null 2>&1) in *'0+0 records in'*) return ;; esac
      continue
    fi
    [ $((told)) -lt "$blocks" ] && return
    [ "$(wc -c < "$log")" -lt $((blocks * 4096)) ] && continue
    i=$files
    while [ "$i" -gt 1 ]; do
      [ -f "$log.$((i - 1))" ] && mv -f "$log.$((i - 1))" "$log.$i"
      i=$((i - 1))
    done
    mv -f "$log" "$log.1"
    true > "$log"
  done
}
{
  sh -c '
    IFS= read -r stat < "/proc/$$/stat"; rest=\${stat##*) }
    launch=$1 dir=$0; set -- $rest
    printf "%s %s\\n" "$$" "\${20}" > "$dir/child"
    exec setsid sh "$launch"' "$dir" "$launch" 2>&1
  code=$?
  printf '%s %s\\n' "$code" "$(date +%s)" > "$dir/exit.tmp"
  mv -f "$dir/exit.tmp" "$dir/exit"
  [ -p "$fifo" ] && printf '%s\\n' "$name" 1<>"$fifo"
} < /dev/null | rotate
`;

/**
 * What is known of the incarnation in folder $1, in $was_...; fails when none is. `was_alive`: pid of the agent, `-` while it is
 * being started, empty: it has ended. Needs $boot. No process is started for it.
 */
const LOOK = `${START_TIME}
look() {
  was_id= was_incarnation= was_hash= pid= since= on= was_began= child= child_since= was_status= was_ended= was_alive= was_submitted=
  read -r was_id was_incarnation was_hash 2>/dev/null < "$1/launch" || return 1
  read -r pid since on was_began 2>/dev/null < "$1/state"
  read -r child child_since 2>/dev/null < "$1/child"
  read -r was_submitted 2>/dev/null < "$1/submitted"
  read -r was_status was_ended 2>/dev/null < "$1/exit" && return 0
  [ "$on" = "$boot" ] || return 0
  if [ -n "$child" ]; then start_time "$child"; [ -n "$start" ] && [ "$start" = "$child_since" ] && was_alive=$child; fi
  if [ -z "$was_alive" ] && [ -n "$pid" ]; then start_time "$pid"; [ -n "$start" ] && [ "$start" = "$since" ] && was_alive=\${child:--}; fi
  # It may have ended between the two looks.
  [ -n "$was_alive" ] || read -r was_status was_ended 2>/dev/null < "$1/exit"
  return 0
}`;

/**
 * sh -c START sac-start ROOT LOGS LAUNCHES FIFO; stdin: NAME ID INCARNATION HASH NUMBER... a line.
 * Prints \`NAME started -\`, \`NAME started INCARNATION\` where that one has ended and is replaced, or \`NAME taken\`. Of a dead
 * incarnation the folder is renamed: that is the claim on its place.
 */
export const START = `${LOOK}
root=$1 logs=$2 launches=$3 fifo=$4
umask 077
IFS= read -r boot < /proc/sys/kernel/random/boot_id
now=$(date +%s)
mkdir -p "$root"
while read -r name id incarnation hash numbers; do
  dir=$root/$name
  replaced=-
  if ! mkdir "$dir" 2>/dev/null; then
    if look "$dir" && [ -z "$was_alive" ] && [ "$was_id" = "$id" ] && [ "$was_incarnation" -lt "$incarnation" ] &&
      mv -T "$dir" "$root/.gone-$name-$was_incarnation" 2>/dev/null
    then
      replaced=$was_incarnation
      rm -rf -- "$root/.gone-$name-$was_incarnation"
    fi
    mkdir "$dir" 2>/dev/null || { echo "$name taken"; continue; }
  fi
  printf '%s %s %s\\n' "$id" "$incarnation" "$hash" > "$dir/launch"
  [ -d "$logs/$name" ] || mkdir -p "$logs/$name"
  log=$logs/$name/current.log
  [ -f "$log" ] && mv -f "$log" "$logs/$name/previous.log"
  : > "$log"
  setsid sh "$root/supervisor.sh" "$dir" "$launches/$name.$incarnation.sh" "$log" $numbers "$fifo" "$name" </dev/null >/dev/null 2>&1 &
  start_time "$!"
  printf '%s %s %s %s\\n' "$!" "$start" "$boot" "$now" > "$dir/state"
  echo "$name started $replaced"
done
`;

/**
 * sh -c LIST sac-list ROOT [NAME...]: a line each: NAME ID INCARNATION HASH running|exited PID|- STATUS|- STARTED ENDED|- SUBMITTED|-.
 * No process is started. Without names all: sh reads a byte at a time, some hundred for each.
 */
export const LIST = `${LOOK}
IFS= read -r boot < /proc/sys/kernel/random/boot_id
root=$1; shift
if [ $# -eq 0 ]; then
  for dir in "$root"/*/; do dir=\${dir%/}; set -- "$@" "\${dir##*/}"; done
fi
for name; do
  look "$root/$name" || continue
  began=\${was_began:-0} submitted=\${was_submitted:--}
  if [ -n "$was_alive" ]; then
    echo "$name $was_id $was_incarnation $was_hash running $was_alive - $began - $submitted"
  else
    echo "$name $was_id $was_incarnation $was_hash exited - \${was_status:--} $began \${was_ended:--} $submitted"
  fi
done
exit 0
`;

/** sh -c CLEAR sac-clear ROOT NAME INCARNATION: takes the folder of a dead incarnation away; renaming it is the claim. */
export const CLEAR = `
dir=$1/$2
read -r id incarnation hash 2>/dev/null < "$dir/launch" || exit 0
[ "$incarnation" = "$3" ] || exit 0
mv -T "$dir" "$1/.gone-$2-$3" 2>/dev/null || exit 0
rm -rf -- "$1/.gone-$2-$3"
exit 0
`;

/** sh -c TERM sac-term ROOT NAME INCARNATION: asks the agent (its process group) to leave, if it is still this incarnation. */
export const TERM = `${START_TIME}
dir=$1/$2
read -r id incarnation hash 2>/dev/null < "$dir/launch" || exit 0
[ "$incarnation" = "$3" ] || exit 0
read -r child since 2>/dev/null < "$dir/child" || exit 0
start_time "$child"
[ -n "$start" ] && [ "$start" = "$since" ] && kill -s TERM -- "-$child" 2>/dev/null
exit 0
`;

/** sh -c WATCH sac-watch FIFO: prints a name for every death. Opened both ways, so that writers never block and it never ends;
 * before the first line, for what is written while nobody has it open is lost. */
export const WATCH = `
mkdir -p "\${1%/*}"
[ -p "$1" ] || { rm -f "$1"; mkfifo -m 600 "$1"; }
exec 3<> "$1"
echo '*'
exec cat <&3
`;

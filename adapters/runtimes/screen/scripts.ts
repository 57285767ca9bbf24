/**
 * Owns: the POSIX sh programs of the screen runtime. Constants; data comes as "$1", ... or on stdin. State as in process/scripts.ts, and
 *   sty   the session as screen names it: <pid of its server>.<fleet>.<name>, so never that of another incarnation
 * Never: reads a user's or the system's screenrc, or uses sessions outside our own SCREENDIR.
 *
 * GNU screen 4.9 can show what is on a screen in UTF-8 only to a display (`hardcopy` writes the low byte of each character), and
 * `stuff -k` without one crashes it. So each session has a display of its own: an attached screen in a pty that script(1) holds.
 */

/** Ours alone. `v`: the visible screen into the paste buffer; `h`: with the scrollback. */
export const SCREENRC = `
startup_message off
msgwait 0
vbell off
bell_msg ''
defutf8 on
altscreen on
nonblock on
autodetach on
deflogin off
hardstatus off
caption splitonly
term screen-256color
register v "H0 L$ "
register h "g0 G$ "
`;

/** Values of our own that must not reach the agent. */
const OWN =
  'sac_dir sac_launch sac_log sac_root sac_id sac_incarnation sac_columns sac_rows sac_history sac_fifo sac_name sac_term sac_shell';

/** sh supervisor.sh DIR LAUNCH LOG COLUMNS ROWS HISTORY FIFO NAME. Outlives the controller; gives the session a display again when it lost it. */
export const SUPERVISOR = `
sac_dir=$1 sac_launch=$2 sac_log=$3 sac_columns=$4 sac_rows=$5 sac_history=$6 sac_fifo=$7 sac_name=$8
sac_root=\${sac_dir%/*} sac_term=$TERM sac_shell=$SHELL
read -r sac_id sac_incarnation sac_hash < "$sac_dir/launch"
export ${OWN}
export SCREENDIR="$sac_root/.s" SYSSCREENRC=/dev/null TERM=xterm-256color SHELL=/bin/sh
unset STY
[ -d "$SCREENDIR" ] || mkdir -m 700 "$SCREENDIR" 2>/dev/null
mkfifo -m 600 "$sac_dir/tty"
display() {
  script -q -c 'stty rows "$sac_rows" cols "$sac_columns"; '"$1" /dev/null <> "$sac_dir/tty" >/dev/null 2>&1
}
display 'exec screen -U -m -S "$sac_id" -c "$sac_root/screenrc" -h "$sac_history" sh "$sac_root/window.sh"'
lost=0
while [ "$lost" -lt 5 ]; do
  id= incarnation= sac_sty=
  read -r id incarnation hash 2>/dev/null < "$sac_dir/launch" && [ "$incarnation" = "$sac_incarnation" ] || exit 0
  [ ! -e "$sac_dir/exit" ] && read -r sac_sty 2>/dev/null < "$sac_dir/sty" || break
  export sac_sty
  display 'exec screen -U -x "$sac_sty" -c "$sac_root/screenrc"'
  lost=$((lost + 1))
  sleep 0.2
done
if [ ! -e "$sac_dir/sty" ]; then
  echo 'sac: screen could not make the session' > "$sac_log"
  printf '78 %s\\n' "$(date +%s)" > "$sac_dir/exit.tmp" && mv -f "$sac_dir/exit.tmp" "$sac_dir/exit"
  [ -p "$sac_fifo" ] && printf '%s\\n' "$sac_name" 1<>"$sac_fifo"
fi
exit 0
`;

/**
 * \`look STY v|h FILE\`: what is on the screen, in UTF-8, into FILE; empty where there is no display just now. Nothing can be typed
 * into the agent by it: \`process\` needs a display as \`copy\` does. The query at the end waits for what was told before.
 */
const LOOK = `look() {
  screen -S "$1" -p 0 -X eval 'register . ""' copy "process $2" >/dev/null 2>&1 || return 1
  screen -S "$1" -p 0 -X writebuf -e utf8 "$3" >/dev/null 2>&1
  screen -S "$1" -p 0 -Q info 2>/dev/null
}`;

/** The window: the agent, and then the record of its end. What people type at it (^C) must not end it before the agent. */
export const WINDOW = `
${LOOK}
trap : HUP INT QUIT TERM
umask 077
printf '%s\\n' "$STY" > "$sac_dir/sty.tmp" && mv -f "$sac_dir/sty.tmp" "$sac_dir/sty"
sh -c '
  IFS= read -r stat < "/proc/$$/stat"; rest=\${stat##*) }
  set -- $rest
  printf "%s %s\\n" "$$" "\${20}" > "$sac_dir/child"
  set -- "$sac_launch" "$sac_shell"
  unset ${OWN} STY SCREENDIR SYSSCREENRC TERMCAP WINDOW SHELL
  [ -z "$2" ] || export SHELL="$2"
  exec sh "$1"'
code=$?
# Screen answers the question after all that the agent printed.
stty -icanon -echo min 0 time 20 2>/dev/null && printf '\\033[5n' && dd bs=64 count=1 >/dev/null 2>&1
look "$STY" h "$sac_dir/last" >/dev/null
if [ -s "$sac_dir/last" ]; then sed -e 's/[[:space:]]*$//' "$sac_dir/last" > "$sac_log"; fi
printf '%s %s\\n' "$code" "$(date +%s)" > "$sac_dir/exit.tmp"
mv -f "$sac_dir/exit.tmp" "$sac_dir/exit"
[ -p "$sac_fifo" ] && printf '%s\\n' "$sac_name" 1<>"$sac_fifo"
exit 0
`;

/** Session of NAME into $sty. */
const SESSION = `session() {
  sty=
  [ ! -e "$root/$1/exit" ] && read -r sty 2>/dev/null < "$root/$1/sty"
}
export SCREENDIR="$root/.s" SYSSCREENRC=/dev/null
umask 077`;

/**
 * sh -c SCREENS sac-screens ROOT v|h; stdin: a NAME a line. For each that has a screen: \`=NAME INCARNATION FOREGROUND INFO\`, then its rows
 * each behind a \`|\`.
 */
export const SCREENS = `
root=$1 part=$2
${SESSION}
${LOOK}
while read -r name; do
  dir=$root/$name id= incarnation= child= comm=
  session "$name" && read -r id incarnation hash 2>/dev/null < "$dir/launch" || continue
  out=$dir/look.$$
  info=$(look "$sty" "$part" "$out") || continue
  [ -s "$out" ] || { rm -f "$out"; continue; }
  read -r child since 2>/dev/null < "$dir/child" && IFS= read -r stat 2>/dev/null < "/proc/$child/stat" && {
    set -- \${stat##*) }
    # The window and the agent share a process group unless the agent made another.
    [ "$6" = "$3" ] && front=$child || front=$6
    IFS= read -r comm 2>/dev/null < "/proc/$front/comm"
  }
  printf '=%s %s %s %s\\n' "$name" "$incarnation" "\${comm:--}" "\${info%%+*}"
  sed -e 's/[[:space:]]*$//' -e 's/^/|/' "$out"
  rm -f "$out"
done
exit 0
`;

/**
 * sh -c TYPE sac-type ROOT NAME INCARNATION paste|process [SUBMITTED]; stdin: what is typed, byte for byte. Nothing when it is another
 * incarnation. Exits 1 when screen did not take it.
 */
export const TYPE = `
root=$1 name=$2 how=$4
${SESSION}
dir=$root/$name id= incarnation=
read -r id incarnation hash 2>/dev/null < "$dir/launch" && [ "$incarnation" = "$3" ] && session "$name" || exit 0
file=$dir/typed.$$
cat > "$file"
ask() { screen -S "$sty" -p 0 "$@" >/dev/null 2>&1; }
ask -X readreg t "$file" && ask -X "$how" t
failed=$?
[ "$failed" -ne 0 ] || [ -z "$5" ] || { printf '%s\\n' "$5" > "$dir/submitted.tmp" && mv -f "$dir/submitted.tmp" "$dir/submitted"; }
ask -Q info
rm -f "$file"
[ "$failed" -eq 0 ] || [ -e "$dir/exit" ]
`;

/** sh -c ATTACH sac-attach ROOT NAME */
export const ATTACH = `
root=$1
${SESSION}
session "$2" || { echo "sac: $2 does not run" >&2; exit 1; }
unset STY
exec screen -U -x "$sty" -c "$root/screenrc"
`;

/**
 * Owns: the program behind `hook-event`: one line of shell that appends what stdin brings to the agent's spool.
 * Never: talks to the controller, fails, or blocks: node alone needs longer to start than a hook may take.
 */

/** What agents are told by their environment: where their events go, and the program that takes them there. */
export const SPOOL_VARIABLE = 'SAC_HOOK_SPOOL';
export const SPOOLER_VARIABLE = 'SAC_HOOK';

/** Longest event kept, in bytes; what is longer is cut and read as far as it goes. */
export const MAX_EVENT_BYTES = 65_000;
/** A spool that has grown beyond this becomes `<spool>.1`, over the one before: at most twice this lies on disk. */
export const MAX_SPOOL_BYTES = 4_194_304;

/**
 * `hook-event KIND [--agent NAME] < payload` as one line, so that it can also stand in a comment at the head of dist/sac.js.
 * A line of the spool is `KIND MILLISECONDS PAYLOAD`; a whole one is a single write, so that concurrent hooks never mix:
 * the pipe's pieces are gathered by dd, whose one write is atomic on a file opened for appending. JSON has no raw newlines
 * that matter. busybox's date knows no parts of seconds: the last of the second is taken, so that none is older than its agent. Exits 0 whatever happens: a 2 would block the tool call. The last `cat` drains what was too long.
 * `$1` is the word `hook-event`, so that dist/sac.js and this are called alike. Without a spool it reads and forgets.
 */
export const SPOOLER_LINE = [
  'if [ "$1" = hook-event ]; then',
  'k=${2:-other}; a=${SAC_AGENT:-};',
  'case $k in *[!a-z-]*) k=other;; esac;',
  '[ "$3" = --agent ] && { a=$4; SAC_HOOK_SPOOL=; };',
  'case $a in *[!a-z0-9-]*) a=;; esac;',
  'f=${SAC_HOOK_SPOOL:-};',
  '[ -z "$f$a" ] || f=${f:-${SAC_HOME:-${XDG_STATE_HOME:-$HOME/.local/state}/sac}/hooks/$a.spool};',
  'if [ -n "$f" ]; then umask 077; {',
  '[ -d "${f%/*}" ] || mkdir -p "${f%/*}";',
  `[ ! -f "$f" ] || [ "$(wc -c <"$f")" -lt ${MAX_SPOOL_BYTES} ] || mv -f "$f" "$f.1" || : >"$f";`,
  't=$(date +%s%3N); case $t in *[!0-9]*) t=${t%%[!0-9]*}999;; esac;',
  // Shown to a container, it cannot step aside.
  `{ printf "%s %s " "$k" "$t"; head -c ${MAX_EVENT_BYTES} | tr "\\n\\r" "  "; echo; } |`,
  'dd bs=65536 iflag=fullblock oflag=append conv=notrunc of="$f";',
  '} >/dev/null 2>&1; fi;',
  'cat >/dev/null 2>&1; exit 0; fi',
].join(' ');

/** The program as a file of its own, for machines without sac. */
export const SPOOLER_SCRIPT = `#!/bin/sh\n# Appends one event of an agent's hook to its spool; written by sac.\n${SPOOLER_LINE}\nexit 0\n`;

/** How a hook calls it. Outside of sac, or when the program is gone, it does nothing: an old line left in settings does no harm. */
export const hookCommand = (kind: string): string =>
  `sh "\${${SPOOLER_VARIABLE}:-/dev/null}" hook-event ${kind} 2>/dev/null || :`;

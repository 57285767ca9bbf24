/**
 * Owns: making a command that is only listened to end with its listener, also when that is killed.
 * Never: for commands that read their standard input.
 */

/**
 * Argv for `converse`: its standard input stays open for as long as whoever listens lives. A listener left behind would hold
 * memory for ever, and take news (of a FIFO) away from its successor.
 */
export const whileHeard = (argv: readonly string[]): readonly string[] => ['sh', '-c', GUARD, 'sac-listen', ...argv];

const GUARD = `
exec 4<&0
(while read -r _; do :; done; kill -s TERM "$$") <&4 >/dev/null 2>&1 &
exec "$@" </dev/null 4<&-
`;

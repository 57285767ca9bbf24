/**
 * Owns: bringing a POSIX script through whatever login shell a user has (bash, dash, zsh, fish, csh, tcsh), byte for byte.
 * Never: puts data into the line the login shell reads, but for `wordsLine`, and there in characters no shell touches.
 */
import { quoteArgv } from '../../quote.ts';

/**
 * What sshd hands to the login shell: always this one line. Between single quotes none of these characters means anything
 * to any of those shells (no quote, no newline, no "!", which csh expands even there, no backslash). The script follows on
 * stdin as one line made by `scriptLine`; `read` takes it byte by byte (POSIX.1-2017, read), so what comes after it is the
 * command's own input.
 */
export const BOOTSTRAP = `exec /bin/sh -c '${read('c')} && eval "$(printf %b "$c")"'`;

/**
 * The same with the environment a login shell makes of its profile files. csh takes no command as a login shell: there the
 * profile files of sh are read.
 */
export const LOGIN_BOOTSTRAP =
  `exec /bin/sh -c 'case $SHELL in *csh|"") SHELL=/bin/sh;; esac; ` +
  `export SAC_BOOT="$0"; exec "$SHELL" -l -c "exec /bin/sh -c \\"\\$SAC_BOOT\\""' ` +
  `'${read('c')} && eval "$(printf %b "$c")"'`;

function read(variable: string): string {
  return `IFS= read -r ${variable}`;
}

/** The script as one line of ASCII for `printf %b`, with its newline. Throws RangeError for NUL, which no script can hold. */
export function scriptLine(script: string): string {
  if (script.includes('\0')) throw new RangeError('a word with a NUL character cannot be passed to a program');
  return `${escapeBytes(script)}\n`;
}

/** Text or bytes, also NUL, as ASCII without newlines that `printf %b` turns back (POSIX.1-2017, printf: \0ddd). */
export function escapeBytes(content: string | Uint8Array): string {
  let line = '';
  for (const byte of Buffer.from(content)) {
    if (byte === 0x5c) line += '\\\\';
    else if (byte === 0x0a) line += '\\n';
    else if (byte >= 0x20 && byte < 0x7f) line += String.fromCharCode(byte);
    else line += `\\0${byte.toString(8).padStart(3, '0')}`;
  }
  return line;
}

/** A line for any login shell that runs argv with the terminal as its stdin, where no script can be sent ahead. */
export function wordsLine(argv: readonly string[]): string {
  const script = `exec ${quoteArgv(argv)}`;
  let words = '';
  for (const byte of Buffer.from(script)) {
    const character = String.fromCharCode(byte);
    words += /[A-Za-z0-9_./ -]/.test(character) ? character : `\\0${byte.toString(8).padStart(3, '0')}`;
  }
  return `exec /bin/sh -c 'eval "$(printf %b "$0")"' '${words}'`;
}

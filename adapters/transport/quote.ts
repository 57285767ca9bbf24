/**
 * Owns: the one function that turns an argv into a line for a POSIX shell. Fuzzed against real shells.
 * Never: used where an argv can be passed as such.
 */

/** Words that mean themselves anywhere but in the first place, where they may be a reserved word. */
const PLAIN = /^[A-Za-z0-9_@%+:,./-]+$/;

/**
 * A word that a POSIX shell reads as exactly this one. Between single quotes every character stands for itself except the
 * quote (POSIX.1-2017, Shell Command Language 2.2.2). Throws RangeError for a NUL character, which no program can be passed.
 */
export function quoteWord(word: string): string {
  if (word.includes('\0')) throw new RangeError('a word with a NUL character cannot be passed to a program');
  return PLAIN.test(word) ? word : quoted(word);
}

/** A line that a POSIX shell splits back into exactly these words; the first is a command, never an assignment or `if`. */
export const quoteArgv = (argv: readonly string[]): string =>
  argv.map((word, i) => (i === 0 && !word.includes('/') ? quoted(word) : quoteWord(word))).join(' ');

function quoted(word: string): string {
  if (word.includes('\0')) throw new RangeError('a word with a NUL character cannot be passed to a program');
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Owns: the one function that turns an argv into a line for a POSIX shell. Fuzzed against real shells.
 * Never: used where an argv can be passed as such.
 */

/** Every character stands for itself between single quotes except the quote. POSIX.1-2017, Shell Command Language 2.2.2. */
export function quoteWord(word: string): string {
  if (word.includes('\0')) throw new RangeError('a word with a NUL character cannot be passed to a program');
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A line that a POSIX shell splits back into exactly these words. */
export const quoteArgv = (argv: readonly string[]): string => argv.map(quoteWord).join(' ');

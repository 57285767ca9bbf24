import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteArgv, quoteWord } from './quote.ts';

/** What the shell hands to a program, NUL-terminated. Many argvs in one shell: a process a sample would take minutes. */
function splitBy(shell: string, argvs: readonly (readonly string[])[]): string[][] {
  const lines = argvs.map(
    (argv) => `printf '%s\\0' ${quoteArgv(['x', ...argv]).slice("'x' ".length)}; printf '\\0\\0'`,
  );
  const output = execFileSync(shell, ['-s'], {
    input: lines.join('\n'),
    maxBuffer: 1 << 26,
    timeout: 60_000,
  }).toString();
  // Each word ends with a NUL; words are never empty here but may hold anything else.
  return output
    .split('\0\0\0')
    .slice(0, -1)
    .map((group) => group.split('\0'));
}

const nasty = fc.constantFrom(
  "'",
  '"',
  '\\',
  '$',
  '`',
  '\n',
  '\r',
  '\t',
  ' ',
  '!',
  '*',
  '?',
  '[',
  ']',
  '{',
  '}',
  '~',
  '#',
  '&',
  '|',
  ';',
  '<',
  '>',
  '(',
  ')',
  '=',
  '-',
  '%',
  '^',
  '$(id)',
  '${HOME}',
  '\u2028',
  'é',
  '😀',
  '\u0001',
  '\u007f',
);
const word = fc
  .oneof(
    fc.string({ minLength: 1, unit: 'grapheme' }),
    fc.string({ minLength: 1, unit: fc.oneof(nasty, fc.string({ minLength: 1, maxLength: 1 })) }),
  )
  .filter((text) => !text.includes('\0'));

describe('quoteArgv', () => {
  it.each(['sh', 'dash', 'bash'])('is split back into the same words by %s', (shell) => {
    fc.assert(
      fc.property(
        fc.array(fc.array(word, { minLength: 1, maxLength: 6 }), { minLength: 20, maxLength: 40 }),
        (argvs) => {
          expect(splitBy(shell, argvs)).toEqual(argvs);
        },
      ),
      { numRuns: 15 },
    );
  });

  it.each(['sh', 'dash', 'bash'])('keeps empty words in %s', (shell) => {
    expect(execFileSync(shell, ['-c', quoteArgv(['printf', '[%s]', '', 'a', ''])]).toString()).toBe('[][a][]');
  });

  it.each(['A=b', 'if', 'time', '!', '{', 'a b'])('never lets a first word %s be syntax', (first) => {
    const line = quoteArgv([first, 'x']);
    const run = () => execFileSync('sh', ['-c', `${line} 2>/dev/null; exit $?`]);
    // 127: looked for as a program, not found.
    expect(run).toThrow(expect.objectContaining({ status: 127 }));
  });

  it('refuses NUL, which would end the word early', () => {
    expect(() => quoteWord('a\0b')).toThrow(RangeError);
    expect(() => quoteArgv(['a\0b'])).toThrow(RangeError);
  });
});

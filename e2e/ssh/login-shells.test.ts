import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BOOTSTRAP, LOGIN_BOOTSTRAP, scriptLine, wordsLine } from '../../adapters/transport/ssh/remote/encoding.ts';
import { commandScript } from '../../adapters/transport/ssh/remote/remote-script.ts';

const SHELLS = ['bash', 'dash', 'zsh', 'fish', 'bsd-csh', 'tcsh'];
let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'sac-encoding-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** As sshd does it: `$SHELL -c line`, script and input on stdin. */
const say = (shell: string, line: string, input: string): string =>
  execFileSync(shell, ['-c', line], {
    input,
    env: { PATH: process.env['PATH'], HOME: home, SHELL: `/usr/bin/${shell}`, LANG: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 60_000,
  }).toString();

const nasty = fc.constantFrom(
  ...["'", '"', '\\', '$', '`', '\n', '\r', '\t', ' ', '!', '!!', '*', '?', '[', '{a,b}', '~', '#', '&', '|', ';'],
  ...['<', '>', '(', ')', '=', '-', '%', '%s', '^', '^a^b', '$(id)', '${HOME}', '$argv', '\\n', '\\c', '\\0101'],
  ...['\u2028', 'é', 'Á', 'à', '日本', '😀', '\u0001', '\u0081', '\u0088', '\u007f', '\u00ff'],
);
const word = fc
  .oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.oneof(nasty, fc.string({ minLength: 1, maxLength: 1 })) }),
  )
  .filter((text) => !text.includes('\0'));
const words = fc.array(word, { minLength: 1, maxLength: 60 });

describe.each(SHELLS)('%s as the login shell', (shell) => {
  it('hands every word on byte for byte, and the input behind the script', () => {
    fc.assert(
      fc.property(words, word, (argv, input) => {
        const script = commandScript(['sh', '-c', 'printf "%s\\0" "$@"; cat', 'sh', ...argv], {
          nonce: 'n',
          stdin: true,
        });
        const said = say(shell, BOOTSTRAP, scriptLine(script) + input).replace(/^\nn ready \d+\n/, '');
        expect(said).toBe(`${argv.join('\0')}\0${input}`);
      }),
      { numRuns: 12 },
    );
  });

  it('hands every word on byte for byte where stdin is the terminal', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 6 }), (argv) => {
        expect(say(shell, wordsLine(['printf', '[%s]', ...argv]), '')).toBe(argv.map((text) => `[${text}]`).join(''));
      }),
      { numRuns: 12 },
    );
  });

  it('may first make the environment of a login', () => {
    const script = commandScript(['sh', '-c', 'printf "%s|" "$@"; cat', 'sh', "it's", '!é\n'], {
      nonce: 'n',
      stdin: true,
    });
    expect(say(shell, LOGIN_BOOTSTRAP, `${scriptLine(script)}input`)).toMatch(/\nn ready \d+\nit's\|!é\n\|input$/);
  });
});

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shownAfter } from './emulator.ts';

const E = '\u001b';
const rows = (output: string, columns = 20, height = 4) =>
  shownAfter(output, columns, height).text.replace(/\n+$/, '').split('\n');

describe('a terminal put together from what it was told', () => {
  it.each<[string, string, string[]]>([
    ['lines', 'one\r\ntwo\r\nthree', ['one', 'two', 'three']],
    ['what scrolls off', '1\r\n2\r\n3\r\n4\r\n5', ['2', '3', '4', '5']],
    ['a long line', 'abcdefghijklmnopqrstuvwxyz', ['abcdefghijklmnopqrst', 'uvwxyz']],
    ['a line that just fits', 'abcdefghijklmnopqrst\r\nx', ['abcdefghijklmnopqrst', 'x']],
    ['a line that is written anew', 'Working 10%\rWorking 20%', ['Working 20%']],
    ['colours', `${E}[1;31mred${E}[0m ${E}[38;5;12mblue${E}[m`, ['red blue']],
    ['rows drawn anew from above', `a\r\nb\r\nc${E}[2A\r${E}[JX`, ['X']],
    ['places', `${E}[2J${E}[3;5HX${E}[1;1HY`, ['Y', '', '    X']],
    ['an erased line', `hello world${E}[6D${E}[K!`, ['hello!']],
    ['tabs', 'a\tb', ['a       b']],
    ['wide characters', `日本語${E}[1;3HX`, ['日X 語']],
    ['inserted and deleted characters', `abcdef${E}[1;2H${E}[2@XY${E}[1;5H${E}[1P`, ['aXYbdef']],
    ['inserted rows', `1\r\n2\r\n3${E}[2;1H${E}[LX`, ['1', 'X', '2', '3']],
    ['a region that scrolls alone', `top\r\n1\r\n2\r\nend${E}[2;3r${E}[3;1H\n3`, ['top', '2', '3', 'end']],
    ['another screen, and back', `before${E}[?1049h${E}[HTUI${E}[?1049l!`, ['before!']],
    ['a title', `${E}]0;name${'\u0007'}text`, ['text']],
    ['strings that are not shown', `a${E}_sac:1\r\n${E}\\b${E}P1$r${E}\\c`, ['abc']],
    ['what is cut off', `text${E}[38;5`, ['text']],
    ['an escape that is none', `a${E}${E}[1mb`, ['ab']],
  ])('shows %s', (_what, output, expected) => expect(rows(output)).toEqual(expected));

  it('tells the title, and what the program asked for', () => {
    expect(shownAfter(`${E}]2;my title${E}\\${E}[?2004h${E}[?1h`, 20, 4)).toMatchObject({
      title: 'my title',
      bracketedPaste: true,
      applicationKeys: true,
    });
    expect(shownAfter(`${E}[?2004h${E}[?2004l`, 20, 4)).toMatchObject({ bracketedPaste: false });
  });

  it('takes any bytes, and keeps its size', () => {
    const parts = fc.oneof(
      fc.constantFrom(
        `${E}[`,
        `${E}]0;`,
        `${E}_`,
        `${E}\\`,
        E,
        ';',
        '?',
        'h',
        'r',
        'L',
        'M',
        '@',
        'P',
        'S',
        'T',
        '99',
        '\r',
        '\n',
        '日',
      ),
      fc.string({ unit: 'binary', maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 60 }), (bytes) => {
        const lines = shownAfter(bytes.join(''), 10, 5).text.split('\n');
        expect(lines).toHaveLength(6);
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with tmux on what programs draw', () => {
    const dir = mkdtempSync(join(tmpdir(), 'sac-emulator-'));
    const socket = `sac-emulator-${randomBytes(4).toString('hex')}`;
    const tmux = (...args: readonly string[]) =>
      execFileSync('tmux', ['-u', '-L', socket, '-f', '/dev/null', ...args], { encoding: 'utf8', timeout: 20_000 });
    const moves = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'd', 'K', 'J', 'L', 'M', 'P', '@', 'X', 'S', 'T'] as const;
    const piece = fc.oneof(
      fc.stringMatching(/^[a-z ]{1,12}$/),
      fc.constantFrom('\r\n', '\r', '\n', '\t', '日本', `${E}M`, `${E}7`, `${E}8`, `${E}[2J`, `${E}[H`, `${E}[1K`),
      fc
        .tuple(fc.integer({ min: 0, max: 6 }), fc.constantFrom(...moves))
        .map(([n, move]) => `${E}[${move === 'J' || move === 'K' ? n % 2 : n || ''}${move}`),
      fc.tuple(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 30 })).map(([y, x]) => `${E}[${y};${x}H`),
    );
    const drawn = fc
      .sample(fc.array(piece, { minLength: 5, maxLength: 40 }), { numRuns: 40, seed: 5 })
      .map((all) => all.join(''));
    try {
      drawn.forEach((text, n) => {
        writeFileSync(join(dir, `${n}`), text);
      });
      tmux('new-session', '-d', '-x', '30', '-y', '10', 'sleep', '100');
      for (const n of drawn.keys())
        tmux(
          'new-window',
          '-d',
          '-t',
          `:${n + 1}`,
          `stty raw -echo; cat ${join(dir, `${n}`)}; tmux -L ${socket} wait-for -S w${n}; sleep 100`,
        );
      const wrong = drawn.flatMap((text, n) => {
        tmux('wait-for', `w${n}`);
        const expected = tmux('capture-pane', '-p', '-t', `:${n + 1}`);
        const { text: got } = shownAfter(text, 30, 10);
        return got === expected ? [] : [{ text, expected, got }];
      });
      expect(wrong).toEqual([]);
    } finally {
      try {
        tmux('kill-server');
      } catch {
        // It never came up.
      }
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

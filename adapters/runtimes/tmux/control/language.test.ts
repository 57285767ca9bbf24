import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FleetId, instanceId } from '../../../../api/resources/names.ts';
import { RuntimeError } from '../../runtime.ts';
import { losesDeaths } from '../nudge.ts';
import { command, exactly, literal, plain, sessionName, together, word } from './language.ts';

const id = (name: string) => instanceId('0badcafe' as FleetId, name);

describe('words of tmux commands', () => {
  it('are read back by tmux as they were, one word each', () => {
    const dir = mkdtempSync(join(tmpdir(), 'sac-language-'));
    const socket = `sac-test-${randomBytes(4).toString('hex')}`;
    const special = fc.constantFrom(
      "'",
      '"',
      '\\',
      '$HOME',
      '~',
      ';',
      ' ; ',
      '{',
      '}',
      '#',
      '#{pid}',
      '%',
      '=',
      ' ',
      '\t',
      '-',
      'é',
      '😀',
    );
    // tmux drops an option that is empty, and shows control characters and broken UTF-8 in its own way.
    const samples = fc.sample(
      fc.string({
        unit: fc.oneof(special, fc.string({ minLength: 1, maxLength: 1, unit: 'grapheme-ascii' })),
        minLength: 1,
        maxLength: 12,
      }),
      150,
    );
    try {
      const lines = samples.map((text, i) =>
        together(command('set-option', '-s', `@s${i}`, text), command('set-option', '-s', `@after${i}`, 'yes')),
      );
      writeFileSync(join(dir, 'conf'), `${lines.join('\n')}\n`);
      execFileSync('tmux', ['-L', socket, '-f', join(dir, 'conf'), 'new-session', '-d', 'sleep', '1000'], {
        timeout: 10_000,
      });
      const show = (name: string) =>
        execFileSync('tmux', ['-L', socket, 'show-options', '-sv', name], { timeout: 10_000 }).toString().slice(0, -1);
      samples.forEach((text, i) => {
        expect(show(`@s${i}`)).toBe(text);
        if (i % 10 === 0) expect(show(`@after${i}`)).toBe('yes');
      });
    } finally {
      execFileSync('tmux', ['-L', socket, 'kill-server'], { timeout: 10_000 });
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it.each(['a\nkill-server', 'a\rb', 'a\0b'])('never hold a line break: %j', (text) => {
    expect(() => word(text)).toThrow(RuntimeError);
  });
});

describe('targets', () => {
  it('match one session alone', () => {
    expect(exactly(id('web-1'))).toBe('=web-1:');
  });
  it.each(['a:b', 'a.b', '', '-x', '#{x}', 'a b', '_sac', 'a\nb'])('are not made of %j', (name) => {
    expect(() => sessionName(id(name))).toThrow(RuntimeError);
  });
});

it('nothing that goes into a format can be one', () => {
  expect(literal('/a#{pid}')).toBe('/a##{pid}');
  expect(() => plain('a,b}')).toThrow(RuntimeError);
  expect(() => plain('#')).toThrow(RuntimeError);
});

it.each([
  ['3.3a', true],
  ['3.4', true],
  ['3.5', false],
  ['3.5a', false],
  ['4.0', false],
  ['2.9', true],
  ['next-3.6', false],
  ['', false],
])('tmux %s loses deaths: %s', (version, lost) => {
  expect(losesDeaths(version)).toBe(lost);
});

import { describe, expect, it } from 'vitest';
import { bytesOf, inTurns } from './keystrokes.ts';

describe('keystrokes for tmux', () => {
  it('are one call for a paste and the keys behind it', () =>
    expect(inTurns([{ key: 'Down' }, { key: 'Enter' }, { paste: 'a\nb' }, { key: 'Enter' }, { paste: 'c' }])).toEqual([
      { how: 'keys', paste: '', keys: ['Down', 'Enter'] },
      { how: 'paste', paste: 'a\nb', keys: ['Enter'] },
      { how: 'paste', paste: 'c', keys: [] },
    ]));
  it.each(['', '-t', 'a b', 'x;', '\n'])('are keys: %j is none', (key) =>
    expect(() => inTurns([{ key }])).toThrow(/is not a key/),
  );
});

describe('keystrokes as bytes', () => {
  it('are what the program asked its keyboard for', () => {
    expect(bytesOf([{ key: 'Up' }, { key: 'Enter' }, { key: 'C-c' }, { key: '1' }])).toBe('\u001b[A\r\u00031');
    expect(bytesOf([{ key: 'Up' }], { applicationKeys: true, bracketedPaste: false })).toBe('\u001bOA');
  });
  it.each([
    ['one line', 'hi', undefined, 'hi'],
    ['several lines', 'a\nb', undefined, '\u001b[200~a\rb\u001b[201~'],
    ['one line where it was asked for', 'hi', true, '\u001b[200~hi\u001b[201~'],
    ['several lines where it was not', 'a\nb', false, 'a\rb'],
    ['what would end it', 'a\u001b[201~b\0\0\nc', true, '\u001b[200~a[201~b\rc\u001b[201~'],
  ])('bracket %s', (_what, paste, bracketedPaste, expected) =>
    expect(
      bytesOf([{ paste }], bracketedPaste === undefined ? undefined : { bracketedPaste, applicationKeys: false }),
    ).toBe(expected),
  );
});

import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { escapeBytes, scriptLine } from './encoding.ts';

describe('escapeBytes', () => {
  it.each(['dash', 'bash'])('is turned back by printf of %s, also NUL and what is no UTF-8', (shell) => {
    const bytes = Uint8Array.from({ length: 512 }, (_, i) => i % 256);
    const back = execFileSync(shell, ['-c', 'IFS= read -r c; printf %b "$c"'], { input: `${escapeBytes(bytes)}\n` });
    expect(back.equals(bytes)).toBe(true);
  });

  it('refuses NUL in a script', () => {
    expect(() => scriptLine('a\0b')).toThrow(RangeError);
  });
});

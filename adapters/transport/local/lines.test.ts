import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from './lines.ts';

const split = (chunks: readonly Uint8Array[], max = 1_000): string[] => {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), max);
  for (const chunk of chunks) splitter.feed(chunk);
  splitter.end();
  return lines;
};

describe('LineSplitter', () => {
  it('cuts at newlines alone, wherever the chunks were cut, also within a character', () => {
    const text = fc.array(fc.string({ unit: fc.constantFrom('a', '\r', '\u2028', 'é', '😀', ' ') }), { maxLength: 8 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(), { maxLength: 10 }), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
        expect(split(at.slice(1).map((end, i) => bytes.subarray(at[i], end)))).toEqual(lines);
      }),
    );
  });

  it('tells an unfinished last line at the end', () => {
    expect(split([Buffer.from('a\nb')])).toEqual(['a', 'b']);
  });

  it('refuses a line longer than its bound', () => {
    expect(() => split([Buffer.from('x'.repeat(11))], 10)).toThrow(RangeError);
  });
});

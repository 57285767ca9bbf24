import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Printed } from '../fake-context.ts';
import { LineWriter } from './line-writer.ts';

function written(chunks: readonly string[], options = { prefix: '', raw: false }): string {
  const out = new Printed();
  const writer = new LineWriter(out, options);
  for (const chunk of chunks) writer.write(chunk);
  writer.end();
  return out.text;
}

describe("an agent's output", () => {
  it('loses what a terminal would obey, also when it is cut between chunks', () =>
    expect(written(['a\u001b]0;ti', 'tle\u0007b\u001b[3', '1mc\n'])).toBe('abc\n'));
  it('keeps it with --raw', () =>
    expect(written(['\u001b[31mc\r\n'], { prefix: '', raw: true })).toBe('\u001b[31mc\r\n'));
  it('shows every drawing of a progress bar', () => expect(written(['10%\r20%\r\n'])).toBe('10%\n20%\n'));
  it('ends with a newline', () => expect(written(['half'])).toBe('half\n'));
  it('says before every line whose it is', () =>
    expect(written(['a\nb\rc\n'], { prefix: '[web] ', raw: false })).toBe('[web] a\n[web] b\n[web] c\n'));
  it('passes a line without end on in pieces, with one prefix', () => {
    const text = written(['x'.repeat(70_000), 'y'.repeat(70_000), 'z\n'], { prefix: '> ', raw: false });
    expect(text).toBe(`> ${'x'.repeat(70_000)}${'y'.repeat(70_000)}z\n`);
  });
  it('does not depend on how it is cut', () =>
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 12 }), { maxLength: 8 }), (chunks) => {
        expect(written(chunks)).toBe(written([chunks.join('')]));
        expect(written(chunks)).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
      }),
    ));
});

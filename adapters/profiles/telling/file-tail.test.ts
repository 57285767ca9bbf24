import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileTail } from './file-tail.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-tail-'));
  path = join(dir, 'lines');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const all = async (tail: FileTail): Promise<readonly string[]> => {
  const lines: string[] = [];
  for (;;) {
    const read = await tail.read();
    lines.push(...read.lines);
    if (!read.more) return lines;
  }
};

test('whole lines, each once, also when a character is written in two parts', async () => {
  const tail = new FileTail(path);
  expect(await tail.read()).toEqual({ lines: [], restarted: false, more: false });
  const bytes = Buffer.from('eins\nzwö');
  writeFileSync(path, bytes.subarray(0, -1));
  expect((await tail.read()).lines).toEqual(['eins']);
  appendFileSync(path, bytes.subarray(-1));
  expect((await tail.read()).lines).toEqual([]);
  appendFileSync(path, '\n\n');
  expect((await tail.read()).lines).toEqual(['zwö', '']);
  expect((await tail.read()).lines).toEqual([]);
});

test('a replaced or truncated file is told and read anew', async () => {
  const tail = new FileTail(path);
  writeFileSync(path, 'a\nb\nhalf');
  await tail.read();
  renameSync(path, `${path}.1`);
  writeFileSync(path, 'c\n');
  expect(await tail.read()).toMatchObject({ lines: ['c'], restarted: true });
  writeFileSync(path, 'long line\n');
  await tail.read();
  truncateSync(path, 0);
  expect(await tail.read()).toMatchObject({ lines: [], restarted: true });
  appendFileSync(path, 'd\n');
  expect(await tail.read()).toMatchObject({ lines: ['d'], restarted: false });
});

test('what is large comes in parts, and a line beyond all measure is passed over', async () => {
  const line = 'x'.repeat(700_000);
  writeFileSync(path, `${line}\n${line}\n${'y'.repeat(9_000_000)}\nend\n`);
  const tail = new FileTail(path);
  expect((await tail.read()).more).toBe(true);
  expect((await all(tail)).map((text) => text.length)).toEqual([700_000, 3]);
});

test.each(['/dev/zero', tmpdir()])('%s is no file of lines', async (odd) => {
  const read = new FileTail(odd).read();
  expect(await read).toEqual({ lines: [], restarted: false, more: false });
});

test('however it is written, the same lines come out', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'binary', maxLength: 12 }), { maxLength: 12 }),
      fc.integer({ min: 1, max: 7 }),
      async (texts, step) => {
        rmSync(path, { force: true });
        const lines = texts.map((text) => Buffer.from(text.replaceAll('\n', '·')).toString('utf8'));
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const tail = new FileTail(path);
        const read: string[] = [];
        for (let from = 0; from < bytes.length; from += step) {
          appendFileSync(path, bytes.subarray(from, from + step));
          read.push(...(await tail.read()).lines);
        }
        expect(read).toEqual(lines);
      },
    ),
    { numRuns: 30 },
  );
});

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lineWriter, openLog } from './log.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-log-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

it('writes each line at once', () => {
  const path = join(dir, 'log');
  const fd = openSync(path, 'a');
  openLog(fd, 'info')('hello', { n: 1 });
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ msg: 'hello', n: 1, level: 30 });
  closeSync(fd);
});

it('throws nothing where nothing can be written', () => {
  const fd = openSync('/dev/full', 'w');
  const log = openLog(fd, 'info');
  for (let line = 0; line < 300; line++) expect(() => log('x', { line })).not.toThrow();
  closeSync(fd);
});

it('leaves out what does not fit, ends a torn line, and says how many were lost', () => {
  let room = 0;
  let written = '';
  const write = lineWriter(1, (_, bytes) => {
    if (room === 0) throw new Error('ENOSPC');
    const taken = bytes.subarray(0, room);
    room -= taken.length;
    written += taken.toString();
    return taken.length;
  });
  room = 6;
  write('one\n');
  write('two\n');
  write('three\n');
  room = 1_000;
  write('four\n');
  expect(written.split('\n')).toEqual([
    'one',
    'tw',
    JSON.stringify({ level: 40, lost: 2, msg: 'lines could not be written' }),
    'four',
    '',
  ]);
});

import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLocalTransport } from '../../transport/local/local-transport.ts';
import { SpoolMirror } from './spool-mirror.ts';

let dir: string;
const there = (name: string) => join(dir, 'there', `${name}.spool`);
const here = (name: string) => readFileSync(join(dir, 'here', `${name}.spool`), 'utf8');
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-mirror-'));
  for (const folder of ['here', 'there']) mkdirSync(join(dir, folder));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('what grows there is copied on, each byte once, whichever bytes they are', async () => {
  await using transport = createLocalTransport(process.env);
  const mirror = new SpoolMirror(join(dir, 'here'));
  const pull = () => mirror.pull(transport, join(dir, 'there'), ['a', 'b', 'none']);
  writeFileSync(there('a'), 'stop 1 {"é":"日本"}\n');
  writeFileSync(there('b'), 'x'.repeat(300_000));
  writeFileSync(there('stranger'), 'y');
  await pull();
  appendFileSync(there('a'), "it's $(id)\n");
  await pull();
  await pull();
  expect(here('a')).toBe('stop 1 {"é":"日本"}\nit\'s $(id)\n');
  expect(here('b')).toBe('x'.repeat(300_000));
  expect(() => here('stranger')).toThrow('ENOENT');

  // A full spool steps aside there: the copy begins anew.
  writeFileSync(there('a'), 'new\n');
  await pull();
  expect(here('a')).toBe('new\n');
  // A controller that knows nothing of its copies makes them anew.
  await new SpoolMirror(join(dir, 'here')).pull(transport, join(dir, 'there'), ['a']);
  expect(here('a')).toBe('new\n');
  await mirror.pull(transport, '/nowhere', ['a']);
});

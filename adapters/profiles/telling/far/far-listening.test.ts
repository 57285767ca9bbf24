/** What grows on another machine, here another folder, is heard: by the real script, in a real shell. */
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostName } from '../../../../api/resources/names.ts';
import { createLocalTransport } from '../../../transport/local/local-transport.ts';
import type { Transport } from '../../../transport/transport.ts';
import { FarListening, type FarTeller } from './far-listening.ts';

const HOST = 'far' as HostName;
let dir: string;
let transport: Transport;
let grew: string[];
let far: FarListening;
const at = (...path: readonly string[]): string => join(dir, ...path);
const here = (name: string) => readFileSync(at('here', `${name}.spool`), 'utf8');
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'sac-far-')));
  for (const folder of ['here', 'there', 'home', 'home/store', 'work']) mkdirSync(at(folder));
  transport = createLocalTransport(process.env);
  grew = [];
  far = new FarListening(at('here'), (name) => grew.push(name));
});
afterEach(async () => {
  await transport[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const teller = (name: string, more: Partial<FarTeller> = {}): FarTeller => ({
  name,
  hasSpool: false,
  hasRecord: true,
  record: undefined,
  home: at('home'),
  newest: undefined,
  ...more,
});
const pull = (...tellers: readonly FarTeller[]) => far.pull(HOST, transport, at('there'), tellers);

test('spools are copied on, each byte once, whichever bytes they are', async () => {
  const there = (name: string) => at('there', `${name}.spool`);
  const both = [teller('a', { hasSpool: true }), teller('b', { hasSpool: true }), teller('none', { hasSpool: true })];
  writeFileSync(there('a'), 'stop 1 {"é":"日本"}\n');
  writeFileSync(there('b'), 'x'.repeat(900_000));
  writeFileSync(there('stranger'), 'y');
  await pull(...both);
  appendFileSync(there('a'), "it's $(id)\n");
  await pull(...both);
  await pull(...both);
  expect(here('a')).toBe('stop 1 {"é":"日本"}\nit\'s $(id)\n');
  expect(here('b')).toBe('x'.repeat(900_000));
  expect(() => here('stranger')).toThrow('ENOENT');

  // A full spool steps aside there: the copy begins anew.
  rmSync(there('a'));
  writeFileSync(there('a'), 'new\n');
  await pull(...both);
  expect(here('a')).toBe('new\n');
  // A controller that knows nothing of its copies makes them anew.
  far = new FarListening(at('here'), () => undefined);
  await pull(...both);
  expect(here('a')).toBe('new\n');
});

test('a record that lies in a container is not looked for on its machine', async () => {
  writeFileSync(at('home', 'a.jsonl'), '{"n":1}\n');
  const record = far.begin('a');
  const named = { record: at('home', 'a.jsonl') };
  await pull(teller('a', { ...named, hasRecord: false }));
  expect((await record.read()).lines).toEqual([]);
  await pull(teller('a', named));
  expect((await record.read()).lines).toEqual(['{"n":1}']);
});

test('a record that a hook names is read on, line by line, and anew when it is another', async () => {
  const record = at('home', 'store', 'one.jsonl');
  const tail = far.begin('a');
  const one = teller('a', { record });
  writeFileSync(record, '{"a":1}\n{"b":"日');
  await pull(one);
  expect(await tail.read()).toEqual({ lines: ['{"a":1}'], restarted: false, more: false });
  await pull(one);
  expect(grew).toEqual(['a']);
  appendFileSync(record, '本"}\n');
  await pull(one);
  expect((await tail.read()).lines).toEqual(['{"b":"日本"}']);
  const next = at('home', 'store', 'two.jsonl');
  writeFileSync(next, '{"c":1}\n');
  await pull(teller('a', { record: next }));
  expect(await tail.read()).toEqual({ lines: ['{"c":1}'], restarted: true, more: false });
});

test('nothing is read that is not a record below the home, however it is named', async () => {
  writeFileSync(at('secret.jsonl'), 'secret\n');
  writeFileSync(at('home', 'key'), 'secret\n');
  symlinkSync(at('secret.jsonl'), at('home', 'link.jsonl'));
  symlinkSync(at('home', 'key'), at('home', 'inner.jsonl'));
  const paths = [
    at('secret.jsonl'),
    `${at('home')}/../secret.jsonl`,
    at('home', 'key'),
    at('home', 'link.jsonl'),
    at('home', 'inner.jsonl'),
    at('home'),
    `$(cat ${at('secret.jsonl')}).jsonl`,
    `${at('home')}/a\n${at('secret.jsonl')}`,
  ];
  const tails = paths.map((_, number) => far.begin(`a${number}`));
  await pull(...paths.map((record, number) => teller(`a${number}`, { record })));
  for (const tail of tails) expect((await tail.read()).lines).toEqual([]);
  expect(grew).toEqual([]);
});

test('without a hook the newest record of the working directory is found, and a later one taken over', async () => {
  const store = { folder: 'store', files: 'session-.*[.]jsonl$', holds: '"cwd":"{pwd}"' };
  const work = at('work', 'a "b" \\ é');
  mkdirSync(work);
  const head = `{"cwd":${JSON.stringify(work)}}`;
  const newest = { type: 'newest' as const, store, home: at('home'), cwd: work, seconds: 3600 };
  const one = teller('a', { newest });
  const tail = far.begin('a');
  mkdirSync(at('home', 'store', '2026'));
  writeFileSync(at('home', 'store', 'session-other.jsonl'), `{"cwd":"${at('work')}"}\n`);
  writeFileSync(at('home', 'store', 'notes.jsonl'), `${head}\n`);
  await pull(one);
  expect((await tail.read()).lines).toEqual([]);
  writeFileSync(at('home', 'store', '2026', 'session-1.jsonl'), `${head}\n{"n":1}\n`);
  await pull(one);
  expect((await tail.read()).lines).toEqual([head, '{"n":1}']);
  // Begun anew: a record of its own, looked for now and then.
  writeFileSync(at('home', 'store', '2026', 'session-1.jsonl'), `${head}\n{"n":2}\n`);
  rmSync(at('home', 'store', '2026', 'session-1.jsonl'));
  writeFileSync(at('home', 'store', '2026', 'session-2.jsonl'), `${head}\n{"n":3}\n`);
  for (let turn = 0; turn < 12; turn += 1) await pull(one);
  expect((await tail.read()).lines).toEqual([head, '{"n":3}']);
  // One of an earlier life is not this one's.
  const later = far.begin('b');
  await pull(teller('b', { newest: { ...newest, seconds: -3600 } }));
  expect((await later.read()).lines).toEqual([]);
});

test('one command a host and turn, and no more than is asked for, however long a record is', async () => {
  let commands = 0;
  const counted: Transport = {
    ...transport,
    run: (...args) => {
      commands += 1;
      return transport.run(...args);
    },
  };
  const line = `${'x'.repeat(99_999)}\n`;
  const tellers = Array.from({ length: 12 }, (_, number) =>
    teller(`a${number}`, { record: at('home', `${number}.jsonl`) }),
  );
  const tails = tellers.map(({ name }) => far.begin(name));
  for (const { record } of tellers) writeFileSync(record ?? '', line.repeat(10));
  const counts = tails.map(() => 0);
  const readAll = async () => {
    for (const [number, tail] of tails.entries())
      counts[number] = (counts[number] ?? 0) + (await tail.read()).lines.length;
  };
  await far.pull(HOST, counted, at('there'), tellers);
  await readAll();
  const total = counts.reduce((sum, count) => sum + count, 0);
  expect(total * line.length).toBeLessThanOrEqual(8_388_608);
  expect(total).toBeGreaterThan(0);
  for (let turn = 0; turn < 3; turn += 1) {
    await far.pull(HOST, counted, at('there'), tellers);
    await readAll();
  }
  expect(counts).toEqual(tails.map(() => 10));
  expect(commands).toBe(4);
});

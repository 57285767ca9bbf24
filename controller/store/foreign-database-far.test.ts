/** Databases of OpenCode on another machine, here another home asked by the real script: copied when they changed, and read like those of this one. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import SQLite from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { OPENCODE_DATABASE } from '../../adapters/profiles/opencode/transcript.ts';
import { COPY_BYTES } from '../../adapters/profiles/telling/far/database-growth.ts';
import { FarDatabases } from '../../adapters/profiles/telling/far/far-databases.ts';
import { FarListening, type FarTeller } from '../../adapters/profiles/telling/far/far-listening.ts';
import { createLocalTransport } from '../../adapters/transport/local/local-transport.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import { readForeignDatabase } from './foreign-database.ts';

const AT = 1_795_283_900_000;
let dir: string;
let home: string;
let file: string;
let owner: SQLite.Database;
let transport: Transport;
let answers: string[];
let grew: string[];
let large: (string | number)[][];
let databases: FarDatabases;
let far: FarListening;

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'sac-far-db-')));
  home = join(dir, 'home');
  file = join(home, OPENCODE_DATABASE.file);
  for (const folder of [dirname(file), join(dir, 'here'), work('a'), work('b')]) mkdirSync(folder, { recursive: true });
  symlinkSync(work('a'), join(dir, 'link'));
  owner = new SQLite(file);
  owner.pragma('journal_mode = wal');
  owner.exec(`
    create table session (id text primary key, parent_id text, directory text not null, version text, time_updated integer);
    create table message (id text primary key, session_id text, time_created integer, data text);
    create table part (id text primary key, message_id text, session_id text, time_created integer, data text);`);
  transport = createLocalTransport(process.env);
  [answers, grew, large] = [[], [], []];
  databases = new FarDatabases({
    dir: join(dir, 'here', 'databases'),
    read: readForeignDatabase,
    onLarge: (...said) => large.push(said),
  });
  far = new FarListening(join(dir, 'here'), (name) => grew.push(name), databases);
});
afterEach(async () => {
  owner.close();
  databases[Symbol.dispose]();
  await transport[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const work = (name: string): string => join(dir, 'work', name);
const teller = (name: string, databaseOf: string): FarTeller => ({
  ...{ name, databaseOf, home, hasSpool: false, hasRecord: true, record: undefined, newest: undefined },
});
const talks = (id: string, directory: string) =>
  owner.prepare('insert or replace into session values (?, null, ?, ?, ?)').run(id, directory, '1.18.33', AT + 1_000);
const says = (talk: string, id: string, at = AT + 2_000) =>
  owner.prepare('insert into message values (?, ?, ?, ?)').run(id, talk, at, '{"role":"user"}');
const counted: Pick<Transport, 'run'> = {
  async run(argv, options) {
    const ran = await transport.run(argv, options);
    answers.push(ran.stdout);
    return ran;
  },
};
const pull = (...tellers: readonly FarTeller[]) => far.pull('far', counted, '', tellers);
const begin = (name: string) => databases.begin(name, OPENCODE_DATABASE, AT);
const idsOf = (lines: readonly string[]) => lines.map((line) => String(JSON.parse(line).id));
const copies = () => {
  const folder = join(dir, 'here', 'databases');
  return existsSync(folder) ? readdirSync(folder) : [];
};

it('is copied once for all agents of a home, each is told its own, and again what changed of it', async () => {
  talks('ses_a', work('a'));
  talks('ses_b', work('b'));
  const [a, b] = [begin('a'), begin('b')];
  // A working directory is the one it leads to over there.
  const both = [teller('a', join(dir, 'link')), teller('b', work('b'))];
  await pull(...both);
  expect(grew).toEqual(['a', 'b']);
  expect(idsOf((await a.read()).lines)).toEqual(['ses_a']);
  expect(idsOf((await b.read()).lines)).toEqual(['ses_b']);
  expect(copies()).toHaveLength(1);
  const folder = join(dir, 'here', 'databases', copies()[0] ?? '');
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  for (const name of ['copy.db', 'copy.db-wal']) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);

  await pull(...both);
  expect(answers.at(-1)).toBe('');
  expect(await a.read()).toEqual({ lines: [], restarted: false, more: false });

  // Into the journal alone.
  says('ses_a', 'msg_1');
  await pull(...both);
  expect(answers.at(-1)).not.toContain(' main ');
  expect(await a.read()).toMatchObject({ restarted: true });
  // Out of the journal, and then into it from its beginning.
  owner.pragma('wal_checkpoint(restart)');
  says('ses_b', 'msg_2');
  await pull(...both);
  expect(idsOf((await a.read()).lines)).toEqual(['ses_a', 'msg_1']);
  expect(idsOf((await b.read()).lines)).toEqual(['ses_b', 'msg_2']);
  // Its owner ends, and takes the journal along.
  says('ses_b', 'msg_3', AT + 3_000);
  owner.close();
  await pull(...both);
  expect(idsOf((await b.read()).lines)).toEqual(['ses_b', 'msg_2', 'msg_3']);

  far.forget((name) => name === 'b');
  expect(copies()).toHaveLength(1);
  far.forget(() => false);
  expect(copies()).toEqual([]);
});

it('what was written while it was copied is thrown away, and copied anew', async () => {
  talks('ses_a', work('a'));
  const a = begin('a');
  const cut: Pick<Transport, 'run'> = {
    async run(argv, options) {
      const ran = await transport.run(argv, options);
      return { ...ran, stdout: ran.stdout.replace(/^\d+ same$/m, '') };
    },
  };
  await far.pull('far', cut, '', [teller('a', work('a'))]);
  expect(grew).toEqual([]);
  expect((await a.read()).lines).toEqual([]);
  await pull(teller('a', work('a')));
  expect(idsOf((await a.read()).lines)).toEqual(['ses_a']);
});

it('what is no database is tried once, and again when it changed', async () => {
  talks('ses_a', work('a'));
  owner.close();
  const a = begin('a');
  const one = teller('a', work('a'));
  const good = join(dir, 'good.db');
  renameSync(file, good);
  writeFileSync(file, 'no database, whatever its name says'.repeat(100));
  await pull(one);
  await expect(a.read()).rejects.toThrow('not a database');
  expect(await a.read()).toEqual({ lines: [], restarted: false, more: false });
  await pull(one);
  expect(grew).toEqual(['a']);
  renameSync(good, file);
  await pull(one);
  expect(idsOf((await a.read()).lines)).toEqual(['ses_a']);
});

it('one that is too long is told once and left alone; one outside of the home is none', async () => {
  talks('ses_a', work('a'));
  owner.close();
  const a = begin('a');
  const one = teller('a', work('a'));
  const { size } = statSync(file);
  truncateSync(file, COPY_BYTES + 1);
  for (let turn = 0; turn < 40; turn += 1) await pull(one);
  expect(large).toEqual([['a', COPY_BYTES + 1]]);
  expect(answers.length).toBeLessThan(5);
  expect(copies()).toEqual([]);
  truncateSync(file, size);
  for (let turn = 0; turn < 20; turn += 1) await pull(one);
  expect(idsOf((await a.read()).lines)).toEqual(['ses_a']);

  const b = begin('b');
  const elsewhere = { ...teller('b', work('a')), home: join(dir, 'other') };
  mkdirSync(dirname(join(elsewhere.home, OPENCODE_DATABASE.file)), { recursive: true });
  symlinkSync(file, join(elsewhere.home, OPENCODE_DATABASE.file));
  await pull(elsewhere);
  expect((await b.read()).lines).toEqual([]);
});

it('copies of a controller that is gone are removed, and ours with us', async () => {
  talks('ses_a', work('a'));
  begin('a');
  await pull(teller('a', work('a')));
  const left = join(dir, 'here', 'databases', 'left');
  mkdirSync(left);
  appendFileSync(join(left, 'copy.db'), 'of somebody');
  const next = new FarDatabases({
    dir: join(dir, 'here', 'databases'),
    read: readForeignDatabase,
    onLarge: () => undefined,
  });
  expect(copies()).toEqual([]);
  next[Symbol.dispose]();

  // An answer that comes later than our end leaves nothing behind.
  owner.exec('create table later (id)');
  const late: Pick<Transport, 'run'> = {
    async run(argv, options) {
      const ran = await transport.run(argv, options);
      answers.push(ran.stdout);
      databases[Symbol.dispose]();
      return ran;
    },
  };
  await far.pull('far', late, '', [teller('a', work('a'))]);
  expect(answers.at(-1)).toContain(' journal ');
  expect(copies()).toEqual([]);
});

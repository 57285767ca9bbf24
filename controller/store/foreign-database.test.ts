/** Rows as OpenCode 1.18.33 wrote them while it talked with the model server: 1200 tokens in, 25 out, 9000 from the cache an answer. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import SQLite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OPENCODE_DATABASE, OpencodeTranscript } from '../../adapters/profiles/opencode/transcript.ts';
import { DatabaseTail } from '../../adapters/profiles/telling/database-tail.ts';
import { readForeignDatabase } from './foreign-database.ts';

let home: string;
let file: string;
let cwd: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'sac-foreign-')));
  cwd = join(home, 'work');
  file = join(home, OPENCODE_DATABASE.file);
  for (const folder of [cwd, dirname(file)]) mkdirSync(folder, { recursive: true });
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function owned(): SQLite.Database {
  const database = new SQLite(file);
  database.pragma('journal_mode = wal');
  database.exec(`
    create table if not exists session (id text primary key, parent_id text, directory text not null, version text, time_updated integer);
    create table if not exists message (id text primary key, session_id text, time_created integer, data text);
    create table if not exists part (id text primary key, message_id text, session_id text, time_created integer, data text);`);
  return database;
}
const AT = 1_795_283_900_000;
const session = (db: SQLite.Database, id: string, more: { parent?: string; directory?: string; at?: number } = {}) =>
  db
    .prepare('insert or replace into session values (?, ?, ?, ?, ?)')
    .run(id, more.parent ?? null, more.directory ?? cwd, '1.18.33', more.at ?? AT + 9_000);
const message = (db: SQLite.Database, id: string, after: number, data: object, talk = 'ses_a') =>
  db.prepare('insert or replace into message values (?, ?, ?, ?)').run(id, talk, AT + after, JSON.stringify(data));
const part = (db: SQLite.Database, id: string, of: string, after: number, data: object) =>
  db
    .prepare('insert or replace into part values (?, ?, ?, ?, ?)')
    .run(id, of, 'ses_a', AT + after, JSON.stringify(data));
const answered = (after: number) => ({
  role: 'assistant',
  modelID: 'model',
  path: { cwd, root: '/' },
  tokens: { total: 10_225, input: 1200, output: 25, reasoning: 0, cache: { write: 0, read: 9000 } },
  time: { created: AT + after, completed: AT + after + 900 },
});

function talked(db: SQLite.Database): void {
  session(db, 'ses_a');
  message(db, 'msg_1', 0, { role: 'user', time: { created: AT }, summary: { diffs: [] } });
  part(db, 'prt_1', 'msg_1', 1, { type: 'text', text: 'run something' });
  message(db, 'msg_2', 100, answered(100));
  part(db, 'prt_2', 'msg_2', 200, { type: 'step-start' });
  part(db, 'prt_3', 'msg_2', 300, {
    type: 'tool',
    tool: 'bash',
    callID: 'call_1',
    state: { status: 'completed', input: { command: 'echo hi' }, time: { start: AT + 300, end: AT + 800 } },
  });
  message(db, 'msg_3', 1_100, answered(1_100));
  part(db, 'prt_4', 'msg_3', 1_200, { type: 'text', text: 'I have its result.' });
}
const tail = (since = AT) =>
  new DatabaseTail({ database: OPENCODE_DATABASE, read: readForeignDatabase, home, cwd, since });
async function told(since?: number): Promise<Record<string, unknown>> {
  const reader = new OpencodeTranscript();
  for (const line of (await tail(since).read()).lines) reader.add(line);
  return Object.fromEntries(Object.entries(reader.facts()).map(([name, fact]) => [name, fact?.value]));
}

describe('the conversation in the database of OpenCode', () => {
  it('tells prompts, tools, tokens, model and version, while its owner has it open', async () => {
    using db = closing(owned());
    talked(db.database);
    expect(await told()).toMatchObject({
      sessionId: 'ses_a',
      cliVersion: '1.18.33',
      model: 'model',
      lastPrompt: 'run something',
      lastMessage: 'I have its result.',
      toolCounts: { bash: 1 },
      recentTools: [{ name: 'bash', preview: 'echo hi', endedAt: AT + 800 }],
      tokens: { input: 2 * 1200, output: 2 * 25, cacheRead: 2 * 9000, cacheWrite: 0 },
      contextTokens: 10_225,
    });
  });

  it('is that of the working directory and of this run, not of a subagent or a neighbour', async () => {
    using db = closing(owned());
    talked(db.database);
    session(db.database, 'ses_b', { directory: `${cwd}-more`, at: AT + 99_000 });
    session(db.database, 'ses_c', { parent: 'ses_a', at: AT + 99_000 });
    expect((await told())['sessionId']).toBe('ses_a');
    expect(await told(AT + 10_000)).toEqual({});
  });

  it('says why the last request failed, and forgets it at the next answer', async () => {
    using db = closing(owned());
    talked(db.database);
    const error = { name: 'APIError', data: { message: '401 Invalid key', statusCode: 401 } };
    message(db.database, 'msg_4', 2_000, { ...answered(2_000), tokens: {}, error });
    expect((await told())['activityReason']).toBe('401 Invalid key');
    message(db.database, 'msg_5', 3_000, answered(3_000));
    expect((await told())['activityReason']).toBeUndefined();
  });

  it('is read again when something was written, and not otherwise', async () => {
    using db = closing(owned());
    talked(db.database);
    const one = tail();
    expect(await one.read()).toMatchObject({ restarted: true });
    expect(await one.read()).toEqual({ lines: [], restarted: false, more: false });
    message(db.database, 'msg_4', 2_000, answered(2_000));
    expect((await one.read()).lines.length).toBeGreaterThan(5);
  });

  it('rows that are no JSON are passed over; what is no database, or not there, tells nothing', async () => {
    expect(await told()).toEqual({});
    {
      using db = closing(owned());
      talked(db.database);
      db.database.prepare("insert into part values ('prt_9', 'msg_3', 'ses_a', 1, '{broken')").run();
      expect((await told())['sessionId']).toBe('ses_a');
    }
    rmSync(dirname(file), { recursive: true });
    mkdirSync(file, { recursive: true });
    expect(await told()).toEqual({});
  });
});

describe("somebody else's database", () => {
  it('is not asked through what its owner made of a table', () => {
    using db = closing(new SQLite(file));
    db.database.exec(
      `create table message (id); create table part (id);
       create view session as with recursive n(x) as (select 1 union all select x + 1 from n) select x as id from n`,
    );
    const ask = () => readForeignDatabase(file, { ...OPENCODE_DATABASE, parameters: { cwd, since: 0 } });
    expect(ask).toThrow('has no table session');
  });

  it('is not written to', () => {
    closing(owned())[Symbol.dispose]();
    expect(() => readForeignDatabase(file, { tables: [], lines: 'delete from session', parameters: {} })).toThrow();
  });
});

const closing = (database: SQLite.Database) => ({ database, [Symbol.dispose]: () => void database.close() });

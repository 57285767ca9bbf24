/**
 * Owns: a database as OpenCode keeps its conversations in, of one conversation in one folder.
 * Never: needs OpenCode.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import SQLite from 'better-sqlite3';

/** Made as `opencode.db` in the folder: session `ses_a`, one prompt, `hello database`. */
export function conversationIn(workspace: string): void {
  const file = join(workspace, 'opencode.db');
  rmSync(file, { force: true });
  const database = new SQLite(file);
  const at = Date.now();
  database.exec(`
    create table session (id text primary key, parent_id text, directory text, version text, time_updated integer);
    create table message (id text primary key, session_id text, time_created integer, data text);
    create table part (id text primary key, message_id text, session_id text, time_created integer, data text);`);
  // The agent starts later than this is written.
  database.prepare("insert into session values ('ses_a', null, ?, '1.18.33', ?)").run(workspace, at + 3_600_000);
  database.prepare("insert into message values ('msg_1', 'ses_a', ?, ?)").run(at, '{"role":"user"}');
  const text = JSON.stringify({ type: 'text', text: 'hello database' });
  database.prepare("insert into part values ('prt_1', 'msg_1', 'ses_a', ?, ?)").run(at, text);
  database.close();
}

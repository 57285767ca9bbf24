/**
 * Owns: the tables of sac.db and their migrations: numbered, forward only.
 * Never: changes a migration that was released; adds the next one instead.
 */
import { type Kysely, sql } from 'kysely';
import { SacError } from '../../api/resources/errors.ts';

export interface Tables {
  meta: { key: string; value: string };
  agents: { name: string; version: number; document: string };
  instances: { id: string; version: number; document: string };
  events: { key: string; version: number; last_seen: number; document: string };
  tokens: { id: string; document: string };
  /** Key: `Kind/name`. */
  objects: { key: string; version: number; document: string };
}

type Migration = (db: Kysely<Tables>) => Promise<void>;

export const MIGRATIONS: readonly Migration[] = [
  async (db) => {
    await db.schema
      .createTable('agents')
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('version', 'integer', (c) => c.notNull())
      .addColumn('document', 'text', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('instances')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('version', 'integer', (c) => c.notNull())
      .addColumn('document', 'text', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('events')
      .addColumn('key', 'text', (c) => c.primaryKey())
      .addColumn('version', 'integer', (c) => c.notNull())
      .addColumn('last_seen', 'integer', (c) => c.notNull())
      .addColumn('document', 'text', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('tokens')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('document', 'text', (c) => c.notNull())
      .execute();
  },
  async (db) => {
    await db.schema
      .createTable('objects')
      .addColumn('key', 'text', (c) => c.primaryKey())
      .addColumn('version', 'integer', (c) => c.notNull())
      .addColumn('document', 'text', (c) => c.notNull())
      .execute();
  },
];

/** Brings the database to this version. A newer one is refused: an older program must not write what it does not understand. */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  await sql`create table if not exists meta (key text primary key, value text not null)`.execute(db);
  const at = await readNumber(db, 'schema');
  if (at > MIGRATIONS.length)
    throw new SacError(
      `the database was written by a newer sac (schema ${at}, this one knows ${MIGRATIONS.length}); upgrade sac, or move sac.db away: that loses history, no agent`,
    );
  for (let next = at; next < MIGRATIONS.length; next++) {
    await db.transaction().execute(async (trx) => {
      await MIGRATIONS[next]?.(trx);
      await writeNumber(trx, 'schema', next + 1);
    });
  }
}

export async function readNumber(db: Kysely<Tables>, key: string): Promise<number> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst();
  return row ? Number(row.value) : 0;
}

export async function writeNumber(db: Kysely<Tables>, key: string, value: number): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key, value: String(value) })
    .onConflict((c) => c.column('key').doUpdateSet({ value: String(value) }))
    .execute();
}

/**
 * Owns: opening sac.db and writing batches to it in one transaction each, fenced by the token.
 * Never: knows what the documents mean.
 */
import { chmodSync, closeSync, existsSync, openSync, renameSync, statSync } from 'node:fs';
import SQLite from 'better-sqlite3';
import { type Compilable, Kysely, SqliteDialect } from 'kysely';
import { ConflictError, FencedError, NotWrittenError } from '../../api/resources/errors.ts';
import { migrate, type Tables } from './schema.ts';

/** One row to write; `document` undefined deletes it. */
export type RowChange =
  | { readonly table: Table; readonly key: string; readonly document: undefined }
  | {
      readonly table: 'agents' | 'instances' | 'objects';
      readonly key: string;
      readonly version: number;
      readonly document: string | undefined;
    }
  | {
      readonly table: 'events';
      readonly key: string;
      readonly version: number;
      readonly lastSeen: number;
      readonly document: string;
    }
  | { readonly table: 'tokens'; readonly key: string; readonly document: string };
export type Table = (typeof TABLES)[number];
const TABLES = ['agents', 'instances', 'events', 'tokens', 'objects'] as const;

export interface Loaded {
  readonly agents: readonly { readonly version: number; readonly document: string }[];
  readonly instances: readonly { readonly version: number; readonly document: string }[];
  readonly objects: readonly { readonly version: number; readonly document: string }[];
  readonly events: readonly { readonly key: string; readonly version: number; readonly document: string }[];
  readonly version: number;
}

export class Database implements AsyncDisposable {
  readonly #sqlite: SQLite.Database;
  readonly #db: Kysely<Tables>;
  readonly #path: string;
  readonly #inode: number;
  readonly #readToken: SQLite.Statement;
  readonly #putMeta: SQLite.Statement;
  readonly #statements: Readonly<Record<Table, { readonly put: SQLite.Statement; readonly remove: SQLite.Statement }>>;
  #token = 0;

  private constructor(path: string, sqlite: SQLite.Database, db: Kysely<Tables>) {
    this.#path = path;
    this.#sqlite = sqlite;
    this.#db = db;
    this.#inode = statSync(path).ino;
    this.#readToken = sqlite.prepare("select value from meta where key = 'token'").pluck();
    this.#putMeta = sqlite.prepare(
      'insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value',
    );
    // Kysely writes the SQL once; the statements run synchronously, so that a batch is one uninterrupted transaction.
    const prepare = (query: Compilable): SQLite.Statement => sqlite.prepare(query.compile().sql);
    this.#statements = {
      agents: {
        put: prepare(
          db
            .insertInto('agents')
            .values({ name: '', version: 0, document: '' })
            .onConflict((c) =>
              c
                .column('name')
                .doUpdateSet((eb) => ({ version: eb.ref('excluded.version'), document: eb.ref('excluded.document') })),
            ),
        ),
        remove: prepare(db.deleteFrom('agents').where('name', '=', '')),
      },
      instances: {
        put: prepare(
          db
            .insertInto('instances')
            .values({ id: '', version: 0, document: '' })
            .onConflict((c) =>
              c
                .column('id')
                .doUpdateSet((eb) => ({ version: eb.ref('excluded.version'), document: eb.ref('excluded.document') })),
            ),
        ),
        remove: prepare(db.deleteFrom('instances').where('id', '=', '')),
      },
      objects: {
        put: prepare(
          db
            .insertInto('objects')
            .values({ key: '', version: 0, document: '' })
            .onConflict((c) =>
              c
                .column('key')
                .doUpdateSet((eb) => ({ version: eb.ref('excluded.version'), document: eb.ref('excluded.document') })),
            ),
        ),
        remove: prepare(db.deleteFrom('objects').where('key', '=', '')),
      },
      events: {
        put: prepare(
          db
            .insertInto('events')
            .values({ key: '', version: 0, last_seen: 0, document: '' })
            .onConflict((c) =>
              c.column('key').doUpdateSet((eb) => ({
                version: eb.ref('excluded.version'),
                last_seen: eb.ref('excluded.last_seen'),
                document: eb.ref('excluded.document'),
              })),
            ),
        ),
        remove: prepare(db.deleteFrom('events').where('key', '=', '')),
      },
      tokens: {
        put: prepare(
          db
            .insertInto('tokens')
            .values({ id: '', document: '' })
            .onConflict((c) => c.column('id').doUpdateSet((eb) => ({ document: eb.ref('excluded.document') }))),
        ),
        remove: prepare(db.deleteFrom('tokens').where('id', '=', '')),
      },
    };
  }

  /**
   * WAL with synchronous=NORMAL: what was committed survives the death of this process at any instant; the last moments
   * may be lost when the machine loses power, which costs history, never an agent. A database that cannot be read is moved
   * aside (`onCorrupt` is told where) and begun anew.
   */
  static async open(
    path: string,
    onCorrupt: (movedTo: string, why: string) => void,
    stamp: () => number,
  ): Promise<Database> {
    try {
      return await Database.#openOnce(path);
    } catch (error) {
      const code = codeOf(error);
      if (!isDamage(code)) throw error;
      const aside = `${path}.corrupt-${stamp()}`;
      for (const suffix of ['', '-wal', '-shm'])
        if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix);
      onCorrupt(aside, code);
      return Database.#openOnce(path);
    }
  }

  static async #openOnce(path: string): Promise<Database> {
    // Never readable by others, not even between making it and chmod. Only where it is not there: closing a file that SQLite
    // has open elsewhere in this process would drop its locks.
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
    const sqlite = new SQLite(path);
    try {
      chmodSync(path, 0o600);
      sqlite.pragma('journal_mode = WAL');
      sqlite.pragma('synchronous = NORMAL');
      sqlite.pragma('busy_timeout = 5000');
      sqlite.pragma('wal_autocheckpoint = 1000');
      if (sqlite.pragma('quick_check', { simple: true }) !== 'ok')
        throw new SQLite.SqliteError('the database is damaged', 'SQLITE_CORRUPT');
      const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: sqlite }) });
      await migrate(db);
      for (const table of TABLES)
        if (sqlite.prepare(`select 1 from ${table} where not json_valid(document) limit 1`).get() !== undefined)
          throw new SQLite.SqliteError(`a document in ${table} is damaged`, 'SQLITE_CORRUPT');
      return new Database(path, sqlite, db);
    } catch (error) {
      sqlite.close();
      throw error;
    }
  }

  /** From now on this process is the one that may write; whoever held the token before has lost it. Returns the token. */
  takeOver(now: number): number {
    try {
      this.#token = this.#sqlite
        .transaction(() => {
          const next = Number(this.#readToken.get() ?? 0) + 1;
          this.#putMeta.run('token', String(next));
          this.#beat(now);
          return next;
        })
        .immediate();
    } catch (error) {
      // SQLite's own lock cannot be fenced: a holder that was stopped in the middle of a write has to be ended.
      if (!codeOf(error).startsWith('SQLITE_BUSY')) throw error;
      throw new ConflictError(
        `${this.#path} is locked by another process that does not go on; end it (its pid is in controller.lock.holder) and try again`,
      );
    }
    return this.#token;
  }

  /**
   * Whether where agents live was forgotten: this database was begun anew in a home that had one (`hadOne`), and nobody has
   * called `remember` since. To be asked right after takeOver.
   */
  forgot(hadOne: boolean): boolean {
    if (this.#token === 1) this.#putMeta.run('forgot', hadOne ? '1' : '0');
    return this.#sqlite.prepare("select value from meta where key = 'forgot'").pluck().get() === '1';
  }

  /** Everything where agents may live was looked at. */
  remember(): void {
    this.#putMeta.run('forgot', '0');
  }

  /** Throws FencedError when another controller took over, or the file was replaced under us. */
  assertNotFenced(): void {
    if (Number(this.#readToken.get() ?? 0) !== this.#token)
      throw new FencedError('another controller has taken over this SAC_HOME; this one must stop');
  }

  heartbeat(now: number): void {
    let inode: number | undefined;
    try {
      inode = statSync(this.#path).ino;
    } catch {
      inode = undefined;
    }
    if (inode !== this.#inode)
      throw new FencedError(
        `${this.#path} was ${inode === undefined ? 'deleted' : 'replaced'} while in use; the controller must start anew`,
      );
    this.#inTransaction([], () => this.#beat(now));
  }

  #beat(now: number): void {
    this.#putMeta.run('heartbeat', String(now));
  }

  async load(): Promise<Loaded> {
    const [agents, instances, objects, events] = await Promise.all([
      this.#db.selectFrom('agents').select(['version', 'document']).execute(),
      this.#db.selectFrom('instances').select(['version', 'document']).execute(),
      this.#db.selectFrom('objects').select(['version', 'document']).execute(),
      this.#db.selectFrom('events').select(['key', 'version', 'document']).orderBy('version').execute(),
    ]);
    const highest = await this.#db.selectFrom('meta').select('value').where('key', '=', 'version').executeTakeFirst();
    let version = Number(highest?.value ?? 0);
    for (const rows of [agents, instances, objects, events])
      for (const row of rows) version = Math.max(version, row.version);
    return { agents, instances, objects, events, version };
  }

  async loadTokens(): Promise<readonly { readonly document: string }[]> {
    return this.#db.selectFrom('tokens').select('document').execute();
  }

  /**
   * All or nothing, at once. Throws FencedError before anything is written when the token is not ours any more, and when
   * the file turned out to be damaged: then only opening it anew (which moves it aside) helps. Throws NotWrittenError when the
   * disk takes nothing: then nothing was written, and the next try may work.
   */
  write(changes: readonly RowChange[], version: number): void {
    this.#inTransaction(changes, () => this.#putMeta.run('version', String(version)));
  }

  putToken(id: string, document: string): void {
    this.#inTransaction([{ table: 'tokens', key: id, document }], () => undefined);
  }

  removeToken(id: string): void {
    this.#inTransaction([{ table: 'tokens', key: id, document: undefined }], () => undefined);
  }

  #inTransaction(changes: readonly RowChange[], andThen: () => void): void {
    try {
      this.#sqlite
        .transaction(() => {
          this.assertNotFenced();
          for (const change of changes) this.#writeRow(change);
          andThen();
        })
        .immediate();
    } catch (error) {
      const code = codeOf(error);
      if (isRefused(code))
        throw new NotWrittenError(
          `${this.#path} cannot be written to (${code}), so nothing was changed; is its disk full or mounted read-only?`,
          { cause: error },
        );
      if (!isDamage(code) && code !== 'SQLITE_READONLY_DBMOVED') throw error;
      throw new FencedError(
        `${this.#path} was damaged or moved while in use (${code}); the controller must start anew`,
      );
    }
  }

  #writeRow(change: RowChange): void {
    const { put, remove } = this.#statements[change.table];
    if (change.document === undefined) remove.run(change.key);
    else if (change.table === 'events') put.run(change.key, change.version, change.lastSeen, change.document);
    else if (change.table === 'tokens') put.run(change.key, change.document);
    else put.run(change.key, change.version, change.document);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db.destroy();
  }
}

const codeOf = (error: unknown): string => (error instanceof SQLite.SqliteError ? error.code : '');
/** By the disk. A file that was moved away is no such thing. */
const isRefused = (code: string): boolean =>
  /^SQLITE_(?:FULL|IOERR|READONLY|CANTOPEN)(?:_|$)/.test(code) && code !== 'SQLITE_READONLY_DBMOVED';
const isDamage = (code: string): boolean => code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT');

/** When the present holder of the database last told that it lives; 0 when nobody ever did. Opens it read-only. */
export function lastHeartbeat(path: string): number {
  if (!existsSync(path)) return 0;
  const sqlite = new SQLite(path, { readonly: true, fileMustExist: true });
  try {
    return Number(sqlite.prepare("select value from meta where key = 'heartbeat'").pluck().get() ?? 0);
  } catch {
    return 0;
  } finally {
    sqlite.close();
  }
}

/**
 * Owns: reading a SQLite file that is somebody else's, such as an agent CLI's: read-only, one statement, tables alone.
 * Never: writes to it, keeps it open, or waits for its owner.
 */
import SQLite from 'better-sqlite3';

/** Its owner writes in milliseconds; whoever is locked out asks again at the next look. */
const BUSY_MS = 50;

export interface ForeignQuestion {
  /** What must be tables. */
  readonly tables: readonly string[];
  /** One statement whose only column is text. */
  readonly lines: string;
  readonly parameters: Readonly<Record<string, string | number>>;
}

/** Throws where it is no such database, and while its owner keeps others out. */
export function readForeignDatabase(file: string, { tables, lines, parameters }: ForeignQuestion): readonly string[] {
  const database = new SQLite(file, { readonly: true, fileMustExist: true, timeout: BUSY_MS });
  try {
    database.pragma('trusted_schema = off');
    database.pragma('query_only = on');
    // A view or a virtual table of that name has no page of its own, and would run what its owner wrote into it.
    const real = database
      .prepare(
        "select name from sqlite_master where type = 'table' and rootpage > 0 and sql not like '%generated always%'",
      )
      .pluck()
      .all();
    const missing = tables.find((table) => !real.includes(table));
    if (missing !== undefined) throw new Error(`${file} has no table ${missing}`);
    const rows: unknown[] = database.prepare(lines).pluck().all(parameters);
    return rows.filter((row) => typeof row === 'string');
  } finally {
    database.close();
  }
}

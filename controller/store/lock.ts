/**
 * Owns: at most one controller a home: an operating system lock that dies with its holder, and who holds it.
 * Never: trusts a pid file alone; the lock is a real one (fcntl, through an exclusive SQLite transaction).
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import SQLite from 'better-sqlite3';
import { ConflictError } from '../../api/resources/errors.ts';
import { type DurationMs, type Instant, isoTime } from '../../api/resources/time.ts';
import { lastHeartbeat } from './database.ts';

/** A holder that has not told that it lives for this long may be replaced although it still holds the lock (it is stopped). */
export const HOLDER_SILENT_MS: DurationMs = 15_000;

export interface LockOptions {
  readonly path: string;
  readonly database: string;
  readonly home: string;
  readonly pid: number;
  readonly now: Instant;
  /** Take over even from a holder that lives; the fencing token makes it lose. */
  readonly takeover: boolean;
}

export interface Hold extends Disposable {
  /** Another controller still holds the lock and was replaced. */
  readonly tookOver: boolean;
}

/** Throws ConflictError naming the holder. With a silent holder, or `takeover`, goes on without the lock: the token decides then. */
export function holdHome({ path, database, home, pid, now, takeover }: LockOptions): Hold {
  const sqlite = new SQLite(path, { timeout: 0 });
  chmodSync(path, 0o600);
  const holderFile = `${path}.holder`;
  try {
    sqlite.pragma('journal_mode = DELETE');
    sqlite.exec('begin exclusive');
  } catch (error) {
    sqlite.close();
    if (!(error instanceof SQLite.SqliteError) || !error.code.startsWith('SQLITE_BUSY')) throw error;
    const silent = now - lastHeartbeat(database) > HOLDER_SILENT_MS;
    if (!takeover && !silent)
      throw new ConflictError(
        `another controller holds ${home} (${holder(holderFile)}); stop it with \`sac controller stop\`, or replace it with --takeover`,
      );
    writeFileSync(holderFile, `pid ${pid}, since ${isoTime(now)}, took over`, { mode: 0o600 });
    return { tookOver: true, [Symbol.dispose]: () => undefined };
  }
  writeFileSync(holderFile, `pid ${pid}, since ${isoTime(now)}`, { mode: 0o600 });
  return {
    tookOver: false,
    [Symbol.dispose]() {
      sqlite.exec('rollback');
      sqlite.close();
    },
  };
}

function holder(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return 'holder unknown';
  }
}

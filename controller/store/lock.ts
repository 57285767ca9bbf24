/**
 * Owns: at most one controller a home: an operating system lock that dies with its holder, and who holds it.
 * Never: trusts a pid file alone; the lock is a real one (fcntl, through an exclusive SQLite transaction).
 */
import { accessSync, chmodSync, constants, readFileSync, rmSync, writeFileSync } from 'node:fs';
import SQLite from 'better-sqlite3';
import { z } from 'zod';
import { ConflictError, DeniedError } from '../../api/resources/errors.ts';
import { type DurationMs, type Instant, isoTime } from '../../api/resources/time.ts';
import { lastHeartbeat } from './database.ts';

/** A holder that has not told that it lives for this long may be replaced although it still holds the lock (it is stopped). */
export const HOLDER_SILENT_MS: DurationMs = 15_000;
/** A holder that just got the lock has not written its name yet: it is given this long before it counts as silent. */
const SECOND_LOOK_MS: DurationMs = 500;

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
  /** Another controller still held the lock and was replaced. */
  readonly tookOver: boolean;
  /** After a takeover: gets the lock itself once the replaced one lets go of it, so that the next one finds it held. Cheap. */
  secure(): void;
}

const holderSchema = z.object({ pid: z.number(), since: z.number() });
type Holder = z.infer<typeof holderSchema>;

/** Throws ConflictError naming the holder. With a silent holder, or `takeover`, goes on without the lock: the token decides then. */
export function holdHome(options: LockOptions): Hold {
  const { path, home, pid, now, takeover } = options;
  assertWritable(home);
  const sqlite = new SQLite(path, { timeout: 0 });
  chmodSync(path, 0o600);
  const holderFile = `${path}.holder`;
  let locked = tryLock(sqlite);
  if (!locked && !takeover && isSilent(options, readHolder(holderFile))) {
    sqlite.pragma(`busy_timeout = ${SECOND_LOOK_MS}`);
    locked = tryLock(sqlite);
    sqlite.pragma('busy_timeout = 0');
  }
  const tookOver = !locked;
  const holder = readHolder(holderFile);
  if (tookOver && !takeover && !isSilent(options, holder)) {
    sqlite.close();
    const who = holder ? `pid ${holder.pid}, since ${isoTime(holder.since)}` : 'holder unknown';
    throw new ConflictError(
      `another controller (${who}) holds ${home}; stop it with \`sac controller stop\`, or replace it with --takeover`,
    );
  }
  writeFileSync(holderFile, JSON.stringify({ pid, since: now } satisfies Holder), { mode: 0o600 });
  return {
    tookOver,
    secure() {
      locked ||= tryLock(sqlite);
    },
    [Symbol.dispose]() {
      if (readHolder(holderFile)?.pid === pid) rmSync(holderFile, { force: true });
      // Lets go of the lock.
      sqlite.close();
    },
  };
}

/** On a read-only disk SQLite would only say so deep inside. */
function assertWritable(home: string): void {
  try {
    accessSync(home, constants.W_OK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new DeniedError(`${home} cannot be written to (${code}); is its disk mounted read-only?`);
  }
}

function tryLock(sqlite: SQLite.Database): boolean {
  try {
    sqlite.exec('begin exclusive');
    return true;
  } catch (error) {
    if (error instanceof SQLite.SqliteError && error.code.startsWith('SQLITE_BUSY')) return false;
    throw error;
  }
}

/** It neither told that it lives nor began lately. */
const isSilent = ({ now, database }: LockOptions, holder: Holder | undefined): boolean =>
  now - Math.max(lastHeartbeat(database), holder?.since ?? 0) > HOLDER_SILENT_MS;

function readHolder(path: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

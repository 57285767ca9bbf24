/**
 * Owns: a conversation that a CLI keeps in a database instead of a file of lines: when it is read, and as which lines.
 * Never: opens the database itself; whoever does is handed in.
 */
import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instant } from '../../../api/resources/time.ts';
import type { Tail, TailRead } from './file-tail.ts';

/** Where a CLI keeps conversations, and how the one of a working directory is asked for. */
export interface RecordDatabase {
  /** Below the agent's home. */
  readonly file: string;
  /** Tables that must be tables: a view would run whatever the agent wrote into it. */
  readonly tables: readonly string[];
  /**
   * One statement whose only column is a line of JSON a row, for the reader, oldest first. `:cwd`: the working directory,
   * resolved; `:since`: milliseconds since the epoch, before which nothing is this run's.
   */
  readonly lines: string;
}

/** Runs the statement read-only. Throws where the file is no such database. */
export type ReadDatabase = (file: string, question: DatabaseQuestion) => readonly string[];

export interface DatabaseQuestion {
  readonly tables: readonly string[];
  readonly lines: string;
  readonly parameters: Readonly<Record<string, string | number>>;
}

export interface DatabaseTailOptions {
  readonly database: RecordDatabase;
  readonly read: ReadDatabase;
  readonly home: string;
  readonly cwd: string;
  readonly since: Instant;
}

/** A larger one is not read: whoever asks waits for the answer. */
const MOST_BYTES = 536_870_912;
const NOTHING: TailRead = { lines: [], restarted: false, more: false };

/** Rows change after they were written, so whatever changed is read as a whole. */
export class DatabaseTail implements Tail {
  readonly #options: DatabaseTailOptions;
  #seen = '';

  constructor(options: DatabaseTailOptions) {
    this.#options = options;
  }

  async read(): Promise<TailRead> {
    const { database, read, home, cwd, since } = this.#options;
    const file = join(home, database.file);
    // What was written last lies in the journal beside it.
    const looks = await Promise.all([file, `${file}-wal`].map((path) => stat(path).catch(() => undefined)));
    const [main] = looks;
    // The name is the agent's to give: a pipe would be waited for.
    if (!main?.isFile() || looks.some((one) => one && (!one.isFile() || one.size > MOST_BYTES))) return NOTHING;
    const seen = looks.map((one) => `${one?.ino} ${one?.size} ${one?.mtimeMs}`).join();
    if (seen === this.#seen) return NOTHING;
    const parameters = { cwd: await realpath(cwd).catch(() => cwd), since };
    const lines = read(file, { tables: database.tables, lines: database.lines, parameters });
    this.#seen = seen;
    return { lines, restarted: true, more: false };
  }
}

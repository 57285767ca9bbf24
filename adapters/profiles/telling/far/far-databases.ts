/**
 * Owns: copies here of databases in which CLIs on other machines and in containers keep conversations, and reading them.
 * Never: opens the databases themselves; whoever does is handed in. Never asks by itself.
 *
 * Bound: COPY_BYTES a fetch, after which a database rests; one copy a place and home, removed with its last reader.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Instant } from '../../../../api/resources/time.ts';
import type { Transport } from '../../../transport/transport.ts';
import type { ReadDatabase, RecordDatabase } from '../database-tail.ts';
import type { Tail, TailRead } from '../file-tail.ts';
import { type DatabaseAnswer, databasesOf } from './database-growth.ts';

export interface FarDatabasesOptions {
  /** Of nobody else: what lies in it when we begin is removed, and all of it when we end. */
  readonly dir: string;
  readonly read: ReadDatabase;
  /** The database of this instance is longer than is copied; said once a copy. */
  readonly onLarge: (instance: string, bytes: number) => void;
}

/** Whose database, at the place that is asked. */
export interface DatabaseTeller {
  readonly name: string;
  /** "": the home of the user agents run as there. */
  readonly home: string;
  readonly cwd: string;
}

interface Copy {
  readonly folder: string;
  readonly path: string;
  main: string;
  journal: string;
  /** 0: nothing was copied yet. */
  version: number;
  /** Turns in which it is not asked for. */
  rest: number;
  isLarge: boolean;
}

const NOTHING: TailRead = { lines: [], restarted: false, more: false };
/** With a turn every two seconds, a database that is written all the time takes so much of the line. */
const BYTES_A_TURN = 4_194_304;
/** After one that was too long, or did not arrive. */
const REST_TURNS = 15;

export class FarDatabases implements Disposable {
  readonly #options: FarDatabasesOptions;
  readonly #tails = new Map<string, FarDatabaseTail>();
  readonly #copies = new Map<string, Copy>();

  constructor(options: FarDatabasesOptions) {
    this.#options = options;
    rmSync(options.dir, { recursive: true, force: true });
  }

  /** The record of a run that begins at `since`. */
  begin(name: string, database: RecordDatabase, since: Instant): Tail {
    const tail = new FarDatabaseTail(database, this.#options.read, since);
    this.#tails.set(name, tail);
    return tail;
  }

  /** One turn at one place; `grew` is called for whoever has more to read. Throws TransportError. */
  async pull(
    place: string,
    transport: Pick<Transport, 'run'>,
    tellers: readonly DatabaseTeller[],
    grew: (instance: string) => void,
  ): Promise<void> {
    const due = this.#wantedOf(place, tellers).filter(({ copy }) => copy.rest-- <= 0);
    // Stays so where there is no answer.
    for (const { copy } of due) copy.rest = REST_TURNS;
    const { databases, cwds } = await databasesOf(
      transport,
      due.map(({ copy: { main, journal }, home, file, readers }) => ({
        ...{ home, file, main, journal },
        cwds: readers.filter(({ tail }) => tail.cwd === undefined).map(({ cwd }) => cwd),
      })),
    );
    for (const [number, { copy, readers }] of due.entries()) {
      copy.rest = 0;
      // Its folder went while the answer was on its way.
      if (![...this.#copies.values()].includes(copy)) continue;
      for (const { cwd, tail } of readers) tail.cwd ??= cwds.get(cwd);
      const answer = databases.get(number);
      if (answer?.type === 'large' && !copy.isLarge)
        for (const { name } of readers) this.#options.onLarge(name, answer.bytes);
      if (answer) take(copy, answer);
      for (const { name, tail } of readers) if (tail.hasMore) grew(name);
    }
  }

  forget(isKnown: (name: string) => boolean): void {
    for (const name of this.#tails.keys()) if (!isKnown(name)) this.#tails.delete(name);
    const read = new Set([...this.#tails.values()].map(({ copy }) => copy));
    for (const [key, copy] of this.#copies) {
      if (read.has(copy)) continue;
      this.#copies.delete(key);
      rmSync(copy.folder, { recursive: true, force: true });
    }
  }

  [Symbol.dispose](): void {
    this.#tails.clear();
    this.#copies.clear();
    rmSync(this.#options.dir, { recursive: true, force: true });
  }

  #wantedOf(place: string, tellers: readonly DatabaseTeller[]): readonly Wanted[] {
    const wanted = new Map<Copy, Wanted>();
    for (const { name, home, cwd } of tellers) {
      // Nobody reads it: it was not listened to since it was started, or since we were.
      const tail = this.#tails.get(name);
      if (!tail) continue;
      const { file } = tail.database;
      const copy = this.#copyOf([place, home, file].join('\0'));
      tail.copy = copy;
      const readers = wanted.get(copy)?.readers ?? [];
      wanted.set(copy, { copy, home, file, readers: [...readers, { name, cwd, tail }] });
    }
    return [...wanted.values()];
  }

  #copyOf(key: string): Copy {
    const known = this.#copies.get(key);
    if (known) return known;
    const folder = join(this.#options.dir, createHash('sha256').update(key).digest('hex').slice(0, 32));
    const copy = { folder, path: join(folder, 'copy.db'), main: '', journal: '', version: 0, rest: 0, isLarge: false };
    this.#copies.set(key, copy);
    return copy;
  }
}

interface Wanted {
  readonly copy: Copy;
  readonly home: string;
  readonly file: string;
  readonly readers: readonly { readonly name: string; readonly cwd: string; readonly tail: FarDatabaseTail }[];
}

/** At once, so that nobody reads half of it. */
function take(copy: Copy, answer: DatabaseAnswer): void {
  copy.isLarge = answer.type === 'large';
  switch (answer.type) {
    case 'large':
      copy.rest = REST_TURNS;
      return;
    case 'torn':
      copy.rest = Math.floor(answer.bytes / BYTES_A_TURN);
      return;
    case 'changed': {
      const { main, journal } = answer;
      // Only what follows on a copy can be put to use.
      if (!main && copy.version === 0) return;
      mkdirSync(copy.folder, { recursive: true, mode: 0o700 });
      // An index of what the journal held before.
      rmSync(`${copy.path}-shm`, { force: true });
      if (main) writeFileSync(copy.path, main.bytes, { mode: 0o600 });
      if (journal) writeFileSync(`${copy.path}-wal`, journal.bytes, { mode: 0o600 });
      copy.main = main?.look ?? copy.main;
      copy.journal = journal?.look ?? copy.journal;
      copy.version += 1;
      copy.rest = Math.floor(((main?.bytes.length ?? 0) + (journal?.bytes.length ?? 0)) / BYTES_A_TURN);
    }
  }
}

class FarDatabaseTail implements Tail {
  readonly database: RecordDatabase;
  /** Resolved there; not known before it was answered. */
  cwd: string | undefined;
  copy: Copy | undefined;
  readonly #read: ReadDatabase;
  readonly #since: Instant;
  #seen = '';

  constructor(database: RecordDatabase, read: ReadDatabase, since: Instant) {
    this.database = database;
    this.#read = read;
    this.#since = since;
  }

  get hasMore(): boolean {
    return this.copy !== undefined && this.copy.version > 0 && this.cwd !== undefined && this.#seen !== this.#now;
  }

  /** Throws where the copy is no such database, once: what was known stands until it changed. */
  async read(): Promise<TailRead> {
    const { copy, cwd } = this;
    if (!copy || cwd === undefined || !this.hasMore) return NOTHING;
    this.#seen = this.#now;
    const { tables, lines } = this.database;
    const parameters = { cwd, since: this.#since };
    return { lines: this.#read(copy.path, { tables, lines, parameters }), restarted: true, more: false };
  }

  /** Another home is another copy. */
  get #now(): string {
    return `${this.copy?.path} ${this.copy?.version}`;
  }
}

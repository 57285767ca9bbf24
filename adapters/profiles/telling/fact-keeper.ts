/**
 * Owns: what agents of this machine tell by hooks and transcripts, kept up to date as their spools grow.
 * Never: decides; a fact nobody told stays unknown.
 *
 * Bound: one listener an agent; each keeps its last 500 events.
 */
import { type FSWatcher, watch } from 'node:fs';
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { DatabaseTail, type ReadDatabase } from './database-tail.ts';
import type { Tail } from './file-tail.ts';
import { type Heard, Listener } from './listener.ts';
import { newestRecord } from './newest-record.ts';
import type { Telling } from './transcript.ts';

export interface FactKeeperOptions {
  /** Folder of the spools: `<instance>.spool`. */
  readonly dir: string;
  /** An agent has told something new. */
  readonly onHint: (instance: string) => void;
  /** Reads the records that lie in databases; without it they are not read. */
  readonly readDatabase?: ReadDatabase;
}

/** Whose facts, of which run, and where its CLI keeps its own record. */
export interface Teller {
  readonly telling: Telling;
  readonly incarnation: Instant;
  readonly home: string;
  /** Working directory, by which a record is found that no hook names. */
  readonly cwd?: string | undefined;
  /** Its record is on another machine, and read by this; begun once a run. */
  readonly farRecord?: () => Tail;
}

/** What its screen says of whether there may be news. */
export interface Sign {
  /** Its transcript may grow without a hint. */
  readonly busy: boolean;
  /** The same object as long as nothing was drawn. */
  readonly look: object;
}

/** Looks after the last drawing at which a record is read on: it is written a moment later than the screen. */
const LAG_LOOKS = 3;

interface Kept {
  readonly teller: Teller;
  readonly listener: Listener;
  heard: Heard;
  look?: object;
  lag: number;
  /** The record that was found last, and how often it was looked for since. */
  record?: string | undefined;
  asked: number;
}

/** A conversation begun anew has a record of its own; it is looked for at every so manieth reading. */
const FIND_EVERY = 10;

export class FactKeeper implements Disposable {
  readonly #options: FactKeeperOptions;
  readonly #kept = new Map<InstanceId, Kept>();
  /** Names of instances whose spool grew since it was read. */
  readonly #dirty = new Set<string>();
  readonly #watcher: FSWatcher;

  constructor(options: FactKeeperOptions) {
    this.#options = options;
    this.#watcher = watch(options.dir, (_event, file) => {
      const name = /^(.+)\.spool(?:\.1)?$/.exec(file ?? '')?.[1];
      if (name === undefined) return;
      this.#dirty.add(name);
      options.onHint(name);
    });
    this.#watcher.on('error', () => undefined);
  }

  /** What it has told, read on where it told more. */
  async hear(id: InstanceId, teller: Teller, { busy, look }: Sign): Promise<Heard> {
    const name = instanceNameOf(id);
    const before = this.#kept.get(id);
    const same = before?.teller.incarnation === teller.incarnation && before.teller.home === teller.home;
    const kept = same ? before : this.#begin(id, teller);
    const { records, database } = teller.telling;
    const { farRecord } = kept.teller;
    // What is read on another machine says itself when it grew.
    const near = farRecord === undefined;
    kept.lag = (records || database) && near && (busy || kept.look !== look) ? LAG_LOOKS : Math.max(0, kept.lag - 1);
    kept.look = look;
    if (this.#dirty.delete(name) || !same || busy || kept.lag > 0) {
      try {
        if (
          records &&
          near &&
          teller.cwd !== undefined &&
          (kept.record === undefined || kept.asked++ % FIND_EVERY === 0)
        )
          kept.record = (await newestRecord(records, teller.home, teller.cwd, teller.incarnation)) ?? kept.record;
        kept.heard = await kept.listener.listen(kept.record);
      } catch {
        // What cannot be read now is read at the next hint; what was heard so far stands.
      }
    }
    return kept.heard;
  }

  /** Its record on another machine grew. */
  grew(instance: string): void {
    this.#dirty.add(instance);
    this.#options.onHint(instance);
  }

  /** As it was told last; undefined: nothing was read of it yet. */
  heard(id: InstanceId): Heard | undefined {
    return this.#kept.get(id)?.heard;
  }

  forget(isKnown: (id: InstanceId) => boolean): void {
    for (const id of this.#kept.keys()) if (!isKnown(id)) this.#kept.delete(id);
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
  }

  #begin(id: InstanceId, teller: Teller): Kept {
    const spool = `${this.#options.dir}/${instanceNameOf(id)}.spool`;
    const { telling, home, incarnation, farRecord } = teller;
    const record = farRecord?.() ?? this.#databaseOf(teller);
    const kept: Kept = {
      teller,
      lag: 0,
      asked: 0,
      listener: new Listener({ telling, spool, home, since: incarnation, ...(record && { record }) }),
      heard: { hooks: {}, transcript: {} },
    };
    this.#kept.set(id, kept);
    return kept;
  }

  #databaseOf({ telling: { database }, home, cwd, incarnation: since }: Teller): Tail | undefined {
    const { readDatabase: read } = this.#options;
    return database && read && cwd !== undefined ? new DatabaseTail({ database, read, home, cwd, since }) : undefined;
  }
}

/**
 * Owns: hearing agents of other machines: one command a host and turn brings what their spools and records grew by, one more their databases.
 * Never: decides who is listened to, or reads what came.
 */
import type { Transport } from '../../../transport/transport.ts';
import type { Tail } from '../file-tail.ts';
import type { FarDatabases } from './far-databases.ts';
import { FarRecord } from './far-record.ts';
import { type Growing, type GrowingFile, type Growth, growthOf } from './growth.ts';
import { SpoolMirror } from './spool-mirror.ts';

/** An agent on another machine. */
export interface FarTeller {
  /** Of the instance. */
  readonly name: string;
  readonly hasSpool: boolean;
  /** Whether its record is at the place that is asked, too. */
  readonly hasRecord: boolean;
  /** Where its hooks say that its record is. */
  readonly record: string | undefined;
  /** "": the home of the user agents run as there. */
  readonly home: string;
  /** How its record is found where no hook says it. */
  readonly newest: GrowingFile | undefined;
  /** Its record lies in a database, there, and is asked for by this working directory. */
  readonly databaseOf?: string;
}

export class FarListening {
  readonly #spools: SpoolMirror;
  readonly #records = new Map<string, FarRecord>();
  /** A place that is slow to answer keeps the others' turns as they are. */
  readonly #pulling = new Set<string>();
  readonly #grew: (instance: string) => void;
  readonly #databases: FarDatabases | undefined;

  /** `dir`: where copies of spools are kept; `grew`: there is more of this one's record to read. */
  constructor(dir: string, grew: (instance: string) => void, databases?: FarDatabases) {
    this.#spools = new SpoolMirror(dir);
    this.#grew = grew;
    this.#databases = databases;
  }

  /** The record of a run that begins. */
  begin(name: string): Tail {
    const record = new FarRecord();
    this.#records.set(name, record);
    return record;
  }

  /** Never rejects: a place (a host, a container) that cannot be asked now is asked at the next turn. */
  async pull(
    place: string,
    transport: Pick<Transport, 'run'>,
    hooksDir: string,
    tellers: readonly FarTeller[],
  ): Promise<void> {
    if (this.#pulling.has(place)) return;
    this.#pulling.add(place);
    try {
      const asked = [
        ...tellers.flatMap((teller) => this.#askSpool(teller, hooksDir)),
        ...tellers.flatMap((teller) => this.#askRecord(teller)),
      ];
      const grown = await growthOf(
        transport,
        asked.map(({ growing }) => growing),
      );
      for (const [number, growth] of grown) await asked[number]?.take(growth);
      const inDatabases = tellers.flatMap(({ name, home, databaseOf: cwd }) =>
        cwd === undefined ? [] : [{ name, home, cwd }],
      );
      await this.#databases?.pull(place, transport, inDatabases, this.#grew);
    } catch {
      // Said above.
    } finally {
      this.#pulling.delete(place);
    }
  }

  forget(isKnown: (name: string) => boolean): void {
    this.#databases?.forget(isKnown);
    this.#spools.forget(isKnown);
    for (const name of this.#records.keys()) if (!isKnown(name)) this.#records.delete(name);
  }

  #askSpool({ name, hasSpool }: FarTeller, hooksDir: string): readonly Asked[] {
    if (!hasSpool) return [];
    return [{ growing: this.#spools.growing(hooksDir, name), take: (growth) => this.#spools.take(name, growth) }];
  }

  #askRecord({ name, hasRecord, record: named, home, newest }: FarTeller): readonly Asked[] {
    // Nobody reads it: it was not listened to since it was started, or since we were.
    const record = hasRecord ? this.#records.get(name) : undefined;
    const growing = record?.growing(named, home, newest);
    if (!record || !growing) return [];
    const take = async (growth: Growth): Promise<void> => {
      record.take(growth);
      this.#grew(name);
    };
    return [{ growing, take }];
  }
}

interface Asked {
  readonly growing: Growing;
  readonly take: (growth: Growth) => Promise<void>;
}

/**
 * Owns: what agents of this machine tell by hooks and transcripts, kept up to date as their spools grow.
 * Never: decides; a fact nobody told stays unknown.
 *
 * Bound: one listener an agent; each keeps its last 500 events.
 */
import { type FSWatcher, watch } from 'node:fs';
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { type Heard, Listener } from './listener.ts';
import type { Telling } from './transcript.ts';

export interface FactKeeperOptions {
  /** Folder of the spools: `<instance>.spool`. */
  readonly dir: string;
  /** An agent has told something new. */
  readonly onHint: (instance: string) => void;
}

/** Whose facts, of which run, and where its CLI keeps its own record. */
export interface Teller {
  readonly telling: Telling;
  readonly incarnation: Instant;
  readonly home: string;
}

interface Kept {
  readonly teller: Teller;
  readonly listener: Listener;
  heard: Heard;
}

export class FactKeeper implements Disposable {
  readonly #options: FactKeeperOptions;
  readonly #kept = new Map<InstanceId, Kept>();
  /** Names of instances whose spool grew since it was read. */
  readonly #dirty = new Set<string>();
  readonly #watcher: FSWatcher;

  constructor(options: FactKeeperOptions) {
    this.#options = options;
    this.#watcher = watch(options.dir, (_event, file) => {
      const name = file?.replace(/\.spool(?:\.1)?$/, '');
      if (name === undefined) return;
      this.#dirty.add(name);
      options.onHint(name);
    });
    this.#watcher.on('error', () => undefined);
  }

  /** What it has told, read on where it told more. `busy`: its transcript may grow without a hint. */
  async hear(id: InstanceId, teller: Teller, busy: boolean): Promise<Heard> {
    const name = instanceNameOf(id);
    const before = this.#kept.get(id);
    const same = before?.teller.incarnation === teller.incarnation && before.teller.home === teller.home;
    const kept = same ? before : this.#begin(id, teller);
    if (this.#dirty.delete(name) || !same || busy) {
      try {
        kept.heard = await kept.listener.listen();
      } catch {
        // What cannot be read now is read at the next hint; what was heard so far stands.
      }
    }
    return kept.heard;
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
    const { telling, home, incarnation } = teller;
    const kept = {
      teller,
      listener: new Listener({ telling, spool, home, since: incarnation }),
      heard: { hooks: {}, transcript: {} },
    };
    this.#kept.set(id, kept);
    return kept;
  }
}

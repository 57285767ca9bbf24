/**
 * Owns: a CLI's record that grows on another machine, as far as it was fetched.
 * Never: fetches; keeps more than UNREAD_LINES and one part unread.
 */
import type { Tail, TailRead } from '../file-tail.ts';
import { WholeLines } from '../whole-lines.ts';
import { type Growing, type GrowingFile, type Growth, PART_BYTES } from './growth.ts';

/** With so many bytes waiting to be read nothing more is asked for. */
const UNREAD_BYTES = 8 * PART_BYTES;
/** A conversation begun anew has a record of its own; it is looked for at every so manieth turn. */
const FIND_EVERY = 10;

export class FarRecord implements Tail {
  readonly #lines = new WholeLines();
  #inode = '';
  #offset = 0;
  #path: string | undefined;
  #turns = 0;
  #unread: string[] = [];
  #unreadBytes = 0;
  #restarted = false;

  /** What to ask for now; undefined: what came is to be read first. `named`: the hooks say which file it is. */
  growing(named: string | undefined, home: string, newest: GrowingFile | undefined): Growing | undefined {
    if (this.#unreadBytes >= UNREAD_BYTES) return undefined;
    const path = named ?? this.#path;
    const known: GrowingFile | undefined = path === undefined ? undefined : { type: 'named', path, home };
    const search =
      named === undefined && newest !== undefined && (known === undefined || this.#turns++ % FIND_EVERY === 0);
    const file = search ? newest : known;
    return file && { file, path: this.#path ?? '', inode: this.#inode, offset: this.#offset };
  }

  take({ path, inode, from, bytes }: Growth): void {
    if (from === 0 && this.#inode !== '') {
      this.#unread = [];
      this.#unreadBytes = 0;
      this.#lines.begin();
      this.#restarted = true;
    }
    this.#path = path;
    this.#inode = inode;
    this.#offset = from + bytes.length;
    this.#unread.push(...this.#lines.add(bytes));
    this.#unreadBytes += bytes.length;
  }

  async read(): Promise<TailRead> {
    const read = { lines: this.#unread, restarted: this.#restarted, more: false };
    this.#unread = [];
    this.#unreadBytes = 0;
    this.#restarted = false;
    return read;
  }
}

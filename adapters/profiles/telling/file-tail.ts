/**
 * Owns: reading a growing file of lines bit by bit: whole lines only, each once, through replacement and truncation.
 * Never: watches; whoever holds it says when to look.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { WholeLines } from './whole-lines.ts';

const CHUNK_BYTES = 1_048_576;

export interface TailRead {
  readonly lines: readonly string[];
  /** What was read before is not what this file says: it begins anew with these lines. */
  readonly restarted: boolean;
  /** There is more; read again. */
  readonly more: boolean;
}

/** A growing record that is read on whenever it is asked. */
export interface Tail {
  read(): Promise<TailRead>;
}

const NOTHING: TailRead = { lines: [], restarted: false, more: false };

export class FileTail implements Tail {
  readonly #path: string;
  #inode = 0;
  #offset = 0;
  readonly #lines = new WholeLines();

  constructor(path: string) {
    this.#path = path;
  }

  /** What came since the last read, at most about 1 MB of it. A file that is missing has no lines; other failures are thrown. */
  async read(): Promise<TailRead> {
    let file: FileHandle;
    try {
      file = await open(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (isMissing(error)) return NOTHING;
      throw error;
    }
    try {
      const stats = await file.stat();
      // The name may have come from the agent; a pipe or a device would be read for ever.
      if (!stats.isFile()) return NOTHING;
      const { ino, size } = stats;
      // Another file under the name, or the same one cut short.
      const restarted = this.#inode !== 0 && (ino !== this.#inode || size < this.#offset);
      if (restarted) {
        this.#offset = 0;
        this.#lines.begin();
      }
      this.#inode = ino;
      if (size <= this.#offset) return { ...NOTHING, restarted };
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - this.#offset));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, this.#offset);
      this.#offset += bytesRead;
      return { lines: this.#lines.add(chunk.subarray(0, bytesRead)), restarted, more: this.#offset < size };
    } finally {
      await file.close();
    }
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

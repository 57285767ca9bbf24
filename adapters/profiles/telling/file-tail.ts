/**
 * Owns: reading a growing file of lines bit by bit: whole lines only, each once, through replacement and truncation.
 * Never: watches; whoever holds it says when to look. Keeps at most one unfinished line.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const CHUNK_BYTES = 1_048_576;
/** A longer line is passed over: no transcript's line is worth this much memory. */
const LONGEST_LINE_BYTES = 8_388_608;
const NEWLINE = 0x0a;

export interface TailRead {
  readonly lines: readonly string[];
  /** What was read before is not what this file says: it begins anew with these lines. */
  readonly restarted: boolean;
  /** There is more; read again. */
  readonly more: boolean;
}

const NOTHING: TailRead = { lines: [], restarted: false, more: false };

export class FileTail {
  readonly #path: string;
  #inode = 0;
  #offset = 0;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #skipping = false;

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
      if (restarted) this.#begin();
      this.#inode = ino;
      if (size <= this.#offset) return { ...NOTHING, restarted };
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - this.#offset));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, this.#offset);
      this.#offset += bytesRead;
      return { lines: this.#linesOf(chunk.subarray(0, bytesRead)), restarted, more: this.#offset < size };
    } finally {
      await file.close();
    }
  }

  #begin(): void {
    this.#offset = 0;
    this.#drop();
    this.#skipping = false;
  }

  #drop(): void {
    this.#rest = [];
    this.#restBytes = 0;
  }

  /** Split by bytes: a character of several bytes may lie across two reads. */
  #linesOf(chunk: Buffer): readonly string[] {
    const lines: string[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      const end = chunk.subarray(from, at);
      if (!this.#skipping && this.#restBytes + end.length <= LONGEST_LINE_BYTES)
        lines.push(Buffer.concat([...this.#rest, end]).toString('utf8'));
      this.#skipping = false;
      this.#drop();
      from = at + 1;
    }
    const rest = chunk.subarray(from);
    if (this.#skipping || rest.length === 0) return lines;
    this.#rest.push(Buffer.from(rest));
    this.#restBytes += rest.length;
    if (this.#restBytes > LONGEST_LINE_BYTES) {
      this.#drop();
      this.#skipping = true;
    }
    return lines;
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

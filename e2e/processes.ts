/**
 * Owns: the processes of this machine, as /proc tells them, and finding some of them many times a second.
 * Never: ends one.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';

export const processes = (): number[] =>
  readdirSync('/proc').flatMap((entry) => (/^\d+$/.test(entry) ? [Number(entry)] : []));

/** Empty: gone meanwhile, or a zombie. */
export function readOf(pid: number, file: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

export const environOf = (pid: number): readonly string[] => readOf(pid, 'environ').split('\0');

/** An entry of the environment that is this (`NAME=value`), or begins so. */
export const carries =
  (mark: string, { whole = false } = {}) =>
  (environ: Buffer): boolean => {
    const sought = whole ? `${mark}\0` : mark;
    for (let at = environ.indexOf(sought, 0, 'latin1'); at >= 0; at = environ.indexOf(sought, at + 1, 'latin1'))
      if (at === 0 || environ[at - 1] === 0) return true;
    return false;
  };

interface Other {
  readonly since: number;
  readonly readAt: number;
}

/** A program that is to carry a mark has it long before. */
const YOUNG_MS = 2_000;
/** Who is no longer young is asked again after this: it may have become another program, or another process. */
const AGAIN_MS = 1_000;
const BYTES = 256 * 1024;

/**
 * Processes by their environment. Who was found is read at each look, so that what has ended is never told; of the others,
 * mostly another test's, the old ones are not: with 700 of them a look takes 20 ms otherwise, and there are some each second.
 */
export class ProcessSearch {
  readonly #isWanted: (environ: Buffer) => boolean;
  readonly #buffer = Buffer.allocUnsafe(BYTES);
  #others = new Map<number, Other>();

  constructor(isWanted: (environ: Buffer) => boolean) {
    this.#isWanted = isWanted;
  }

  find(): number[] {
    const now = performance.now();
    const before = this.#others;
    this.#others = new Map();
    return processes().filter((pid) => {
      const known = before.get(pid);
      if (known && now - known.readAt < AGAIN_MS && now - known.since > YOUNG_MS) {
        this.#others.set(pid, known);
        return false;
      }
      if (this.#isWanted(this.#environ(pid))) return true;
      const isSame = known !== undefined && now - known.readAt < 2 * AGAIN_MS;
      this.#others.set(pid, { since: isSame ? known.since : now, readAt: now });
      return false;
    });
  }

  /** Of the one buffer: to be looked at before the next is read. */
  #environ(pid: number): Buffer {
    let file: number | undefined;
    try {
      file = openSync(`/proc/${pid}/environ`, 'r');
      const length = readSync(file, this.#buffer, 0, BYTES, 0);
      return length < BYTES ? this.#buffer.subarray(0, length) : readFileSync(`/proc/${pid}/environ`);
    } catch {
      return this.#buffer.subarray(0, 0);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }
}

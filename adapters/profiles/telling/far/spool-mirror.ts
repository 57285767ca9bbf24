/**
 * Owns: copies on this machine of spools that grow on another.
 * Never: takes a name or a path from over there; what is copied is read like any spool, as told by a stranger.
 *
 * Bound: a copy is as long as its spool may be.
 */
import { appendFile, writeFile } from 'node:fs/promises';
import type { Growing, Growth } from './growth.ts';

export class SpoolMirror {
  readonly #dir: string;
  /** How much of each was copied. Not known of a copy that an earlier process made: it is made anew. */
  readonly #copied = new Map<string, { readonly inode: string; readonly offset: number }>();

  /** `dir`: where the copies are kept, `<name>.spool`. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** What to ask for the spool of `name` below `folder` over there. */
  growing(folder: string, name: string): Growing {
    const { inode, offset } = this.#copied.get(name) ?? { inode: '', offset: 0 };
    const path = `${folder}/${name}.spool`;
    return { file: { type: 'ours', path }, path, inode, offset };
  }

  /** Copies it on. */
  async take(name: string, { inode, from, bytes }: Growth): Promise<void> {
    const file = `${this.#dir}/${name}.spool`;
    await (from === 0 ? writeFile(file, bytes, { mode: 0o600 }) : appendFile(file, bytes));
    this.#copied.set(name, { inode, offset: from + bytes.length });
  }

  forget(isKnown: (name: string) => boolean): void {
    for (const name of this.#copied.keys()) if (!isKnown(name)) this.#copied.delete(name);
  }
}

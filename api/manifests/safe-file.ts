/**
 * Owns: reading one file that somebody else can change: regular, small, UTF-8, inside its directory, and not mid-write.
 * Never: follows a symlink at the moment of opening, waits on a pipe, or throws for a file it cannot have.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, realpathSync } from 'node:fs';
import { sep } from 'node:path';

export const MAX_FILE_BYTES = 1_048_576;

export type Bytes = { readonly bytes: Buffer } | { readonly refused: string; readonly missing?: true };
export type Text = { readonly text: string } | { readonly refused: string; readonly missing?: true };

export interface ReadRules {
  /** Real path of the directory that the file must not leave by symlinks. */
  readonly root?: string;
  /** The path was just listed as free of symlinks: resolving it again would cost more than reading it. */
  readonly resolved?: boolean;
}

export function readBytes(path: string, { root, resolved }: ReadRules = {}): Bytes {
  let descriptor: number | undefined;
  try {
    const real = resolved === true ? path : realpathSync.native(path);
    if (root !== undefined && !isInside(real, root)) return { refused: leaves(root) };
    // The path is resolved: a link that appears now is a swap. O_NONBLOCK: opening a pipe does not wait for its writer.
    descriptor = openSync(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    // A folder on the way may have become a link after it was resolved: what counts is where the open file really is.
    if (root !== undefined && !isInside(placeOf(descriptor, real), root)) return { refused: leaves(root) };
    const before = fstatSync(descriptor);
    if (!before.isFile()) return { refused: 'is not a regular file' };
    if (before.size > MAX_FILE_BYTES) return { refused: TOO_LARGE };
    const bytes = readUpTo(descriptor, before.size);
    const after = fstatSync(descriptor);
    if (bytes.length > MAX_FILE_BYTES) return { refused: TOO_LARGE };
    if (bytes.length !== before.size || after.size !== before.size || after.mtimeMs !== before.mtimeMs)
      return { refused: 'is being written just now' };
    return { bytes };
  } catch (error) {
    return refusal(error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

export function readText(path: string, rules: ReadRules = {}): Text {
  const read = readBytes(path, rules);
  return 'refused' in read ? read : decode(read.bytes);
}

/** Also for bytes that came by another way, like standard input. A byte order mark is dropped. */
export function decode(bytes: Uint8Array): Text {
  if (bytes.byteLength > MAX_FILE_BYTES) return { refused: TOO_LARGE };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { refused: 'is not UTF-8 text' };
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const isInside = (real: string, root: string): boolean =>
  real === root || real.startsWith(root.endsWith(sep) ? root : `${root}${sep}`);

/** Path of an open file; where the system does not tell (no /proc), that of what now stands at the path. */
function placeOf(descriptor: number, path: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return realpathSync.native(path);
  }
}

const leaves = (root: string) => `is a symbolic link that leaves the directory ${root}`;
const TOO_LARGE = 'is larger than 1 MiB, which no manifest needs';

/** One byte more than expected, to notice a file that grows. */
function readUpTo(descriptor: number, size: number): Buffer {
  const buffer = Buffer.allocUnsafe(size + 1);
  let filled = 0;
  while (filled < buffer.length) {
    const count = readSync(descriptor, buffer, filled, buffer.length - filled, null);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'a symbolic link that leads in circles, or changed while it was opened',
  ENXIO: 'not a regular file',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'is a directory',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files',
};

export function refusal(error: unknown): { readonly refused: string; readonly missing?: true } {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'ENOENT') return { refused: 'does not exist', missing: true };
  return { refused: `cannot be read: ${REASONS[code] ?? code}` };
}

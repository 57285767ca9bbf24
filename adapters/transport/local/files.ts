/**
 * Owns: writing a file of this machine so that it is seen complete, with its mode, or not at all.
 * Never: leaves its temporary file behind; what a killed process could not remove, clearUnfinished does.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, mkdir, open, readdir, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FileToPut, TransportError } from '../transport.ts';

const UNFINISHED = /\.[0-9a-f]{12}\.tmp$/;

/**
 * Removes what a process that was killed while it wrote left below these folders: it may hold secrets. For whoever alone
 * writes there; a stopped predecessor that goes on finds its file gone and fails. A missing folder is fine.
 */
export async function clearUnfinished(folders: readonly string[]): Promise<void> {
  for (const folder of new Set(folders)) {
    const names = await readdir(folder, { recursive: true }).catch(() => []);
    for (const name of names) if (UNFINISHED.test(name)) await rm(join(folder, name), { force: true });
  }
}

/** rename(2) is atomic within a folder. Throws TransportError. */
export async function putFile({ path, content, mode }: FileToPut): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await create(temporary, content, mode & 0o700);
    // The umask may only have taken away what others may do.
    if ((mode & 0o077) !== 0) await chmod(temporary, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new TransportError(
      'unreachable',
      `cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/** The folders on the way are followed, the file itself is no link, no pipe that would keep us waiting, no device. */
export async function readPlainFile(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (!file) return undefined;
  try {
    if (!(await file.stat()).isFile()) return undefined;
    const content = Buffer.alloc(maxBytes);
    const { bytesRead } = await file.read(content, 0, maxBytes, 0);
    return content.subarray(0, bytesRead);
  } catch {
    return undefined;
  } finally {
    await file.close().catch(() => undefined);
  }
}

export const readFolder = (path: string): Promise<readonly string[]> => readdir(path).catch(() => []);

/** Throws TransportError. */
export async function removeFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths)
    await unlink(path).catch((error: unknown) => {
      if (!isMissing(error))
        throw new TransportError('unreachable', `cannot remove ${path}: ${String(error)}`, { cause: error });
    });
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

async function create(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  try {
    await writeFile(path, content, { mode, flag: 'wx' });
  } catch (error) {
    if (!isMissing(error)) throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, content, { mode, flag: 'wx' });
  }
}

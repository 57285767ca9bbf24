/**
 * Owns: finding the record that a CLI without hooks writes of an agent's conversation: the newest of its working directory.
 * Never: follows links out of the store, or reads more of a file than its beginning.
 */
import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Instant } from '../../../api/resources/time.ts';

/** Where a CLI writes records; `holds`: what the beginning of one says, `{pwd}` being the working directory, as JSON has it. */
export interface RecordStore {
  /** Below the agent's home. */
  readonly folder: string;
  /** What the end of a record's path is like: an expression that JavaScript and `grep -E` read alike. */
  readonly files: string;
  readonly holds: string;
}

/** The line that names the working directory may stand behind long instructions. */
const HEAD_BYTES = 65_536;
/** Newest first; what is older than so many others is not this run's. */
const MOST_LOOKED_AT = 20;

/** Undefined: none that was written since. `cwd`: absolute. */
export async function newestRecord(
  store: RecordStore,
  home: string,
  cwd: string,
  since: Instant,
): Promise<string | undefined> {
  const folder = join(home, store.folder);
  const files = new RegExp(store.files);
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => files.test(name))
      .map(async (name) => {
        const path = join(folder, name);
        const known = await stat(path).catch(() => undefined);
        return known?.isFile() && known.mtimeMs >= since ? { path, at: known.mtimeMs } : undefined;
      }),
  );
  const recent = found
    .flatMap((one) => one ?? [])
    .sort((a, b) => b.at - a.at)
    .slice(0, MOST_LOOKED_AT);
  if (recent.length === 0) return undefined;
  const pwd = JSON.stringify(await realpath(cwd).catch(() => cwd)).slice(1, -1);
  const wanted = store.holds.replaceAll('{pwd}', () => pwd);
  for (const { path } of recent) if ((await beginningOf(path)).includes(wanted)) return path;
  return undefined;
}

async function beginningOf(path: string): Promise<string> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return '';
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    return '';
  } finally {
    await file.close();
  }
}

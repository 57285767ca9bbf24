/**
 * Owns: which commit a folder's git work tree is at, as git's own files say.
 * Never: runs git, so no hook or filter of a repository acts; throws for what is there instead.
 */
import { lstat, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

const COMMIT = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;
/** Refs lie below refs/, whatever a HEAD may say. */
const REF = /^ref: (refs\/(?!.*\.\.)[^\s\0]+)$/;
const MAX_BYTES = 16 * 1024 * 1024;

/** Undefined: it is in no work tree, or nothing was committed there. */
export async function commitOf(folder: string): Promise<string | undefined> {
  const gitDir = await gitDirOf(resolve(folder));
  if (gitDir === undefined) return undefined;
  const head = await textOf(join(gitDir, 'HEAD'));
  if (head === undefined || COMMIT.test(head)) return head;
  const ref = REF.exec(head)?.[1];
  if (ref === undefined) return undefined;
  const common = resolve(gitDir, (await textOf(join(gitDir, 'commondir'))) ?? '.');
  const loose = (await textOf(join(gitDir, ref))) ?? (await textOf(join(common, ref)));
  if (loose !== undefined) return COMMIT.test(loose) ? loose : undefined;
  const packed = (await textOf(join(common, 'packed-refs')))?.split('\n').find((line) => line.endsWith(` ${ref}`));
  const commit = packed?.split(' ')[0];
  return commit !== undefined && COMMIT.test(commit) ? commit : undefined;
}

/** A folder `.git`, or a file that names one (worktrees, submodules), here or above. */
async function gitDirOf(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const found = join(at, '.git');
    const kind = await lstat(found).catch(() => undefined);
    if (kind?.isDirectory()) return found;
    const named = kind?.isFile() ? /^gitdir: (.+)$/.exec((await textOf(found)) ?? '')?.[1] : undefined;
    if (named !== undefined) return resolve(at, named);
    if (dirname(at) === at) return undefined;
  }
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    const { size } = await lstat(file);
    return size > MAX_BYTES ? undefined : (await readFile(file, 'utf8')).trim();
  } catch {
    return undefined;
  }
}

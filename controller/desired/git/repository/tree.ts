/**
 * Owns: the files of one commit, read from git's objects: nothing is checked out, so no name, link, filter or hook can act.
 * Never: gives a file whose path leaves the tree, is not a regular file, or passes a limit; says instead why.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HOME_FOLDER, SRC_PREFIX } from '../../../../api/resources/agent/agent-files.ts';
import type { DurationMs } from '../../../../api/resources/time.ts';
import type { GitCommand } from './command.ts';
import { GitError } from './git-error.ts';

export interface TreeLimits {
  /** Files below the path, of all kinds. */
  readonly entries: number;
  /** Bytes of one manifest. */
  readonly fileBytes: number;
  /** Bytes of all manifests together. */
  readonly totalBytes: number;
}

export interface TreeAccess {
  readonly git: GitCommand;
  readonly gitDir: string;
  /** Folder for answers that are too long, or not text. */
  readonly scratch: string;
  readonly timeoutMs: DurationMs;
  readonly limits: TreeLimits;
  readonly signal?: AbortSignal;
}

export type TreeFile =
  | {
      readonly path: string;
      readonly bytes: Uint8Array;
      /** git's hash of the bytes: equal ids, equal bytes. */
      readonly id?: string;
      /** Present when it is no manifest but a file that comes with an agent: src_NAME, or below to_home/. */
      readonly mode?: number;
    }
  /** A predicate: "is a symbolic link that leaves the tree". */
  | { readonly path: string; readonly refused: string };

/** A manifest that is going to be read. */
export interface Listed {
  readonly path: string;
  readonly id: string;
}

/** One line of `git ls-tree -r -z -l`. */
export interface TreeEntry {
  readonly mode: string;
  readonly id: string;
  /** Bytes; absent for what is no file. */
  readonly size?: number;
  /** From the folder that was listed. */
  readonly path: string;
}

/** Bytes of listing an entry may take: the longest path that is taken, and the rest of the line. */
const ENTRY_BYTES = 400;
const MAX_PATH = 1024;
const SYMLINK = '120000';
const SUBMODULE = '160000';

/** Throws GitError: RefMissing when there is no such folder, Refused when the tree passes a limit. */
export async function readTree(
  access: TreeAccess,
  commit: string,
  path: string,
  listed?: (files: readonly Listed[]) => Promise<void>,
): Promise<readonly TreeFile[]> {
  const folder = normalPath(path);
  const entries = parseListing(await list(access, commit, folder));
  if (entries.length > access.limits.entries)
    throw new GitError('Refused', `${commit}: more than ${access.limits.entries} files below ${path}`);
  const chosen = choose(entries, access.limits);
  const wanted = chosen.filter((one) => 'id' in one);
  const total = wanted.reduce((sum, { size }) => sum + size, 0);
  if (total > access.limits.totalBytes)
    throw new GitError(
      'Refused',
      `${commit}: manifests below ${path} are larger than ${access.limits.totalBytes} bytes together`,
    );
  const full = (name: string) => (folder === '' ? name : `${folder}/${name}`);
  const manifests = wanted.flatMap(({ path, id, mode }) => (mode === undefined ? [{ path: full(path), id }] : []));
  await listed?.(manifests);
  const contents = await readBlobs(access, commit, wanted);
  return chosen.map((one): TreeFile => {
    if ('refused' in one) return { path: full(one.path), refused: one.refused };
    const bytes = contents.get(one.id);
    return bytes
      ? { path: full(one.path), bytes, id: one.id, ...(one.mode !== undefined && { mode: one.mode }) }
      : { path: full(one.path), refused: 'is missing in the repository' };
  });
}

/** `./a//b/` is `a/b`; the whole tree is ''. */
export const normalPath = (path: string): string =>
  path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');

export function parseListing(listing: Uint8Array): readonly TreeEntry[] {
  // A name that is not UTF-8 shows replacement characters: it is only ever shown, its content is read by id.
  const text = Buffer.from(listing.buffer, listing.byteOffset, listing.byteLength).toString('utf8');
  return text.split('\0').flatMap((line): TreeEntry[] => {
    const tab = line.indexOf('\t');
    if (tab < 0) return [];
    const [mode = '', , id = '', size = '-'] = line.slice(0, tab).split(/ +/);
    return [{ mode, id, path: line.slice(tab + 1), ...(/^\d+$/.test(size) && { size: Number(size) }) }];
  });
}

type Chosen =
  | { readonly path: string; readonly id: string; readonly size: number; readonly mode?: number }
  | { readonly path: string; readonly refused: string };

/**
 * Which entries are manifests, and which would be but cannot be taken. Names with "." or "_" in front are nobody's business,
 * nor is anything that does not look like a manifest; links that look like one, or like a folder of them, are refused.
 */
export function choose(entries: readonly TreeEntry[], limits: Pick<TreeLimits, 'fileBytes'>): readonly Chosen[] {
  const agents = new Set(entries.flatMap(({ path }) => agentFolderOf(path) ?? []));
  return entries.flatMap((entry): Chosen[] => {
    const belongs = agentFileIn(entry.path, agents);
    if (belongs) return [chooseAgentFile(entry, limits)];
    const parts = entry.path.split('/');
    const refuse = (refused: string): Chosen[] => [{ path: entry.path, refused }];
    if (parts.some((part) => part === '..' || part === '.' || part === '' || part.toLowerCase() === '.git'))
      return refuse('has a path that leaves the tree or belongs to git itself');
    if (parts.some((part) => part.startsWith('.') || part.startsWith('_'))) return [];
    if (entry.path.length > MAX_PATH) return refuse(`has a path longer than ${MAX_PATH} characters`);
    if (entry.mode === SUBMODULE) return [];
    const name = parts.at(-1) ?? '';
    if (entry.mode === SYMLINK)
      return isManifestName(name) || !name.includes('.')
        ? refuse('is a symbolic link; links are not followed, write the file itself')
        : [];
    if (!isManifestName(name)) return [];
    if (entry.size === undefined) return refuse('is not a file');
    if (entry.size > limits.fileBytes)
      return refuse(`is larger than ${limits.fileBytes} bytes, which no manifest needs`);
    return [{ path: entry.path, id: entry.id, size: entry.size }];
  });
}

/** Folder of a manifest that is named by its folder: what lies beside it may come with the agent. */
function agentFolderOf(path: string): string | undefined {
  const parts = path.split('/');
  const [name = '', folder = ''] = [parts.at(-1), parts.at(-2)];
  const names = ['spec.yaml', 'spec.yml', `${folder}.yaml`, `${folder}.yml`];
  return parts.length > 1 && names.includes(name) ? parts.slice(0, -1).join('/') : undefined;
}

/** The agent's folder and the file's name in it; undefined: it comes with no agent. */
export function agentFileIn(
  path: string,
  folders: ReadonlySet<string>,
): { readonly folder: string; readonly name: string } | undefined {
  const parts = path.split('/');
  const home = parts.indexOf(HOME_FOLDER);
  const end = home >= 0 ? home : parts.length - 1;
  const folder = parts.slice(0, end).join('/');
  const name = parts.slice(end).join('/');
  if (!folders.has(folder) || parts.slice(0, end).some((part) => /^[._]/.test(part))) return undefined;
  return (home >= 0 && end < parts.length - 1) || name.startsWith(SRC_PREFIX) ? { folder, name } : undefined;
}

function chooseAgentFile({ path, mode, id, size }: TreeEntry, limits: Pick<TreeLimits, 'fileBytes'>): Chosen {
  if (mode === SYMLINK) return { path, refused: 'is a symbolic link; links are not followed, write the file itself' };
  if (mode === SUBMODULE || size === undefined) return { path, refused: 'is not a file' };
  if (size > limits.fileBytes) return { path, refused: `is larger than ${limits.fileBytes} bytes` };
  return { path, id, size, mode: mode === '100755' ? 0o755 : 0o644 };
}

const isManifestName = (name: string) => /\.(ya?ml|json)$/i.test(name) && !name.startsWith('src_');

async function list(access: TreeAccess, commit: string, folder: string): Promise<Uint8Array> {
  const { code, stderr, bytes } = await toFile(
    access,
    ['ls-tree', '-r', '-z', '-l', '--full-tree', `${commit}:${folder}`],
    access.limits.entries * ENTRY_BYTES,
    `listing ${commit}`,
  );
  if (code === 0) return bytes;
  if (/not a valid object name|not a tree object|does not exist/i.test(stderr))
    throw new GitError('RefMissing', `${commit} has no folder ${folder === '' ? '.' : folder}${hintAt(stderr)}`);
  throw new GitError('CacheBroken', `listing ${commit}: ${stderr.slice(0, 300)}`);
}

/** A link to a folder is none, which is not seen from outside. */
const hintAt = (stderr: string): string =>
  /not a tree object/i.test(stderr) ? ' (what has that name is a file or a link; links are not followed)' : '';

async function readBlobs(
  access: TreeAccess,
  commit: string,
  wanted: readonly { readonly id: string; readonly size: number }[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const ids = [...new Map(wanted.map(({ id, size }) => [id, size]))];
  if (ids.length === 0) return new Map();
  const expected = ids.reduce((sum, [, size]) => sum + size + HEADER_BYTES, 0);
  const { code, stderr, bytes } = await toFile(
    access,
    ['cat-file', '--batch'],
    expected,
    `reading ${commit}`,
    ids.map(([id]) => `${id}\n`).join(''),
  );
  if (code !== 0) throw new GitError('CacheBroken', `reading ${commit}: ${stderr.slice(0, 300)}`);
  return parseBatch(bytes);
}

/** Id of at most 64, type, size, newlines. */
const HEADER_BYTES = 100;

/** Reads `<id> <type> <size>\n<bytes>\n` again and again; what is missing is left out. */
export function parseBatch(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    if (end < 0) break;
    const [id = '', type, size] = Buffer.from(bytes.subarray(at, end)).toString('latin1').split(' ');
    at = end + 1;
    if (size === undefined) continue;
    const length = Number(size);
    if (type === 'blob') found.set(id, bytes.subarray(at, at + length));
    at += length + 1;
  }
  return found;
}

async function toFile(access: TreeAccess, args: readonly string[], maxBytes: number, doing: string, stdin?: string) {
  const outFile = join(access.scratch, `out-${randomUUID()}`);
  try {
    const { code, stderr } = await access.git.try(args, {
      gitDir: access.gitDir,
      timeoutMs: access.timeoutMs,
      maxFileBytes: maxBytes,
      outFile,
      doing,
      ...(stdin !== undefined && { stdin }),
      ...(access.signal && { signal: access.signal }),
    });
    return { code, stderr, bytes: code === 0 ? await readFile(outFile) : new Uint8Array() };
  } finally {
    await rm(outFile, { force: true });
  }
}

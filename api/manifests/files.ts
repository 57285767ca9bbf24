/**
 * Owns: which files of an agents directory, or of what `apply -f` was given, hold manifests; what is wrong with each.
 * One broken file never stops the healthy ones, and a directory that cannot be read is never an empty fleet.
 * Never: follows a symlink out of the directory; watches; decides what a missing agent means.
 */
import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { filesIn } from './agent-folder.ts';
import { type Collected, Collection } from './collect.ts';
import { readManifests } from './read.ts';
import { decode, isInside, readText, refusal } from './safe-file.ts';

export type { Collected } from './collect.ts';

export interface AgentsDirResult extends Collected {
  /** False when the directory itself could not be read: then nothing is known about any agent of it. */
  readonly ok: boolean;
}
export interface ReadPathOptions {
  /** Descend into all folders. */
  readonly recursive?: boolean;
  /** What came on standard input, for the path `-`. */
  readonly stdin?: string | Uint8Array;
}

/** The event loop gets a turn after so many folders. */
const BATCH = 25;
const MAX_FILES = 20_000;

/** Reads `<dir>/<name>/spec.yaml` of every agent. */
export async function readAgentsDir(dir: string): Promise<AgentsDirResult> {
  const found = new Collection();
  const listing = list(dir);
  if ('refused' in listing) {
    found.refuse(dir, `the agents directory ${listing.refused}`);
    return { ok: false, ...found.result() };
  }
  let count = 0;
  for (const entry of listing.entries) {
    if (isHidden(entry.name)) continue;
    if (count++ % BATCH === BATCH - 1) await breathe();
    if (isFolder(entry, dir)) {
      const known = entry.isSymbolicLink() ? undefined : join(listing.real, entry.name);
      readAgentFolder(join(dir, entry.name), entry.name, listing.real, found, known);
    } else if (/\.ya?ml$/i.test(entry.name))
      found.refuse(
        join(dir, entry.name),
        `is not read: in an agents directory an agent lives in ${entry.name.replace(/\.ya?ml$/i, '')}/spec.yaml`,
      );
  }
  return { ok: true, ...found.result() };
}

/** Reads one agent of an agents directory again, after a change; as `readAgentsDir` would. `ok: false`: nothing is known. */
export function readAgent(dir: string, name: string): AgentsDirResult {
  const found = new Collection();
  if (isHidden(name)) return { ok: true, ...found.result() };
  try {
    readAgentFolder(join(dir, name), name, realpathSync.native(dir), found);
    return { ok: true, ...found.result() };
  } catch (error) {
    found.refuse(dir, `the agents directory ${refusal(error).refused}`);
    return { ok: false, ...found.result() };
  }
}

/** Reads what `apply -f` was given: a file of any number of documents, a directory, or `-`. */
export async function readPath(path: string, options: ReadPathOptions = {}): Promise<Collected> {
  const found = new Collection();
  if (path === '-') {
    const { stdin = '' } = options;
    const text = typeof stdin === 'string' ? { text: stdin } : decode(stdin);
    if ('refused' in text) found.refuse('<stdin>', text.refused);
    else found.add(readManifests(text.text, '<stdin>'));
    return found.result();
  }
  try {
    if (statSync(path).isDirectory())
      await new Descent(realpathSync.native(path), options.recursive ?? false, found).read(path);
    else readFlatFile(path, undefined, found);
  } catch (error) {
    found.refuse(path, refusal(error).refused);
  }
  return found.result();
}

type Listing =
  | { readonly entries: readonly Dirent[]; readonly real: string }
  | { readonly refused: string; readonly missing?: true };

/** `known`: the real path, where it is known already. */
function list(dir: string, known?: string): Listing {
  try {
    const real = known ?? realpathSync.native(dir);
    const entries = readdirSync(real, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    return { entries, real };
  } catch (error) {
    return refusal(error);
  }
}

const isHidden = (name: string) => name.startsWith('.') || name.startsWith('_');
const isManifestFile = (name: string) => /\.(ya?ml|json)$/i.test(name) && !name.startsWith('src_') && !isHidden(name);

/** Also through a symlink; whether it leads out is asked when it is opened. */
function isFolder(entry: Dirent, dir: string): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return statSync(join(dir, entry.name)).isDirectory();
  } catch {
    // Dangling or circular: opening it as a file says so.
    return false;
  }
}

/** A folder without a manifest is no agent (yet, or any more), and no problem. */
function readAgentFolder(folder: string, name: string, root: string, found: Collection, known?: string): void {
  const listing = list(folder, known);
  if ('refused' in listing) {
    if (listing.missing !== true) found.refuse(folder, listing.refused, name);
    return;
  }
  if (!isInside(listing.real, root)) {
    found.refuse(folder, `is a symbolic link that leaves the directory ${root}`, name);
    return;
  }
  // The last two are where older manifests lived.
  const candidates = ['spec.yaml', 'spec.yml', `${name}.yaml`, `${name}.yml`];
  const [first, second] = listing.entries.filter((entry) => candidates.includes(entry.name));
  if (first === undefined) return;
  if (second !== undefined) {
    found.refuse(join(folder, second.name), `stands beside ${first.name}; keep one of them`, name);
    return;
  }
  const file = join(folder, first.name);
  const resolved = !first.isSymbolicLink();
  const read = readText(resolved ? join(listing.real, first.name) : file, { root, resolved });
  if ('refused' in read) {
    found.refuse(file, read.refused, name);
    return;
  }
  addWithFiles(found, { text: read.text, file, folderName: name, folder, entries: listing.entries, root });
}

interface AgentFolder {
  readonly text: string;
  readonly file: string;
  readonly folderName: string;
  readonly folder: string;
  readonly entries: readonly Dirent[];
  readonly root: string;
}

/** A manifest whose files cannot be had is not taken either: the agent stays as it is. */
function addWithFiles(found: Collection, { text, file, folderName, folder, entries, root }: AgentFolder): void {
  const beside = filesIn(folder, entries, root);
  if ('refused' in beside) found.refuse(beside.path, beside.refused, folderName);
  else found.add(readManifests(text, file, { folderName }), folderName, beside.files);
}

const OLD_VERSION = /^\s*["']?apiVersion["']?\s*:\s*["']?(scitex-agent-container|cld-agent)\//m;

/** Name of the folder that a file describes, where the layout says that it names the agent: `web/spec.yaml`. */
export function namingFolder(file: string, text: string): string | undefined {
  const folderName = basename(dirname(resolve(file)));
  const isSpec = /^spec\.ya?ml$/.test(basename(file));
  const isOldSpec = basename(file).replace(/\.ya?ml$/, '') === folderName && OLD_VERSION.test(text);
  return (isSpec || isOldSpec) && folderName !== '' ? folderName : undefined;
}

/** A file named outright: its folder names the agent only where the layout says so. */
function readFlatFile(file: string, root: string | undefined, found: Collection): void {
  const read = readText(file, root === undefined ? {} : { root });
  if ('refused' in read) {
    found.refuse(file, read.refused);
    return;
  }
  const folderName = namingFolder(file, read.text);
  if (folderName === undefined) {
    found.add(readManifests(read.text, file));
    return;
  }
  const folder = dirname(resolve(file));
  const listing = list(folder);
  if ('refused' in listing) found.refuse(folder, listing.refused, folderName);
  else
    addWithFiles(found, {
      text: read.text,
      file,
      folderName,
      folder,
      entries: listing.entries,
      root: root ?? listing.real,
    });
}

/** `apply -f DIR`: its files and its agents' folders; all folders when recursive. */
class Descent {
  readonly #root: string;
  readonly #recursive: boolean;
  readonly #found: Collection;
  /** Real paths, against symlinks in circles. */
  readonly #seen = new Set<string>();
  #files = 0;

  constructor(root: string, recursive: boolean, found: Collection) {
    this.#root = root;
    this.#recursive = recursive;
    this.#found = found;
  }

  async read(dir: string): Promise<void> {
    await this.#readFolder(dir);
    if (this.#files > MAX_FILES)
      this.#found.refuse(dir, `holds more than ${MAX_FILES} files and folders; the rest was not read`);
    else if (this.#found.size === 0)
      this.#found.refuse(dir, 'holds no manifest (*.yaml, *.yml, *.json or <name>/spec.yaml)');
  }

  async #readFolder(dir: string): Promise<void> {
    const listing = list(dir);
    if ('refused' in listing) {
      this.#found.refuse(dir, listing.refused);
      return;
    }
    if (!isInside(listing.real, this.#root)) {
      this.#found.refuse(dir, `is a symbolic link that leaves the directory ${this.#root}`);
      return;
    }
    if (this.#seen.has(listing.real)) return;
    this.#seen.add(listing.real);
    for (const entry of listing.entries) {
      if (isHidden(entry.name)) continue;
      this.#files += 1;
      if (this.#files > MAX_FILES) return;
      if (this.#files % BATCH === 0) await breathe();
      const path = join(dir, entry.name);
      if (!isFolder(entry, dir)) {
        if (isManifestFile(entry.name)) readFlatFile(path, this.#root, this.#found);
      } else if (this.#recursive) await this.#readFolder(path);
      else readAgentFolder(path, entry.name, this.#root, this.#found);
    }
  }
}

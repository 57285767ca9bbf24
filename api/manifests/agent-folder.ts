/**
 * Owns: the files that lie beside an agent's manifest: src_* and the tree to_home/, with content and mode.
 * All of them or a reason why not: a file that cannot be read must not look like one that was taken away.
 * Never: follows a symlink out of the agents directory.
 */
import { type Dirent, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AgentFile,
  fileNameFault,
  HOME_FOLDER,
  MAX_AGENT_FILES,
  MAX_AGENT_FILES_BYTES,
  SRC_PREFIX,
} from '../resources/agent/agent-files.ts';
import { readBytes, refusal } from './safe-file.ts';

export type FolderFiles =
  | { readonly files: readonly AgentFile[] }
  /** `refused` is a predicate about `path`. */
  | { readonly path: string; readonly refused: string };

class Refused extends Error {
  readonly path: string;
  constructor(path: string, message: string) {
    super(message);
    this.path = path;
  }
}

/** `entries`: those of the folder, listed just now. */
export function filesIn(folder: string, entries: readonly Dirent[], root: string): FolderFiles {
  const beside = entries.filter(({ name }) => name.startsWith(SRC_PREFIX) || name === HOME_FOLDER);
  if (beside.length === 0) return NONE;
  const found: AgentFile[] = [];
  let bytes = 0;
  const take = (path: string, name: string) => {
    const fault = fileNameFault(name);
    if (fault !== undefined) throw new Refused(path, fault);
    const read = readBytes(path, { root });
    if ('refused' in read) throw new Refused(path, read.refused);
    bytes += read.bytes.length;
    if (bytes > MAX_AGENT_FILES_BYTES || found.length >= MAX_AGENT_FILES)
      throw new Refused(path, `is one too many: an agent has at most ${MAX_AGENT_FILES} files, 10 MiB together`);
    found.push({ name, mode: modeOf(name, statSync(path).mode), content: read.bytes.toString('base64') });
  };
  try {
    for (const { name } of beside)
      if (name === HOME_FOLDER) walk(join(folder, name), HOME_FOLDER, root, take, 0);
      else take(join(folder, name), name);
    return { files: found };
  } catch (error) {
    if (error instanceof Refused) return { path: error.path, refused: error.message };
    return { path: folder, refused: refusal(error).refused };
  }
}

const NONE: FolderFiles = { files: [] };
const MAX_DEPTH = 20;

function walk(
  folder: string,
  name: string,
  root: string,
  take: (path: string, name: string) => void,
  depth: number,
): void {
  if (depth > MAX_DEPTH) throw new Refused(folder, `is deeper than ${MAX_DEPTH} folders`);
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) walk(path, `${name}/${entry.name}`, root, take, depth + 1);
    else if (entry.isSymbolicLink() && isFolder(path))
      throw new Refused(path, 'is a symbolic link to a folder; write the folder itself');
    else take(path, `${name}/${entry.name}`);
  }
}

/** A dangling or circular link is refused when it is opened. */
function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Only whether it can be run is taken from a src_ file; what is put below the home keeps its bits. */
const modeOf = (name: string, mode: number): number =>
  name.startsWith(SRC_PREFIX) ? ((mode & 0o100) === 0 ? 0o644 : 0o755) : mode & 0o777;

/**
 * Owns: the manifests of one commit as one whole: every problem in them, located, and what they ask for.
 * Never: opens a file; gives a part when another part is broken.
 */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { type Collected, Collection } from '../../../api/manifests/collect.ts';
import { namingFolder } from '../../../api/manifests/files.ts';
import { type ReadResult, readManifests } from '../../../api/manifests/read.ts';
import { decode } from '../../../api/manifests/safe-file.ts';
import { type AgentFile, agentFilesSchema, fileNameFault } from '../../../api/resources/agent/agent-files.ts';
import type { ReadItem } from '../../../api/server/ports.ts';
import { agentFileIn, type TreeFile } from './repository/tree.ts';
import type { Breathe } from './running/turns.ts';

/** The event loop gets a turn after so many files: one large source must not hold up the others. */
const BATCH = 10;
const KNOWN_BATCH = 100;

interface Read {
  readonly folderName: string | undefined;
  readonly read: ReadResult;
}

/** Files of the commit that was read last, by path and content: the next commit changes few of them, and reading is most of the work. */
export class KnownFiles {
  #before = new Map<string, Read>();
  #now = new Map<string, Read>();

  /** From now on what is not asked for again is forgotten at the next call. */
  turn(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }

  read({ path, id }: Pick<TreeFile, 'path'> & { readonly id?: string }, anew: () => Read): Read {
    if (id === undefined) return anew();
    const key = `${id} ${path}`;
    const found = this.#now.get(key) ?? this.#before.get(key) ?? anew();
    this.#now.set(key, found);
    return found;
  }
}

export async function readCommit(
  files: readonly TreeFile[],
  known = new KnownFiles(),
  breathe: Breathe = async () => void (await turnOfTheLoop()),
): Promise<Collected> {
  known.turn();
  const found = new Collection();
  /** Files that were really read: one that is known costs next to nothing. */
  let anew = 0;
  let count = 0;
  const folders = new Set(
    files.flatMap((file) => ('mode' in file ? [] : [file.path.slice(0, Math.max(0, file.path.lastIndexOf('/')))])),
  );
  const beside = new Map<string, AgentFile[]>();
  for (const file of files) {
    if (!('bytes' in file) || file.mode === undefined) continue;
    const own = agentFileIn(file.path, folders);
    if (!own) continue;
    const fault = fileNameFault(own.name);
    if (fault !== undefined) found.refuse(file.path, fault);
    const content = Buffer.from(file.bytes.buffer, file.bytes.byteOffset, file.bytes.byteLength).toString('base64');
    const others = beside.get(own.folder) ?? [];
    beside.set(own.folder, [...others, { name: own.name, mode: file.mode, content }]);
  }
  for (const file of files) {
    if ('bytes' in file && file.mode !== undefined) continue;
    if (count++ % KNOWN_BATCH === KNOWN_BATCH - 1) await turnOfTheLoop();
    if (anew >= BATCH) {
      anew = 0;
      await breathe();
    }
    if ('refused' in file) {
      found.refuse(file.path, file.refused);
      continue;
    }
    const text = decode(file.bytes);
    if ('refused' in text) {
      found.refuse(file.path, text.refused);
      continue;
    }
    const { folderName, read } = known.read(file, () => {
      anew++;
      return readFile(file.path, text.text);
    });
    if (folderName === undefined) found.add(read);
    else {
      const own = beside.get(file.path.slice(0, Math.max(0, file.path.lastIndexOf('/')))) ?? [];
      if (!agentFilesSchema.safeParse(own).success)
        found.refuse(
          file.path,
          'comes with more files than an agent may have (1 MiB each, 10 MiB together, 1000 in all)',
        );
      found.add(read, folderName, own);
    }
  }
  return found.result();
}

function readFile(path: string, text: string): Read {
  const folderName = namingFolder(`/${path}`, text);
  return { folderName, read: readManifests(text, path, folderName === undefined ? {} : { folderName }) };
}

/** What is applied: the manifests; agents get the labels that the source gives to all, their own win. */
export function itemsOf(found: Collected, labels: Readonly<Record<string, string>>): readonly ReadItem[] {
  const extra = Object.keys(labels).length > 0;
  const agents = found.documents.map(({ name, origin, manifest, parsed }) => ({
    origin,
    checked: parsed,
    // A commit says all there is: an agent without files has none.
    files: found.files.get(name) ?? [],
    manifest: extra
      ? { ...manifest, metadata: { ...manifest.metadata, labels: { ...labels, ...manifest.metadata?.labels } } }
      : manifest,
  }));
  return [...found.objects.map(({ origin, manifest }) => ({ origin, manifest })), ...agents];
}

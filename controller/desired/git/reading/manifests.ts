/**
 * Owns: the manifests of one commit as one whole: every problem in them, located, and what they ask for.
 * Never: opens a file; gives a part when another part is broken.
 */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { type Collected, Collection } from '../../../../api/manifests/collect.ts';
import { decode } from '../../../../api/manifests/safe-file.ts';
import { type AgentFile, agentFilesSchema, fileNameFault } from '../../../../api/resources/agent/agent-files.ts';
import type { ReadItem } from '../../../../api/server/ports.ts';
import { agentFileIn, type TreeFile } from '../repository/tree.ts';
import type { Turn } from '../running/turns.ts';
import { type FileRead, type ManifestReader, READ_HERE, type TextFile } from './reader.ts';

/** The event loop gets a turn after so many files: one large source must not hold up the others. */
const BATCH = 10;
const KNOWN_BATCH = 100;
/** In the other thread this takes as long as BATCH would here, with what it costs to get there and back. */
const FAR_BATCH = 50;
/** From so many files on it is worth going there, and others go first. */
const MANY = 100;

export const isMuch = (files: number): boolean => files >= MANY;

export interface ReadingOptions {
  readonly known?: KnownFiles;
  /** Called between two slices of work. */
  readonly breathe?: Turn['breathe'];
  /** Reads many files elsewhere. */
  readonly far?: ManifestReader;
}

/** Files of the commit that was read last, by path and content: the next commit changes few of them, and reading is most of the work. */
export class KnownFiles {
  #before = new Map<string, FileRead>();
  #now = new Map<string, FileRead>();

  /** From now on what is not asked for again is forgotten at the next call. */
  turn(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }

  get({ path, id }: Named): FileRead | undefined {
    if (id === undefined) return undefined;
    const key = `${id} ${path}`;
    const found = this.#now.get(key) ?? this.#before.get(key);
    if (found) this.#now.set(key, found);
    return found;
  }

  /** How many of these would have to be read. */
  unknownOf(files: readonly Named[]): number {
    return files.filter(({ path, id = '' }) => !this.#now.has(`${id} ${path}`)).length;
  }

  put({ path, id }: Named, read: FileRead): void {
    if (id !== undefined) this.#now.set(`${id} ${path}`, read);
  }
}

interface Named {
  readonly path: string;
  readonly id?: string;
}

export async function readCommit(
  files: readonly TreeFile[],
  { known = new KnownFiles(), breathe = async () => void (await turnOfTheLoop()), far }: ReadingOptions = {},
): Promise<Collected> {
  known.turn();
  const found = new Collection();
  const folders = new Set(
    files.flatMap((file) => ('mode' in file ? [] : [file.path.slice(0, Math.max(0, file.path.lastIndexOf('/')))])),
  );
  const beside = filesBeside(files, folders, found);
  const reads = new Map<string, FileRead | Refused>();
  const anew: (TextFile & Named)[] = [];
  let count = 0;
  for (const file of files) {
    if ('bytes' in file && file.mode !== undefined) continue;
    if (count++ % KNOWN_BATCH === KNOWN_BATCH - 1) await turnOfTheLoop();
    const read = 'refused' in file ? file : known.get(file);
    if (read) reads.set(file.path, read);
    else if ('bytes' in file) {
      const text = decode(file.bytes);
      if ('refused' in text) reads.set(file.path, text);
      else anew.push({ path: file.path, text: text.text, ...(file.id !== undefined && { id: file.id }) });
    }
  }
  const goesFar = far !== undefined && isMuch(anew.length);
  const batches = goesFar ? readAhead(anew, FAR_BATCH, far) : readAhead(anew, BATCH, READ_HERE);
  for await (const said of batches) {
    for (const [file, read] of said) {
      known.put(file, read);
      reads.set(file.path, read);
    }
    if (reads.size < count) await breathe();
  }
  for (const { path } of files) {
    const read = reads.get(path);
    if (!read) continue;
    if ('refused' in read) found.refuse(path, read.refused);
    else if (read.folderName === undefined) found.add(read.read);
    else {
      const own = beside.get(path.slice(0, Math.max(0, path.lastIndexOf('/')))) ?? [];
      if (!agentFilesSchema.safeParse(own).success)
        found.refuse(path, 'comes with more files than an agent may have (1 MiB each, 10 MiB together, 1000 in all)');
      found.add(read.read, read.folderName, own);
    }
  }
  return found.result();
}

/** While one batch is dealt with here, the next one is read, if that is elsewhere. */
async function* readAhead<F extends TextFile>(
  files: readonly F[],
  size: number,
  reader: ManifestReader,
): AsyncGenerator<readonly (readonly [F, FileRead])[]> {
  const ask = (at: number) => {
    const batch = files.slice(at, at + size);
    const asked = reader.read(batch.map(({ path, text }) => ({ path, text }))).then((said) =>
      batch.map((file, i) => {
        const read = said[i];
        if (!read) throw new RangeError(`${file.path} was not read`);
        return [file, read] as const;
      }),
    );
    // Told when it is its turn, if that comes.
    asked.catch(() => undefined);
    return asked;
  };
  let next = reader === READ_HERE || files.length === 0 ? undefined : ask(0);
  for (let at = 0; at < files.length; at += size) {
    const asked = next ?? ask(at);
    if (next) next = at + size < files.length ? ask(at + size) : undefined;
    yield await asked;
  }
}

interface Refused {
  readonly refused: string;
}

/** By folder of an agent: what comes with it. */
function filesBeside(
  files: readonly TreeFile[],
  folders: ReadonlySet<string>,
  found: Collection,
): ReadonlyMap<string, readonly AgentFile[]> {
  const beside = new Map<string, AgentFile[]>();
  for (const file of files) {
    if (!('bytes' in file) || file.mode === undefined) continue;
    const own = agentFileIn(file.path, folders);
    if (!own) continue;
    const fault = fileNameFault(own.name);
    if (fault !== undefined) found.refuse(file.path, fault);
    const content = Buffer.from(file.bytes.buffer, file.bytes.byteOffset, file.bytes.byteLength).toString('base64');
    const others = beside.get(own.folder) ?? [];
    others.push({ name: own.name, mode: file.mode, content });
    beside.set(own.folder, others);
  }
  return beside;
}

/** What is applied: the manifests; agents get the labels that the source gives to all, their own win. */
export function itemsOf(found: Collected, labels: Readonly<Record<string, string>>): readonly ReadItem[] {
  const extra = Object.keys(labels).length > 0;
  const agents = found.documents.map(({ name, origin, manifest, parsed, lines }) => ({
    ...(lines && { lines }),
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

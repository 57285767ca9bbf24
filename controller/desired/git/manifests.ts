/**
 * Owns: the manifests of one commit as one whole: every problem in them, located, and what they ask for.
 * Never: opens a file; gives a part when another part is broken.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { type Collected, Collection } from '../../../api/manifests/collect.ts';
import { namingFolder } from '../../../api/manifests/files.ts';
import { readManifests } from '../../../api/manifests/read.ts';
import { decode } from '../../../api/manifests/safe-file.ts';
import type { ApplyItem } from '../../../api/protocol.ts';
import type { TreeFile } from './repository/tree.ts';

/** The event loop gets a turn after so many files: one large source must not hold up the others. */
const BATCH = 25;

export async function readCommit(files: readonly TreeFile[]): Promise<Collected> {
  const found = new Collection();
  let count = 0;
  for (const file of files) {
    if (count++ % BATCH === BATCH - 1) await breathe();
    if ('refused' in file) {
      found.refuse(file.path, file.refused);
      continue;
    }
    const text = decode(file.bytes);
    if ('refused' in text) {
      found.refuse(file.path, text.refused);
      continue;
    }
    const folderName = namingFolder(`/${file.path}`, text.text);
    found.add(readManifests(text.text, file.path, folderName === undefined ? {} : { folderName }), folderName);
  }
  return found.result();
}

/** What is applied: the manifests; agents get the labels that the source gives to all, their own win. */
export function itemsOf(found: Collected, labels: Readonly<Record<string, string>>): readonly ApplyItem[] {
  const extra = Object.keys(labels).length > 0;
  const agents = found.documents.map(({ origin, manifest }) => ({
    origin,
    manifest: extra
      ? { ...manifest, metadata: { ...manifest.metadata, labels: { ...labels, ...manifest.metadata?.labels } } }
      : manifest,
  }));
  return [...found.objects.map(({ origin, manifest }) => ({ origin, manifest })), ...agents];
}

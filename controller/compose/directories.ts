/**
 * Owns: one source for each watched directory, over the writers that everybody shares.
 * Never: starts them.
 */
import { statfsSync } from 'node:fs';
import { readAgentsDir } from '../../api/manifests/files.ts';
import { OBJECT_KIND_NAMES } from '../../api/resources/kinds/kinds.ts';
import type { ResourceWrites } from '../../api/server/ports.ts';
import { DirectorySource, needsPolling } from '../desired/directory-source.ts';
import type { Store } from '../store/store.ts';
import { realTimers } from './real-timers.ts';

interface DirectoriesOptions {
  readonly dirs: readonly string[];
  readonly store: Store;
  readonly writes: ResourceWrites;
  /** Also where the file system could be watched. */
  readonly polling: boolean;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

export const createDirectories = ({
  dirs,
  store,
  writes,
  polling,
  log,
}: DirectoriesOptions): readonly DirectorySource[] =>
  dirs.map(
    (dir) =>
      new DirectorySource({
        dir,
        writes,
        read: readAgentsDir,
        onGone: (hear) =>
          store.watch(store.version, ({ type, object: { metadata } }) => {
            const source = 'source' in metadata ? metadata.source : undefined;
            if (type === 'DELETED' && source?.kind === 'directory' && source.name === dir) hear();
          }),
        timers: realTimers,
        polling: polling || isSilent(dir),
        records: () => [...store.agents()].map(({ record }) => record),
        objects: () => OBJECT_KIND_NAMES.flatMap((kind) => store.objects(kind).map(({ record }) => record)),
        log,
      }),
  );

/** A file system that does not tell of changes. */
function isSilent(dir: string): boolean {
  try {
    return needsPolling(statfsSync(dir).type);
  } catch {
    return false;
  }
}

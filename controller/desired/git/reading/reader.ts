/**
 * Owns: text of manifest files in, what they say out; the interface behind which that may happen in another thread.
 * Never: opens a file.
 */
import { namingFolder } from '../../../../api/manifests/files.ts';
import { type ReadResult, readManifests } from '../../../../api/manifests/read.ts';

export interface TextFile {
  readonly path: string;
  readonly text: string;
}
/** What one file says; plain data, so that it can go from thread to thread. */
export interface FileRead {
  /** Folder that names the agent, where the layout says so. */
  readonly folderName: string | undefined;
  readonly read: ReadResult;
}

export interface ManifestReader {
  /** In their order. Throws GitError Refused when they cannot be read at all. */
  read(files: readonly TextFile[]): Promise<readonly FileRead[]>;
}

export function readFile({ path, text }: TextFile): FileRead {
  const folderName = namingFolder(`/${path}`, text);
  return { folderName, read: readManifests(text, path, folderName === undefined ? {} : { folderName }) };
}

/** In the thread of whoever asks. */
export const READ_HERE: ManifestReader = {
  read: (files) => Promise.resolve(files.map(readFile)),
};

/**
 * Owns: the program of the thread that reads manifests: batches in, what they say out.
 * Never: touches a file, the store or the network.
 */
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { type FileRead, readFile, type TextFile } from './reader.ts';

export interface Batch {
  readonly id: number;
  readonly files: readonly TextFile[];
}
export interface Answer {
  readonly id: number;
  readonly reads: readonly FileRead[];
}

/** Behind the thread that keeps the fleet, and before what has nothing to do with us. On Linux this is of one thread alone. */
const BEHIND = 5;
if (process.platform === 'linux') setPriority(BEHIND);

parentPort?.on('message', ({ id, files }: Batch) => {
  const answer: Answer = { id, reads: files.map(readFile) };
  parentPort?.postMessage(answer);
});

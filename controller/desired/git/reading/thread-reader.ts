/**
 * Owns: the one thread that reads large commits: started when it is needed, ended when it was not for a while, bounded in memory.
 * Never: reads itself; outlives its controller.
 */
import { Worker } from 'node:worker_threads';
import type { DurationMs } from '../../../../api/resources/time.ts';
import type { Timers } from '../../../reconcile/work-queue.ts';
import { GitError } from '../repository/git-error.ts';
import type { FileRead, ManifestReader, TextFile } from './reader.ts';
import type { Answer, Batch } from './reading-thread.ts';

/** Much is made and thrown away: a large nursery halves the work, and is given back with the thread. */
const LIMITS = { maxYoungGenerationSizeMb: 32, maxOldGenerationSizeMb: 256 } as const;
const IDLE_MS: DurationMs = 10_000;

interface Waiting {
  readonly resolve: (reads: readonly FileRead[]) => void;
  readonly reject: (error: Error) => void;
}

export class ThreadReader implements ManifestReader, AsyncDisposable {
  readonly #program: URL;
  readonly #timers: Timers;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #cancelEnd: (() => void) | undefined;
  #id = 0;

  constructor(program: URL, timers: Timers) {
    this.#program = program;
    this.#timers = timers;
  }

  read(files: readonly TextFile[]): Promise<readonly FileRead[]> {
    this.#cancelEnd?.();
    const worker = this.#worker ?? this.#start();
    const batch: Batch = { id: ++this.#id, files };
    return new Promise((resolve, reject) => {
      this.#waiting.set(batch.id, { resolve, reject });
      worker.postMessage(batch);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancelEnd?.();
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#program, { resourceLimits: LIMITS, stdin: false });
    this.#worker = worker;
    worker.unref();
    worker.on('message', ({ id, reads }: Answer) => {
      this.#waiting.get(id)?.resolve(reads);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#cancelEnd = this.#timers.after(IDLE_MS, () => void worker.terminate());
    });
    worker.on('error', (error) => this.#ended(worker, error.message));
    worker.on('exit', () => this.#ended(worker, 'the thread that reads ended'));
    return worker;
  }

  #ended(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of lost) reject(new GitError('Refused', `the manifests cannot be read: ${why}`));
  }
}

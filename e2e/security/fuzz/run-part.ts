/**
 * Owns: the program of the threads, made once, and a part run in one.
 * Never: waits for ever: a part that hangs is a finding.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import type { Order, Tried } from './order.ts';

const DIST = resolve(import.meta.dirname, '..', '..', '..', 'dist');
/** For the last run of a part to end, on a machine with other things to do. */
const GRACE_MS = 120_000;

export class Parts implements Disposable {
  readonly #program: string;

  private constructor(program: string) {
    this.#program = program;
  }

  static async build(): Promise<Parts> {
    mkdirSync(DIST, { recursive: true });
    const outfile = join(DIST, `e2e-fuzz-${process.pid}.mjs`);
    await build({
      entryPoints: [join(import.meta.dirname, 'worker.ts')],
      outfile,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'esm',
      logLevel: 'warning',
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
      },
    });
    return new Parts(outfile);
  }

  run(order: Order): Promise<readonly Tried[]> {
    return new Promise((done, fail) => {
      const worker = new Worker(this.#program, { workerData: order });
      const timer = setTimeout(
        () => {
          fail(new Error(`${order.part} did not come to an end: something in it hangs`));
          void worker.terminate();
        },
        order.seconds * 1_000 + GRACE_MS,
      );
      worker.once('message', done);
      worker.once('error', fail);
      worker.once('exit', (code) => {
        clearTimeout(timer);
        fail(new Error(`${order.part} ended with code ${code} before it had told anything`));
      });
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.#program, { force: true });
  }
}

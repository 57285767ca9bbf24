/**
 * Owns: turns at what a machine has once (its SLURM cluster), between test files and between runs on the same machine.
 * Never: outlives its process: the lock is flock(1)'s, and goes with the process that holds it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll } from 'vitest';

/** Not below TMPDIR, which may differ between runs. The tests of the file that calls this at its top have `what` for themselves. */
export function exclusively(what: 'slurm'): void {
  let release: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    const holder = spawn('flock', [`/tmp/sac-e2e-${what}.lock`, 'sh', '-c', 'echo mine; exec cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [word] = await once(holder.stdout, 'data');
    if (`${word}`.trim() !== 'mine') throw new Error(`flock says ${word}`);
    release = async () => {
      const gone = once(holder, 'exit');
      holder.stdin.end();
      await gone;
    };
  }, 1_800_000);
  afterAll(() => release?.());
}

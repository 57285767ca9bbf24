/**
 * Owns: the SLURM cluster of this machine as a place that joins the suite.
 * Never: tests anything itself.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSlurmRuntime } from '../../../adapters/runtimes/slurm/slurm-runtime.ts';
import type { RuntimeUnderTest } from '../suite/stage.ts';

const slurm = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const jobsOf = (fleet: string): readonly string[] =>
  slurm('squeue', '--noheader', '--format=%A|%k')
    .split('\n')
    .filter((line) => line.split('|')[1]?.startsWith(`sac/1:${fleet}.`))
    .map((line) => line.split('|')[0] ?? '');

export const slurmPlace: RuntimeUnderTest = {
  make: createSlurmRuntime,
  occupy: ({ dirs }, name) => {
    mkdirSync(join(dirs.run, 'slurm', name), { recursive: true });
    writeFileSync(join(dirs.run, 'slurm', name, 'foreign'), '');
  },
  isOccupied: ({ dirs }, name) => existsSync(join(dirs.run, 'slurm', name, 'foreign')),
  holds: ({ fleet }) => jobsOf(fleet),
  destroy: ({ fleet }) => {
    const jobs = jobsOf(fleet);
    if (jobs.length > 0) slurm('scancel', ...jobs);
  },
};

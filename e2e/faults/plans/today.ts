/**
 * Owns: which share of the plans is due: it moves with the commit, so that all are run in the course of some.
 * Never: depends on the clock: the same commit runs the same plans.
 */
import { execFileSync } from 'node:child_process';

export const SAMPLE_MS = 200;

export function planOffset(): number {
  try {
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number.parseInt(commit.slice(0, 7), 16);
  } catch {
    // An unpacked archive has no commit.
    return 0;
  }
}

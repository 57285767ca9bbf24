/**
 * Owns: what the SLURM tests ask of the real cluster on this machine, as its user or its administrator would.
 * Never: touches a job of another fleet but those it submitted itself.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Fleet, until } from '../harness.ts';

export interface Job {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly name: string;
  readonly comment: string;
}

export const slurm = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, [...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

const OVER = /^(COMPLETED|FAILED|CANCELLED|TIMEOUT|PREEMPTED|NODE_FAIL|COMPLETING)$/;

/** Jobs of a fleet that are queued or run. */
export const jobsOf = (fleet: string): readonly Job[] =>
  slurm('squeue', '--noheader', '--states=all', '--format=%A|%T|%r|%j|%k')
    .split('\n')
    .map((line) => line.split('|'))
    .map(([id = '', state = '', reason = '', name = '', comment = '']) => ({ id, state, reason, name, comment }))
    .filter((job) => job.comment.startsWith(`sac/1:${fleet}.`) && !OVER.test(job.state));

const PROVISION = resolve(import.meta.dirname, '..', 'provision', 'slurm.sh');
const STOP = `. "$1"
kill "$(cat /run/slurmctld.pid)" || exit 1
while slurm_running /run/slurmctld.pid slurmctld; do sleep 0.05; done
! pgrep -x -r D,R,S,T slurmctld || { echo "another slurmctld than the one of /run/slurmctld.pid runs" >&2; exit 1; }`;
/** Stops the controller daemon alone: jobs go on, nobody answers. Throws when one still does. */
export const stopSlurmctld = (): string => slurm('bash', '-c', STOP, 'sh', PROVISION);
/** Brings up whatever of the cluster is down. */
export const startCluster = (): string => slurm('bash', PROVISION);

const lives = (fleet: string): boolean => slurm('squeue', '--noheader', '--format=%k').includes(`sac/1:${fleet}.`);

/** Its controller first, or it would start anew what is cancelled; then its jobs, whose scripts write to its folder; then it. */
export async function dispose(fleet: Fleet): Promise<void> {
  startCluster();
  try {
    if (!existsSync(join(fleet.home, 'fleet'))) return;
    const { fleetId } = fleet;
    const { code, stdout } = await fleet.sac(['controller', 'status', '-o', 'json']);
    if (code === 0) process.kill(JSON.parse(stdout).pid, 'SIGKILL');
    const ids = jobsOf(fleetId).map(({ id }) => id);
    if (ids.length > 0) slurm('scancel', ...ids);
    await until('the jobs to be gone', () => !lives(fleetId));
  } finally {
    await fleet[Symbol.asyncDispose]();
  }
}

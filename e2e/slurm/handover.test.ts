/** The time limit: a job near its end submits its successor once, and the agent is there once at any moment. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exclusively } from '../exclusive.ts';
import { execManifest, Fleet, until } from '../harness.ts';
import { dispose, jobsOf, slurm, startCluster } from './cluster.ts';

exclusively('slurm');

let fleet: Fleet;
beforeEach(() => {
  startCluster();
  fleet = new Fleet();
});
afterEach(() => dispose(fleet));

const status = async () => (await fleet.json(['get', 'agent', 'web'])).status;
const apply = (slurmOptions: object, command: readonly string[]) =>
  fleet.ok(['apply', '-f', '-', '--wait', '--timeout', '60s'], {
    stdin: execManifest('web', command, {
      startup: { minReadySeconds: 0 },
      terminationGracePeriodSeconds: 2,
      place: { runtime: 'slurm', slurm: slurmOptions },
    }),
  });
const signal = (job: string) => slurm('scancel', '--batch', '--signal=USR1', job);

describe('a job that reaches its signal', () => {
  it('submits itself once; the successor goes on after the time limit, as the same start of the same agent', async () => {
    const starts = join(fleet.dir, 'starts');
    const hooked = fleet.write('walltime.sh', `echo "$SAC_PHASE $SAC_JOB_ID" >> ${join(fleet.dir, 'hooked')}\n`);
    await apply({ timeLimit: '1', signal: 'B:USR1@50', hooks: { walltimeSignal: hooked } }, [
      'sh',
      '-c',
      `echo "$SLURM_JOB_ID $SAC_INCARNATION" >> ${starts}; exec sleep 1000`,
    ]);
    const [first] = jobsOf(fleet.fleetId);
    const successor = await until(
      'the successor',
      () => jobsOf(fleet.fleetId).find(({ id, reason }) => id !== first?.id && reason === 'Dependency'),
      60_000,
    );
    signal(first?.id ?? '');
    let most = 0;
    await until(
      'the handover',
      async () => {
        most = Math.max(most, fleet.marked().length);
        return jobsOf(fleet.fleetId).some(({ id, state }) => id === successor.id && state === 'RUNNING');
      },
      150_000,
    );
    const after = await until('Ready again', async () => {
      const now = await status();
      return now.ready && readFileSync(starts, 'utf8').split('\n').length === 3 ? now : undefined;
    });
    expect(most).toBe(1);
    expect(after.restarts).toBe(0);
    expect(after.instances[0].lastExit).toBeUndefined();
    const [one = '', two = ''] = readFileSync(starts, 'utf8').split('\n');
    expect(one.split(' ')[0]).toBe(first?.id);
    expect(two.split(' ')[0]).toBe(successor.id);
    expect(one.split(' ')[1]).toBe(two.split(' ')[1]);
    expect(readFileSync(join(fleet.dir, 'hooked'), 'utf8')).toBe(`walltime_signal ${first?.id}\n`);
    await fleet.ok(['delete', 'agent', 'web', '--wait', '--timeout', '60s']);
    expect(jobsOf(fleet.fleetId)).toEqual([]);
    expect(fleet.marked()).toEqual([]);
  }, 280_000);

  it('takes its successor back when the agent ends by itself', async () => {
    const done = join(fleet.dir, 'done');
    await apply({ timeLimit: '10' }, ['sh', '-c', `while [ ! -e ${done} ]; do sleep 0.05; done`]);
    const [first] = jobsOf(fleet.fleetId);
    signal(first?.id ?? '');
    const successor = await until('the successor', () =>
      jobsOf(fleet.fleetId).find(({ reason }) => reason === 'Dependency'),
    );
    // One that was left would begin, see that there is nothing to go on with, and end: this one would wait.
    slurm('scontrol', 'update', `JobId=${successor.id}`, 'StartTime=now+1hour');
    fleet.write('done', '');
    await until('Succeeded', async () => (await status()).phase === 'Succeeded');
    await until('no job', () => jobsOf(fleet.fleetId).length === 0);
    expect(existsSync(done)).toBe(true);
  });

  it('leaves no successor behind when the agent is deleted meanwhile', async () => {
    await apply({ timeLimit: '10' }, ['sleep', '1000']);
    const [first] = jobsOf(fleet.fleetId);
    signal(first?.id ?? '');
    await until('the successor', () => jobsOf(fleet.fleetId).some(({ reason }) => reason === 'Dependency'));
    await fleet.ok(['delete', 'agent', 'web', '--wait', '--timeout', '60s']);
    expect(jobsOf(fleet.fleetId)).toEqual([]);
    expect(fleet.marked()).toEqual([]);
  });
});

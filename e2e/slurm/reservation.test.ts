/** Owns: reservations and their tenants on the real cluster. Never: leaves a job behind. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exclusively } from '../exclusive.ts';
import { execManifest, Fleet, until } from '../harness.ts';
import { slurm, startCluster } from './cluster.ts';

exclusively('slurm');

let fleet: Fleet;

const pools = (): readonly string[] =>
  slurm('squeue', '--noheader', '--states=PENDING,CONFIGURING,RUNNING', '--format=%A|%k')
    .split('\n')
    .filter((line) => line.split('|')[1]?.startsWith(`sac/1/pool:${fleet.fleetId}.`))
    .map((line) => line.split('|')[0] ?? '');
const reservation = (spec: Readonly<Record<string, unknown>>, name = 'lab'): string =>
  `${JSON.stringify({ apiVersion: 'sac/v1', kind: 'Reservation', metadata: { name }, spec: { time: '30', mem: '100M', ...spec } })}\n`;
const apply = async (text: string) => fleet.ok(['apply', '-f', '-'], { stdin: text });
const tenant = (name: string, script = 'exec sleep 1000', spec: Readonly<Record<string, unknown>> = {}) =>
  apply(
    execManifest(name, ['sh', '-c', script], {
      place: { runtime: 'slurm-tenant', reservation: 'lab' },
      terminationGracePeriodSeconds: 1,
      ...spec,
    }),
  );
const status = async (name: string) => (await fleet.json(['get', 'agent', name])).status;
const lab = async () => (await fleet.json(['get', 'reservation', 'lab'])).status;
const ready = (...names: readonly string[]) =>
  until(
    `${names} to be ready`,
    async () => (await Promise.all(names.map(async (name) => (await status(name)).ready))).every(Boolean),
    60_000,
  );

describe('reservations', () => {
  beforeEach(async () => {
    startCluster();
    fleet = new Fleet();
    await fleet.controller();
  });
  afterEach(async () => {
    const { stdout } = await fleet.sac(['controller', 'status', '-o', 'json']);
    process.kill(JSON.parse(stdout).pid, 'SIGKILL');
    const left = pools();
    if (left.length > 0) slurm('scancel', ...left);
    await until('the jobs to be gone', () => pools().length === 0 && fleet.marked().length === 0);
    await fleet[Symbol.asyncDispose]();
  });

  it('holds three tenants in one allocation, keeps them apart, and is not deleted under them', async () => {
    await tenant('a', 'echo "in $SLURM_JOB_ID"; exec sleep 1000');
    await until('it to wait', async () => {
      const placed = (await status('a')).conditions.find(({ type }: { type: string }) => type === 'Placed');
      return placed?.status === 'False' && placed.message.includes('"lab" is not declared');
    });
    await apply(reservation({ cpus: 2 }));
    await tenant('b');
    await tenant('c');
    await ready('a', 'b', 'c');
    const { jobId, node, tenants, conditions } = await until('all to be told', async () => {
      const told = await lab();
      return told.tenants === 3 ? told : undefined;
    });
    expect(pools()).toEqual([String(jobId)]);
    expect(tenants).toBe(3);
    expect(node).toBe(slurm('squeue', '--noheader', `--jobs=${jobId}`, '--format=%N'));
    expect(conditions[0]).toMatchObject({ type: 'Ready', status: 'True' });
    expect(await fleet.ok(['logs', 'a'])).toContain(`in ${jobId}`);
    expect((await status('b')).instances[0]).toMatchObject({ runtime: 'slurm-tenant', session: 'b' });

    const refused = await fleet.sac(['delete', 'reservation', 'lab']);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('3 agents are its tenants (a, b, c)');

    // One that is deleted leaves the others and the pool alone.
    const pids = fleet.marked().length;
    await fleet.ok(['delete', 'agent', 'b', '--wait']);
    expect(fleet.marked().length).toBeLessThan(pids);
    expect(pools()).toEqual([String(jobId)]);
    expect((await status('c')).ready).toBe(true);

    await fleet.ok(['delete', 'agent', 'a', 'c', '--wait']);
    await fleet.ok(['delete', 'reservation', 'lab']);
    await until('the allocation to be given back', () => pools().length === 0);
  });

  it('that SLURM refuses says why, and goes on saying it between two tries', async () => {
    await apply(reservation({ partition: 'nowhere' }));
    const readyCondition = async () => (await lab()).conditions.find(({ type }: { type: string }) => type === 'Ready');
    await until('it to be told', async () => (await readyCondition())?.message.includes('Invalid partition'), 60_000);
    await tenant('a');
    await until('the tenant to say so', async () => {
      const placed = (await status('a')).conditions.find(({ type }: { type: string }) => type === 'Placed');
      return placed?.status === 'False' && placed.message.includes('Invalid partition');
    });
    expect(await readyCondition()).toMatchObject({ status: 'False', reason: 'Refused' });
    expect(pools()).toEqual([]);
    // A tenant that waits is deleted at once, and the mended reservation comes up.
    await fleet.ok(['delete', 'agent', 'a', '--wait']);
    await apply(reservation({}));
    await until('it to be up', async () => (await lab()).jobId !== undefined, 120_000);
  });

  it('is renewed before its end: the new allocation is up before the old goes, and tenants move with their work', async () => {
    const trace = join(fleet.dir, 'trace');
    await apply(reservation({ time: '2', renewBefore: '85s' }));
    await tenant('a', `echo "begun $SLURM_JOB_ID" >> ${trace}; exec sleep 1000`);
    await ready('a');
    const first = (await lab()).jobId;
    // Both are there for a while.
    await until('the next', () => pools().length === 2, 90_000);
    expect(slurm('squeue', '--noheader', `--jobs=${first}`, '--format=%T')).toBe('RUNNING');
    const second = await until('the move', async () => {
      const { jobId } = await lab();
      return jobId !== first ? jobId : undefined;
    });
    // Once is enough to see; another renewal would be due in half a minute.
    await apply(reservation({ time: '2', renewBefore: '1s' }));
    await until(
      'it to begin there',
      () => existsSync(trace) && readFileSync(trace, 'utf8').includes(`begun ${second}`),
    );
    await ready('a');
    await until('the old to be given back', () => pools().join() === String(second), 90_000);
    const { phase, instances } = await status('a');
    expect(phase).toBe('Running');
    // No failure: not counted.
    expect(instances).toMatchObject([{ restarts: 0 }]);
    expect(readFileSync(trace, 'utf8').trim().split('\n')).toEqual([`begun ${first}`, `begun ${second}`]);
  });

  it('is found again by a controller that was killed, and a lost allocation is replaced', async () => {
    await apply(reservation({ persistent: false }));
    await until('rest', async () => (await lab()).conditions[0]?.status === 'False');
    expect(pools()).toEqual([]);
    await tenant('a');
    await ready('a');
    const [job = ''] = pools();
    const { pid } = (await status('a')).instances[0];
    const { stdout } = await fleet.sac(['controller', 'status', '-o', 'json']);
    process.kill(JSON.parse(stdout).pid, 'SIGKILL');
    await fleet.controller();
    await ready('a');
    expect((await status('a')).instances[0].pid).toBe(pid);
    expect(pools()).toEqual([job]);

    slurm('scancel', job);
    await until(
      'another allocation',
      async () => {
        const { jobId } = await lab();
        return jobId !== undefined && String(jobId) !== job;
      },
      60_000,
    );
    await ready('a');
    expect((await status('a')).instances[0].pid).not.toBe(pid);
    await fleet.ok(['delete', 'agent', 'a', '--wait']);
    await until('it to be given back with its last tenant', () => pools().length === 0, 90_000);
  });
});

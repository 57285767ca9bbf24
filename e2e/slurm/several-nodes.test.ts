/** Jobs and reservations of two nodes, on a cluster of two slurmd of our own: what is asked of "the job" reaches its first node. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';
import { OwnCluster } from './own-cluster.ts';

let cluster: OwnCluster;
let fleet: Fleet;
beforeAll(async () => {
  cluster = new OwnCluster();
  fleet = new Fleet({ SLURM_CONF: cluster.conf }, { calls: 'here' });
  await cluster.start(['one', 'two']);
  await fleet.controller();
}, 120_000);
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
}, 120_000);

const status = async (name: string) => (await fleet.json(['get', 'agent', name])).status;
const ready = (name: string) => until(`${name} to be ready`, async () => (await status(name)).ready);
/** Steps are where a job's programs run: `3.0 sh one`. */
const steps = (job: string) => cluster.ask('squeue', '--noheader', '--steps', `--jobs=${job}`, '--format=%i %j %N');

it('an agent gets two nodes, uses both, lives on the first, and is attached to there whatever runs where', async () => {
  // A step of its own on the first node alone: SLURM gives the next step the other node, unless told.
  const script = [
    'echo "$SLURM_NNODES nodes: $SLURM_JOB_NODELIST"',
    'srun sh -c \'echo "task on $SLURMD_NODENAME"\'',
    'srun --overlap --nodes=1 --ntasks=1 --nodelist=one sleep 1000 & echo "agent on $SLURMD_NODENAME"',
    'read name; echo "hello $name"; exec sleep 1000',
  ].join('\n');
  await fleet.ok(['apply', '-f', '-'], {
    stdin: execManifest('wide', ['sh', '-c', script], {
      startup: { minReadySeconds: 0 },
      place: { runtime: 'slurm', slurm: { timeLimit: '10', nodes: 2, mem: '100M' } },
    }),
  });
  await ready('wide');
  const log = await until('it to tell', async () => {
    const text = await fleet.ok(['logs', 'wide']);
    return text.includes('agent on') ? text : undefined;
  });
  for (const line of ['2 nodes: one,two', 'task on one', 'task on two', 'agent on one']) expect(log).toContain(line);
  const job = cluster.ask('squeue', '--noheader', '--name=wide', '--format=%A');
  await until('its own step', () => steps(job).includes(' sleep one'));

  const seen = join(fleet.dir, 'seen');
  const sac = [process.execPath, join(import.meta.dirname, '..', '..', 'dist', 'sac.js'), 'attach', 'wide'].join(' ');
  const terminal = spawn('script', ['-qfc', sac, seen], {
    env: { ...fleet.env },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  try {
    await until('the screen', () => existsSync(seen) && readFileSync(seen, 'utf8').includes('agent on one'));
    expect(steps(job)).toMatch(/ env one$/m);
    terminal.stdin.write('cluster\r');
    await until('the answer', async () => (await fleet.ok(['logs', 'wide'])).includes('hello cluster'));
  } finally {
    terminal.kill('SIGKILL');
  }
  await fleet.ok(['delete', 'agent', 'wide', '--wait', '--timeout', '60s']);
});

it('a reservation gets two nodes, and all that is asked of it goes to the first', async () => {
  const lab = { apiVersion: 'sac/v1', kind: 'Reservation', metadata: { name: 'lab' } };
  await fleet.ok(['apply', '-f', '-'], {
    stdin: JSON.stringify({ ...lab, spec: { time: '30', mem: '100M', nodes: 2, cpus: 2 } }),
  });
  for (const name of ['a', 'b'])
    await fleet.ok(['apply', '-f', '-'], {
      stdin: execManifest(name, ['sh', '-c', 'echo "up on $SLURM_JOB_NUM_NODES"; exec sleep 1000'], {
        startup: { minReadySeconds: 0 },
        place: { runtime: 'slurm-tenant', reservation: 'lab' },
      }),
    });
  await ready('a');
  await ready('b');
  const { jobId, node } = (await fleet.json(['get', 'reservation', 'lab'])).status;
  expect(node).toBe('one');
  expect(cluster.ask('squeue', '--noheader', `--jobs=${jobId}`, '--format=%N')).toBe('one,two');
  // The connection to the tmux server is a step for as long as there are tenants.
  const there = await until('a connection', () => {
    const lines = steps(`${jobId}`)
      .split('\n')
      .filter((line) => !line.includes('.batch'));
    return lines.length > 0 && lines[0] !== '' ? lines : undefined;
  });
  for (const line of there) expect(line).toMatch(/ one$/);
  for (const name of ['a', 'b']) expect(await fleet.ok(['logs', name])).toContain('up on');
});

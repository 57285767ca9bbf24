/** Owns: a reservation whose cluster is reached through a login node over SSH. Never: leaves a job behind. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { exclusively } from '../exclusive.ts';
import { execManifest, Fleet, until } from '../harness.ts';
import { SshLab } from '../ssh/lab.ts';
import { slurm, startCluster } from './cluster.ts';

exclusively('slurm');

const SOON_MS = 120_000;
let fleet: Fleet;
let lab: SshLab;
beforeEach(() => {
  startCluster();
  fleet = new Fleet();
  lab = new SshLab();
});
afterEach(async () => {
  const { code, stdout } = await fleet.sac(['controller', 'status', '-o', 'json']);
  if (code === 0) process.kill(JSON.parse(stdout).pid, 'SIGKILL');
  const left = existsSync(join(fleet.home, 'fleet')) ? pools() : [];
  if (left.length > 0) slurm('scancel', ...left);
  await until('the jobs to be gone', () => left.length === 0 || (pools().length === 0 && fleet.marked().length === 0));
  await fleet[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
});

const pools = (): readonly string[] =>
  slurm('squeue', '--noheader', '--states=PENDING,CONFIGURING,RUNNING', '--format=%A|%k')
    .split('\n')
    .filter((line) => line.split('|')[1]?.startsWith(`sac/1/pool:${fleet.fleetId}.`))
    .map((line) => line.split('|')[0] ?? '');
const apply = (text: string) => fleet.ok(['apply', '-f', '-'], { stdin: text });
const object = (kind: string, name: string, spec: object) =>
  apply(`${JSON.stringify({ apiVersion: 'sac/v1', kind, metadata: { name }, spec })}\n`);
const agent = async (name: string) => (await fleet.json(['get', 'agent', name])).status;
const reservation = async () => (await fleet.json(['get', 'reservation', 'pool'])).status;
const ready = (name: string) =>
  until(
    `${name} to be ready`,
    async () => {
      const now = await agent(name);
      if (now.ready) return now.instances[0];
      throw new Error(JSON.stringify([now.phase, now.conditions, (await reservation()).conditions]));
    },
    SOON_MS,
  );

it('is renewed before its end, and its tenant moves with its work; what is lost of the network meanwhile is no loss', {
  timeout: 500_000,
}, async () => {
  const sshd = await lab.sshd();
  await fleet.controller();
  await object('Host', 'login', {
    address: '127.0.0.1',
    port: sshd.port,
    user: 'root',
    identity: lab.identity,
    knownHosts: [lab.knownHosts],
    sshConfig: 'none',
  });
  // It is this machine and this user by another name: what they have once is not had there as well.
  const same = 'tmux, screen, process: this is the machine and the user that the controller runs as';
  await until(
    'that to be told',
    async () => (await fleet.here(['host', 'check', 'login'])).stdout.includes(same),
    SOON_MS,
  );
  const reserve = (renewBefore: string) =>
    object('Reservation', 'pool', { host: 'login', time: '2', mem: '100M', renewBefore });
  await reserve('85s');
  const trace = join(fleet.dir, 'trace');
  await apply(
    execManifest('web', ['sh', '-c', `echo "begun $SLURM_JOB_ID" >> ${trace}; exec sleep 1000`], {
      place: { runtime: 'slurm-tenant', reservation: 'pool' },
      terminationGracePeriodSeconds: 1,
    }),
  );
  const begun = (): readonly string[] => (existsSync(trace) ? readFileSync(trace, 'utf8').trim().split('\n') : []);
  expect(await ready('web')).toMatchObject({ host: 'login', runtime: 'slurm-tenant' });
  const first: number = (await reservation()).jobId;
  expect(first).toBeGreaterThan(0);
  await until('it to have begun', () => begun().join() === `begun ${first}`, SOON_MS);

  // Nobody reaches the login node for a moment; the pool and its tenant live on.
  sshd.stop();
  await until(
    'nobody to know',
    async () => (await reservation()).conditions[0]?.status === 'Unknown' || begun().length > 1,
    SOON_MS,
  );
  await sshd.start();

  const second: number = await until(
    'the next allocation',
    async () => {
      const { jobId } = await reservation();
      return jobId !== undefined && jobId !== first ? jobId : undefined;
    },
    SOON_MS,
  );
  // Once is enough to see; another renewal would be due in half a minute.
  await reserve('1s');
  await until('it to go on there', () => begun().includes(`begun ${second}`), SOON_MS);
  await ready('web');
  await until('the old to be given back', () => !pools().includes(String(first)), SOON_MS);
  // Never twice in one allocation, however often it moved.
  expect(begun().slice(0, 2)).toEqual([`begun ${first}`, `begun ${second}`]);
  expect(new Set(begun()).size).toBe(begun().length);
  await fleet.ok(['delete', 'agent', 'web', '--wait'], { timeoutMs: SOON_MS });
  await fleet.ok(['delete', 'reservation', 'pool']);
  await until('the allocation to be given back', () => pools().length === 0, SOON_MS);
});

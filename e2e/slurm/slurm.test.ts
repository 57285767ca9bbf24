/** Agents as SLURM jobs, as a user sees them: real slurmctld and slurmd, real controller, real CLI. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exclusively } from '../exclusive.ts';
import { execManifest, Fleet, until } from '../harness.ts';
import { dispose, type Job, jobsOf, slurm, startCluster, stopSlurmctld } from './cluster.ts';

const SLURM = { runtime: 'slurm', slurm: { timeLimit: '10', signal: 'B:USR1@60' } };
const FAST = { startup: { minReadySeconds: 0 }, restart: { backoff: { initial: 0, max: 0 } } };
const STAY = ['sh', '-c', 'echo up; exec sleep 1000'];

exclusively('slurm');

/** SLURM's commands go on asking a controller that does not answer for SlurmctldTimeout, 120 s as installed. */
const ASKING_MS = 200_000;

let fleet: Fleet;
beforeEach(() => {
  startCluster();
  fleet = new Fleet();
});
afterEach(() => dispose(fleet));

const agent = (name = 'web') => fleet.json(['get', 'agent', name]);
const phase = async (name = 'web'): Promise<string> => (await agent(name)).status.phase;
const manifest = (name: string, command: readonly string[], slurmOptions: object = {}, spec: object = {}): string =>
  execManifest(name, command, {
    ...FAST,
    place: { ...SLURM, slurm: { ...SLURM.slurm, ...slurmOptions } },
    ...spec,
  });
const apply = (name: string, command = STAY, slurmOptions: object = {}, spec: object = {}) =>
  fleet.ok(['apply', '-f', '-', '--wait', '--timeout', '100s'], {
    stdin: manifest(name, command, slurmOptions, spec),
    timeoutMs: 110_000,
  });
const jobs = (): readonly Job[] => jobsOf(fleet.fleetId);
const onlyJob = (): Job => {
  const [job, ...more] = jobs();
  if (!job || more.length > 0) throw new Error(`not one job: ${JSON.stringify(jobs())}`);
  return job;
};
const condition = async (type: string, name = 'web') =>
  (await agent(name)).status.conditions.find((one: { readonly type: string }) => one.type === type);

describe('an agent as a SLURM job', () => {
  it('becomes Ready, carries its mark, and leaves no job when it is deleted', async () => {
    await apply('web');
    const { metadata, status } = await agent();
    expect(status.instances[0]).toMatchObject({ runtime: 'slurm', phase: 'Running', session: 'web' });
    expect(onlyJob()).toMatchObject({ state: 'RUNNING', name: 'web' });
    expect(onlyJob().comment).toContain(`sac/1:${metadata.id}:`);
    expect(await fleet.ok(['logs', 'web'])).toContain('up');
    await fleet.ok(['delete', 'agent', 'web', '--wait', '--timeout', '60s']);
    expect(jobs()).toEqual([]);
    expect(fleet.marked()).toEqual([]);
  });

  it('that has to wait is Queued, with the reason SLURM gives', async () => {
    const seat = { extraDirectives: ['--licenses=seat:1'] };
    await apply('first', STAY, seat);
    await fleet.ok(['apply', '-f', '-'], { stdin: manifest('second', STAY, seat) });
    const started = await until('the reason', async () => {
      const told = await condition('Started', 'second');
      return told?.message.includes('Licenses') ? told : undefined;
    });
    expect(started).toMatchObject({ status: 'False', reason: 'Queued' });
    expect(await phase('second')).toBe('Queued');
    await fleet.ok(['delete', 'agent', 'second', '--wait', '--timeout', '60s']);
    expect(jobs().map(({ name }) => name)).toEqual(['first']);
  });

  it('is told and started again when somebody cancels it; a job with its name that is not ours is left alone', async () => {
    const foreign = slurm(
      'sbatch',
      '--parsable',
      '--job-name=web',
      '--comment=mine',
      '--output=/dev/null',
      '--wrap=sleep 600',
    );
    try {
      await apply('web');
      const before = onlyJob();
      slurm('scancel', before.id);
      const restarted = await until(
        'the restart',
        async () => {
          const now = await agent();
          return now.status.restarts === 1 && now.status.ready ? now : undefined;
        },
        60_000,
      );
      expect(restarted.status.instances[0].lastExit.reason).toBe('Cancelled');
      expect(onlyJob().id).not.toBe(before.id);
      await until(
        'the other to run',
        () => slurm('squeue', '--noheader', `--jobs=${foreign}`, '--format=%T') === 'RUNNING',
        ASKING_MS,
      );
    } finally {
      slurm('scancel', foreign);
    }
  });

  it('that ended keeps its allocation for `hold`, until it is deleted; nothing of it stays', async () => {
    const held = join(fleet.dir, 'held');
    // A child that the shell does not become: it has to be ended too.
    const hold = `echo "$$ $SAC_JOB_ID" > ${held}; sleep 1000; echo never`;
    await fleet.ok(['apply', '-f', '-'], {
      stdin: manifest('web', ['sh', '-c', 'exit 3'], { hold }, { restart: { policy: 'never' } }),
    });
    const [pid = '', job] = await until('it to be held', () => {
      const words = existsSync(held) ? readFileSync(held, 'utf8').trim().split(' ') : [];
      return words.length === 2 ? words : undefined;
    });
    await until('its end', async () => (await phase()) === 'Failed');
    expect(onlyJob()).toMatchObject({ id: job, state: 'RUNNING' });
    expect((await agent()).status.instances[0].lastExit).toMatchObject({ reason: 'Error', code: 3 });
    const child = await until('its child', () =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').find(Boolean),
    );
    // The time limit comes near: no reason to end it, nor to submit a successor.
    slurm('scancel', '--batch', '--signal=USR1', job ?? '');
    await fleet.ok(['delete', 'agent', 'web', '--wait', '--timeout', '60s']);
    await until('nothing of it', () => jobs().length === 0 && ![pid, child].some((one) => existsSync(`/proc/${one}`)));
  });

  it('sources its hooks, beats its heart, and reads its options', async () => {
    const pre = fleet.write('pre agent.sh', 'export FROM_HOOK="$SAC_PHASE of $SAC_AGENT_ID in $SAC_JOB_ID"\n');
    const submit = fleet.write('submit.sh', 'echo noise; export FROM_SUBMIT=yes\n');
    const post = fleet.write('post.sh', `printf '%s' "$SAC_PHASE" > ${join(fleet.dir, 'posted')}\n`);
    const beat = join(fleet.dir, 'beat');
    await apply('web', ['sh', '-c', 'echo "$FROM_SUBMIT, $FROM_HOOK."; exec sleep 1000'], {
      hooks: { preSubmit: submit, preAgent: pre, postAgent: post },
      heartbeat: { command: `printf x >> ${beat}`, interval: '1s' },
    });
    const { metadata } = await agent();
    await until('the log', async () =>
      (await fleet.ok(['logs', 'web'])).includes(`yes, pre_agent of ${metadata.id} in ${onlyJob().id}.`),
    );
    await until('two beats', () => existsSync(beat) && readFileSync(beat, 'utf8').length >= 2);
    await fleet.ok(['delete', 'agent', 'web', '--wait', '--timeout', '60s']);
    await until('the last hook', () => existsSync(join(fleet.dir, 'posted')));
    expect(readFileSync(join(fleet.dir, 'posted'), 'utf8')).toBe('post_agent');
  });

  it('is refused with what SLURM says, and has no job then', async () => {
    await fleet.ok(['apply', '-f', '-'], { stdin: manifest('web', STAY, { partition: 'nowhere' }) });
    await until('the refusal', async () =>
      (await fleet.ok(['events', '--for', 'web']).catch(() => fleet.ok(['events']))).includes('Invalid partition'),
    );
    // Who looks at the agent sees it too, for as long as it is tried.
    const started = await until('its condition', async () => {
      const told = await condition('Started');
      return told?.reason === 'StartFailed' ? told : undefined;
    });
    expect(started).toMatchObject({ status: 'False', message: expect.stringContaining('Invalid partition') });
    expect(jobs()).toEqual([]);
  });
});

describe('the cluster misbehaves', () => {
  it('slurmctld is stopped: Unknown, nothing is submitted, and all is as before when it is back', async () => {
    await apply('web');
    const before = onlyJob();
    const { pid } = (await agent()).status.instances[0];
    stopSlurmctld();
    await fleet.ok(['apply', '-f', '-'], { stdin: manifest('late', STAY) });
    await until('Unknown', async () => (await phase()) === 'Unknown', ASKING_MS);
    startCluster();
    await until(
      'Running again',
      async () => (await phase()) === 'Running' && (await phase('late')) === 'Running',
      ASKING_MS,
    );
    expect((await agent()).status.instances[0]).toMatchObject({ pid, restarts: 0 });
    const all = jobs();
    expect(all.map(({ name }) => name).sort()).toEqual(['late', 'web']);
    expect(all.map(({ id }) => id)).toContain(before.id);
  }, 600_000);

  it.each([
    [
      'says that its socket timed out although the job was taken',
      'out=$(/usr/bin/sbatch "$@"); echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2; exit 1',
    ],
    [
      'kills who asked it, after the job was taken',
      // Its parent is timeout(1), and above that is our script.
      '/usr/bin/sbatch "$@" >/dev/null; kill -9 "$(cut -d" " -f4 "/proc/$PPID/stat")"; exit 1',
    ],
    ['hangs after the job was taken', '/usr/bin/sbatch "$@" >/dev/null; exec sleep 1000'],
  ])('sbatch %s: there is one job', async (_what, body) => {
    const shims = join(fleet.dir, 'shims');
    mkdirSync(shims);
    const once = join(fleet.dir, 'once');
    const file = fleet.write(
      'shims/sbatch',
      `#!/bin/sh\ncase $1 in --version) exec /usr/bin/sbatch --version ;; esac\necho call >> ${once}\n[ "$(wc -l < ${once})" -eq 1 ] || exec /usr/bin/sbatch "$@"\n${body}\n`,
    );
    chmodSync(file, 0o755);
    Object.assign(fleet.env, { PATH: `${shims}:${fleet.env['PATH'] ?? ''}` });
    await apply('web');
    expect(readFileSync(once, 'utf8')).toBe('call\n');
    expect(onlyJob().state).toBe('RUNNING');
    expect(fleet.marked()).toHaveLength(1);
  });

  it('squeue hangs: Unknown, and all is as before when it answers', async () => {
    const shims = join(fleet.dir, 'shims');
    mkdirSync(shims);
    const stuck = join(fleet.dir, 'stuck');
    const file = fleet.write(
      'shims/squeue',
      `#!/bin/sh\n[ -e ${stuck} ] && exec sleep 54322\nexec /usr/bin/squeue "$@"\n`,
    );
    chmodSync(file, 0o755);
    Object.assign(fleet.env, { PATH: `${shims}:${fleet.env['PATH'] ?? ''}` });
    await apply('web');
    const before = onlyJob();
    const { pid } = (await agent()).status.instances[0];
    fleet.write('stuck', '');
    await until('Unknown', async () => (await phase()) === 'Unknown', ASKING_MS);
    rmSync(stuck);
    await until('Running again', async () => (await phase()) === 'Running', ASKING_MS);
    expect((await agent()).status.instances[0]).toMatchObject({ pid, restarts: 0 });
    expect(onlyJob().id).toBe(before.id);
    // What hung was ended, and not only given up.
    await until(
      'no squeue to be left',
      () => !/^ *\d+ sleep 54322$/m.test(slurm('ps', '-eo', 'pid=,args=')),
      ASKING_MS,
    );
  }, 600_000);

  it('the controller is killed while sbatch runs: the next one goes on, with one job', async () => {
    const shims = join(fleet.dir, 'shims');
    mkdirSync(shims);
    const submitted = join(fleet.dir, 'submitted');
    const file = fleet.write(
      'shims/sbatch',
      `#!/bin/sh\ncase $1 in --version) exec /usr/bin/sbatch --version ;; esac\n/usr/bin/sbatch "$@" >> ${submitted}\nwhile [ -e ${submitted} ]; do sleep 0.05; done\nexit 1\n`,
    );
    chmodSync(file, 0o755);
    const path = fleet.env['PATH'] ?? '';
    Object.assign(fleet.env, { PATH: `${shims}:${path}` });
    const controller = await fleet.controller();
    await fleet.ok(['apply', '-f', '-'], { stdin: manifest('web', STAY) });
    await until('the submission', () => existsSync(submitted) && readFileSync(submitted, 'utf8') !== '');
    expect(onlyJob().reason).toBe('JobHeldUser');
    controller.kill('SIGKILL');
    Object.assign(fleet.env, { PATH: path });
    await until('its end', () => controller.signalCode !== null);
    await fleet.controller();
    await until('Ready', async () => (await agent()).status.ready, 90_000);
    expect(onlyJob().state).toBe('RUNNING');
    expect(fleet.marked()).toHaveLength(1);
  });

  it('a job of a better partition preempts it: told so, and it waits for its turn', async () => {
    await apply('web', STAY, { partition: 'low', cpusPerTask: 128 });
    const better = slurm(
      'sbatch',
      '--parsable',
      '--partition=high',
      '--cpus-per-task=128',
      '--output=/dev/null',
      '--wrap=sleep 600',
    );
    try {
      await until(
        'the preemption',
        async () => (await agent()).status.instances[0].lastExit?.reason === 'Preempted',
        60_000,
      );
      await until('Queued', async () => (await phase()) === 'Queued', 90_000);
    } finally {
      slurm('scancel', better);
    }
    await until('its turn', async () => (await agent()).status.ready, 90_000);
    expect(onlyJob().state).toBe('RUNNING');
  });

  it('its node fails: told so, and it is started where there is one again', async () => {
    await apply('web');
    const node = slurm('squeue', '--noheader', `--jobs=${onlyJob().id}`, '--format=%N');
    slurm('scontrol', 'update', `nodename=${node}`, 'state=down', 'reason=test');
    try {
      await until(
        'the failure',
        async () => (await agent()).status.instances[0].lastExit?.reason === 'NodeFailed',
        60_000,
      );
    } finally {
      startCluster();
    }
    await until('the restart', async () => (await agent()).status.ready, 90_000);
    expect(jobs().filter(({ state }) => state === 'RUNNING')).toHaveLength(1);
  });
});

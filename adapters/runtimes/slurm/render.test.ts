import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { slurmSchema } from '../../../api/resources/agent/place/slurm.ts';
import type { InstanceId } from '../../../api/resources/names.ts';
import type { Launch } from '../runtime.ts';
import { renderAttachScript, renderJobScript, renderSubmitScript } from './render.ts';

const DIRS = { run: "/home/o'neil/.sac/run", logs: '/home/sac/logs' };
const launch = (slurm: Parameters<typeof slurmSchema.parse>[0] = {}, more: Partial<Launch> = {}): Launch => ({
  id: 'f1ee7000.web' as InstanceId,
  incarnation: 1_700_000_000_123,
  launchHash: 'abc123',
  argv: ['claude', 'SECRET-ARGUMENT'],
  env: { TOKEN: 'SECRET-VALUE' },
  envFiles: [],
  cwd: '/srv/$(touch x)',
  preStart: [],
  postStart: [],
  options: {
    tmux: { width: 100, height: 30, historyLimit: 10 },
    process: { logMaxBytes: 4096, logFiles: 1 },
    slurm: slurmSchema.parse(slurm),
  },
  ...more,
});
const directives = (script: string) => script.split('\n').filter((line) => line.startsWith('#SBATCH'));
/** What a variable of the script is to bash. */
const value = (script: string, name: string): string =>
  execFileSync(
    'bash',
    [
      '-c',
      `HOME='/home/u ser'; ${script
        .split('\n')
        .filter((line) => line.startsWith('sac_') && /^sac_[a-z_]+=/.test(line) && !line.includes('sac_ended_by'))
        .join('\n')}\nprintf %s "$sac_${name}"`,
    ],
    { encoding: 'utf8' },
  );

describe('a job script', () => {
  it('says what the manifest says, in directives', () => {
    const script = renderJobScript(
      launch({
        partition: 'long',
        timeLimit: '1-12:00:00',
        cpusPerTask: 4,
        mem: '8G',
        gres: 'gpu:a100:1',
        account: 'lab',
        qos: 'high',
        extraDirectives: ['--constraint=ib', '-x node[1-3]'],
      }),
      DIRS,
    );
    expect(directives(script)).toEqual([
      '#SBATCH --job-name=web',
      '#SBATCH --comment=sac/1:f1ee7000.web:1700000000123:abc123',
      '#SBATCH --partition=long',
      '#SBATCH --account=lab',
      '#SBATCH --qos=high',
      '#SBATCH --time=1-12:00:00',
      '#SBATCH --nodes=1',
      '#SBATCH --ntasks=1',
      '#SBATCH --cpus-per-task=4',
      '#SBATCH --mem=8G',
      '#SBATCH --gres=gpu:a100:1',
      '#SBATCH --signal=B:USR1@3600',
      '#SBATCH --output=/home/sac/logs/web/current.log',
      '#SBATCH --open-mode=append',
      '#SBATCH --chdir=/',
      '#SBATCH --no-requeue',
      '#SBATCH --constraint=ib',
      '#SBATCH -x node[1-3]',
    ]);
  });

  it('asks for a task a node at least: with fewer, SLURM takes no more nodes than tasks', () => {
    const asked = (more: object) =>
      directives(renderJobScript(launch(more), DIRS)).filter((line) => /--(nodes|ntasks)=/.test(line));
    expect(asked({ nodes: 3 })).toEqual(['#SBATCH --nodes=3', '#SBATCH --ntasks=3']);
    expect(asked({ nodes: 2, ntasks: 8 })).toEqual(['#SBATCH --nodes=2', '#SBATCH --ntasks=8']);
  });

  it('is bash, and holds no secret', () => {
    const script = renderJobScript(launch({ heartbeat: { command: "echo 'x'" }, hold: 'sleep 60' }), DIRS);
    execFileSync('bash', ['-n'], { input: script });
    expect(script).not.toContain('SECRET');
  });

  it('quotes every value, and knows ~ in paths of hooks alone', () => {
    const script = renderJobScript(
      launch({ hooks: { preAgent: '~/my $(hooks)/a.sh' }, heartbeat: { command: '`id`; "$x"' } }),
      DIRS,
    );
    expect(value(script, 'dir')).toBe("/home/o'neil/.sac/run/slurm/web");
    expect(value(script, 'workdir')).toBe('/srv/$(touch x)');
    expect(value(script, 'hook_pre_agent')).toBe('/home/u ser/my $(hooks)/a.sh');
    expect(value(script, 'heartbeat')).toBe('`id`; "$x"');
  });

  it('keeps SLURM from reading a path as a pattern', () => {
    expect(renderJobScript(launch(), { ...DIRS, logs: '/home/50%j' })).toContain('#SBATCH --output=/dev/null\n');
  });

  it('has no signal when none is wanted', () => {
    const script = renderJobScript(launch({ signal: 'none' }), DIRS);
    expect(script).not.toContain('#SBATCH --signal');
    expect(value(script, 'signal')).toBe('none');
  });

  it('is submitted through its preSubmit hook where there is one', () => {
    expect(renderSubmitScript(launch(), DIRS)).toBeUndefined();
    expect(renderAttachScript(launch(), DIRS)).toBeUndefined();
    const submit = renderSubmitScript(launch({ hooks: { preSubmit: '/etc/pre.sh' } }), DIRS) ?? '';
    execFileSync('bash', ['-n'], { input: submit });
    expect(submit.trim().split('\n').at(-1)).toMatch(/^exec timeout -k 5 30 sbatch --parsable --hold /);
  });
});

describe('place.slurm', () => {
  it.each([
    ['--comment=x'],
    ['--comm=x'],
    ['-J other'],
    ['--output=/x'],
    ['--requeue'],
    ['--array=1-9'],
    ['--wrap=id'],
    ['--constraint=a\n#SBATCH --comment=x'],
    ['not an option'],
  ])('refuses the directive %j', (directive) => {
    expect(slurmSchema.safeParse({ extraDirectives: [directive] }).success).toBe(false);
  });

  it.each([
    [{ partition: 'a b' }],
    [{ partition: '-x' }],
    [{ gres: 'gpu\n:1' }],
    [{ timeLimit: 'tomorrow' }],
    [{ mem: '4 GB' }],
    [{ signal: 'USR1@60' }],
    [{ signal: 'B:KILL@60' }],
    [{ hooks: { preAgent: 'relative.sh' } }],
  ])('refuses %j', (options) => expect(slurmSchema.safeParse(options).success).toBe(false));
});

/** Row 2: tmux's own languages. Formats, #(commands), targets and control mode lines stay text, wherever they come from. */
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { execManifest, Fleet, run, until } from '../harness.ts';
import { Canaries, FAST, givenTo, STAY } from './payloads.ts';

/** Everything of tmux that runs something, or stands for something else. `canary` is a file that must not appear. */
const formats = (canary: string): readonly string[] => [
  `#(touch ${canary}-1)`,
  `#{E:#(touch ${canary}-2)}`,
  `#{T:#(touch ${canary}-3)}`,
  `##(touch ${canary}-4)`,
  `#{l:#(touch ${canary}-5)}`,
  `#{?1,#(touch ${canary}-6),}`,
  '#{session_name}',
  '#{hook_session_name}',
  '#S#W#T#P#H',
  '%Y-%m-%d %1 %s',
  '=web:',
  '$0:@0.%0',
  '{last}',
  `; run-shell "touch ${canary}-7"`,
  `\\; run-shell 'touch ${canary}-8'`,
  `\nrun-shell 'touch ${canary}-9'\n`,
  `\r\nkill-server\r\n`,
  `} ; run-shell 'touch ${canary}-10' ; {`,
  '%end 1 1 1\n%exit',
];

let fleet: Fleet;
let canaries: Canaries;
beforeEach(() => {
  fleet = new Fleet({}, { calls: 'here' });
  canaries = new Canaries(fleet.dir);
});
afterEach(() => fleet[Symbol.asyncDispose]());

const ready = (name: string) =>
  until(`${name} is ready`, async () => {
    const { status } = await fleet.json(['get', 'agent', name]);
    return status.ready ? status.instances[0] : undefined;
  });
/** A person attaches, tmux draws status line and windows, and everything that is drawn is expanded. */
async function lookAt(name: string): Promise<void> {
  const { argv } = { argv: ['tmux', '-L', `sac-${fleet.fleetId}`, 'attach', '-t', `=${name}`] };
  const look = run('script', ['-qec', `${argv.join(' ')}`, '/dev/null'], { env: fleet.env, cwd: fleet.dir });
  await until('somebody looks', async () =>
    (await fleet.tmux(['list-clients', '-F', '#{client_control_mode} #{session_name}'])).stdout.includes(`0 ${name}`),
  );
  await fleet.tmux(['refresh-client', '-S']);
  await fleet.tmux(['set-option', '-g', 'status-interval', '1']);
  await until(
    'the status line was drawn',
    async () => (await fleet.tmux(['display-message', '-p', '-t', `=${name}:`, '#{client_activity}'])).code === 0,
  );
  await fleet.tmux(['detach-client', '-s', name]);
  await look;
}

it('in arguments, variables, workspace, labels and notes', async () => {
  await fleet.controller();
  const values = formats(canaries.file());
  const env = Object.fromEntries(values.map((value, i) => [`V${i}`, value]));
  const workspace = join(fleet.dir, `#(touch ${canaries.file().replaceAll('/', '_')})`, '#{session_name}', '%Y;$0=x');
  const manifest = JSON.parse(
    execManifest('web', [...STAY, ...values], { ...FAST, env, workspace, place: { runtime: 'tmux' } }),
  );
  manifest.metadata.annotations = Object.fromEntries(values.map((value) => [value, value]));
  await fleet.ok(['apply', '-f', '-', '--wait'], { stdin: JSON.stringify(manifest) });
  const { pid } = await ready('web');
  const given = await until('the agent runs', () => {
    const seen = givenTo(pid);
    return seen.argv.includes(STAY[2]) ? seen : undefined;
  });
  expect(given.argv).toEqual([...STAY, ...values]);
  expect(values.map((_, i) => given.env.get(`V${i}`))).toEqual(values);
  expect(given.cwd).toBe(workspace);
  await lookAt('web');
  expect((await fleet.tmux(['list-sessions', '-F', '#{session_name}'])).stdout.split('\n').sort()).toEqual([
    '',
    '_sac',
    'web',
  ]);
  await fleet.ok(['restart', 'web', '--wait']);
  await fleet.ok(['delete', 'agent', 'web', '--wait']);
  expect(canaries.sung).toEqual([]);
});

it('in the path of SAC_HOME, of which tmux is told files', async () => {
  const home = join(fleet.dir, `h'"#(touch c1)#{pid}%Y;$(touch c2) \\`);
  mkdirSync(home, { mode: 0o700 });
  // The socket's path is bounded; the folder itself keeps its name.
  const env = { SAC_HOME: home };
  const sac = (args: readonly string[], stdin = '') => fleet.sac(args, { env, stdin });
  try {
    const spec = { ...FAST, place: { runtime: 'tmux' }, hooks: { postStart: ['true'] } };
    const applied = await sac(
      ['apply', '-f', '-', '--wait'],
      execManifest('web', ['sh', '-c', 'echo first-words; sleep 1000'], spec),
    );
    expect([applied.code, applied.stderr]).toEqual([0, expect.stringContaining('started a controller')]);
    await until('it has spoken', async () => (await sac(['logs', 'web'])).stdout.includes('first-words'));
    const before = JSON.parse((await sac(['get', 'agent', 'web', '-o', 'json'])).stdout).status.instances[0].pid;
    process.kill(before, 'SIGKILL');
    await until('it is back', async () => {
      const { pid } = JSON.parse((await sac(['get', 'agent', 'web', '-o', 'json'])).stdout).status.instances[0];
      return pid !== undefined && pid !== before;
    });
    // tmux wrote this file itself, at a path that holds formats.
    await until('what it said before is kept', async () =>
      (await sac(['logs', 'web', '--previous'])).stdout.includes('first-words'),
    );
    expect(readFileSync(join(home, 'logs', 'web', 'previous.log'), 'utf8')).toContain('first-words');
    expect(
      (await run('find', [fleet.dir, '-name', 'c1', '-o', '-name', 'c2'], { env: fleet.env, cwd: '/' })).stdout,
    ).toBe('');
  } finally {
    // So that the fleet's own removal finds what was started here.
    symlinkSync(home, fleet.home);
  }
});

it('in what an agent prints, and in the title it gives its window', async () => {
  await fleet.controller();
  const said = formats(canaries.file())
    .map((value) => `\u001b]2;${value}\u001b\\\u001bk${value}\u001b\\${value}\n`)
    .join('');
  await fleet.ok(['apply', '-f', '-', '--wait'], {
    stdin: execManifest('talker', ['sh', '-c', 'printf %s "$1"; exec sleep 1000', 'x', said], {
      ...FAST,
      place: { runtime: 'tmux' },
    }),
  });
  const { pid } = await ready('talker');
  await until('it has spoken', async () => (await fleet.here(['logs', 'talker'])).stdout.includes('%exit'));
  await lookAt('talker');
  // Its words were no answers of tmux: it is still seen, and as what it is.
  expect((await ready('talker')).pid).toBe(pid);
  const { status } = await fleet.json(['get', 'agent', 'talker']);
  expect(status.restarts).toBe(0);
  expect(canaries.sung).toEqual([]);
});

it('names that are the beginning of another name, or of a target, mean only themselves', async () => {
  await fleet.controller();
  const names = ['a', 'a-1', 'a1', 'ab', '0', '1', 'web', 'web-'.repeat(15).slice(0, 59)];
  for (const name of names)
    await fleet.ok(['apply', '-f', '-'], {
      stdin: execManifest(name.replace(/-$/, 'x'), [...STAY, name], { ...FAST, place: { runtime: 'tmux' } }),
    });
  const kept = new Map<string, number>();
  for (const name of names) kept.set(name, (await ready(name.replace(/-$/, 'x'))).pid);
  for (const name of ['a', '0', 'web']) {
    await fleet.ok(['delete', 'agent', name, '--wait']);
    kept.delete(name);
  }
  for (const [name, pid] of kept) expect([name, (await ready(name.replace(/-$/, 'x'))).pid]).toEqual([name, pid]);
});

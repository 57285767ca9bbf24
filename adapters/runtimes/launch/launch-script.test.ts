import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FleetId, instanceId } from '../../../api/resources/names.ts';
import { type Launch, RuntimeError } from '../runtime.ts';
import { renderLaunchScript } from './launch-script.ts';

const ID = instanceId('0badcafe' as FleetId, 'web');
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-launch-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const dirs = () => ({ run: join(dir, 'run'), logs: join(dir, 'logs') });
const launch = (over: Partial<Launch> = {}): Launch => ({
  id: ID,
  incarnation: 1_700_000_000_123,
  launchHash: 'abc',
  argv: ['env', '-0'],
  env: {},
  envFiles: [],
  cwd: join(dir, 'work'),
  preStart: [],
  postStart: [],
  options: { tmux: { width: 80, height: 24, historyLimit: 100 }, process: { logMaxBytes: 4096, logFiles: 1 } },
  ...over,
});

function run(order: Launch, shell = 'sh') {
  const file = join(dir, 'launch.sh');
  writeFileSync(file, renderLaunchScript(order, dirs()), { mode: 0o600 });
  const { status, stdout, stderr } = spawnSync(shell, [file], {
    env: { PATH: process.env['PATH'] ?? '' },
    timeout: 20_000,
  });
  return { code: status, stdout: stdout.toString(), stderr: stderr.toString() };
}
const environment = (stdout: string): Map<string, string> =>
  new Map(
    stdout
      .split('\0')
      .filter(Boolean)
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );

describe.each(['dash', 'bash'])('a launch file run by %s', (shell) => {
  it.each([
    ['2.1.197', '2.1.197 (Claude Code)', true],
    ['2.1.x', 'codex-cli 2.1.30', true],
    ['2.1', 'v2.1.30', true],
    ['2', 'Updating is possible\n2.19.0', true],
    ['2.1.x', '2.10.0', false],
    ['2.1.19', '2.1.197', false],
    ['2.x', 'no number at all', false],
    ['2.x', '', false],
  ])('wants version %s: a program that says %j is run: %s', (cliVersion, says, isRun) => {
    const program = join(dir, "it's a cli");
    writeFileSync(program, `#!/bin/sh\n[ "$1" = --version ] && { printf '%s\\n' '${says}'; exit; }\necho ran "$@"\n`, {
      mode: 0o700,
    });
    const { code, stdout, stderr } = run(launch({ argv: [program, 'a b'], cliVersion }), shell);
    expect([code, stdout]).toEqual(isRun ? [0, 'ran a b\n'] : [79, '']);
    if (!isRun) expect(stderr).toContain(`is not of version ${cliVersion}`);
  });

  it('takes out what is withheld, wherever it came from', () => {
    mkdirSync(join(dir, 'work'), { recursive: true });
    writeFileSync(join(dir, 'work', 'keys'), 'API_KEY=x\nKEPT=y\n');
    const got = environment(
      run(launch({ envFiles: ['keys'], env: { TOKEN: 'z' }, withheld: ['API_KEY', 'TOKEN', 'NEVER_SET'] }), shell)
        .stdout,
    );
    expect([got.get('API_KEY'), got.get('TOKEN'), got.get('KEPT')]).toEqual([undefined, undefined, 'y']);
  });

  it('sets environment and marks literally, and the marks cannot be overwritten', () => {
    const env = { A: 'it\'s $(id) `x`\n\\"', EMPTY: '', SAC_ID: 'forged', SAC_INCARNATION: '1' };
    const got = environment(run(launch({ env }), shell).stdout);
    expect(got.get('A')).toBe(env.A);
    expect(got.get('EMPTY')).toBe('');
    expect(got.get('SAC_ID')).toBe(ID);
    expect(got.get('SAC_INCARNATION')).toBe('1700000000123');
    expect(got.get('SAC_AGENT')).toBe('web');
    expect(got.get('PWD')).toBe(join(dir, 'work'));
    expect([...got.keys()].filter((key) => key.startsWith('sac_'))).toEqual([]);
  });

  it('becomes the agent: the process that was started is it', () => {
    const { stdout, code } = run(launch({ argv: ['sh', '-c', 'cat "/proc/$$/comm"; exit 7'] }), shell);
    expect(stdout).toBe('sh\n');
    expect(code).toBe(7);
    const parent = run(
      launch({ argv: ['sh', '-c', 'cut -d" " -f4 /proc/self/stat > pid; tr "\\0" " " < "/proc/$$/cmdline"'] }),
      shell,
    );
    expect(parent.stdout).not.toContain('launch.sh');
  });

  it('goes on with a conversation where there is one that is new enough, and begins one where there is none', () => {
    const cwd = join(dir, 'my work');
    const session = {
      folder: '.claude/projects/{cwd}',
      files: '*.jsonl',
      holds: '"cwd":"{pwd}"',
      continueArgs: ['--go', 'on $x'],
      required: false,
    };
    const home = join(dir, 'ho me');
    const order = (more: object = {}) =>
      launch({ argv: ['printf', '%s|', 'a b'], cwd, env: { HOME: home }, session: { ...session, ...more } });
    expect(run(order(), shell)).toMatchObject({ stdout: 'a b|', code: 0 });
    expect(run(order({ required: true }), shell)).toMatchObject({ code: 78 });
    const folder = join(home, '.claude/projects', cwd.replaceAll(/[^A-Za-z0-9]/g, '-'));
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'x.jsonl');
    writeFileSync(file, '{"cwd":"/elsewhere"}');
    expect(run(order(), shell).stdout).toBe('a b|');
    writeFileSync(file, `{"cwd":"${cwd}"}`);
    expect(run(order({ required: true }), shell).stdout).toBe('a b|--go|on $x|');
    const hourAgo = new Date(Date.now() - 3_600_000);
    utimesSync(file, hourAgo, hourAgo);
    expect(run(order({ maxAgeMinutes: 30 }), shell).stdout).toBe('a b|');
    expect(run(order({ maxAgeMinutes: 90 }), shell).stdout).toBe('a b|--go|on $x|');
  });

  it('hands on any words', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
          { maxLength: 5 },
        ),
        (words) => {
          expect(run(launch({ argv: ['printf', '%s\\0', 'x', ...words] }), shell).stdout).toBe(
            ['x', ...words, ''].join('\0'),
          );
        },
      ),
      { numRuns: 15 },
    );
  });

  it('reads env files literally; what the manifest says wins', () => {
    mkdirSync(join(dir, 'work'));
    writeFileSync(
      join(dir, 'work', 'my env'),
      '# note\n\n  export A=1\r\nB="two words"\nC=\'$(touch pwned)\'\nD=`id` $HOME # kept\nE=a=b\nWON=no\nLAST=x"y',
    );
    const { stdout, stderr } = run(launch({ envFiles: ['my env'], env: { WON: 'yes' } }), shell);
    expect(stderr).toBe('');
    expect(Object.fromEntries(environment(stdout))).toMatchObject({
      A: '1',
      B: 'two words',
      C: '$(touch pwned)',
      D: '`id` $HOME # kept',
      E: 'a=b',
      WON: 'yes',
      LAST: 'x"y',
    });
    expect(() => statSync(join(dir, 'work', 'pwned'))).toThrow();
  });

  it.each([
    ['a missing file', undefined, 'envFiles: ./env cannot be read'],
    ['a bad name', '1X=2', '"1X" is not a variable name'],
    ['syntax', 'A;touch pwned=1', 'is not a variable name'],
    ['a variable that bash calculates', 'RANDOM=a[$(touch pwned)]', "is a variable of the shell's own"],
    ['no value', 'JUST_A_WORD', '"JUST_A_WORD" has no value'],
  ])('ends with 78 and a reason for an env file with %s', (_, content, message) => {
    mkdirSync(join(dir, 'work'));
    if (content !== undefined) writeFileSync(join(dir, 'work', 'env'), content);
    const { code, stderr, stdout } = run(launch({ envFiles: ['env'] }), shell);
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toContain(message);
    expect(existsSync(join(dir, 'work', 'pwned'))).toBe(false);
  });

  it('ends with 78 when the workspace cannot be made', () => {
    writeFileSync(join(dir, 'file'), '');
    const { code, stderr } = run(launch({ cwd: join(dir, 'file', 'below') }), shell);
    expect(code).toBe(78);
    expect(stderr).toContain(`workspace ${join(dir, 'file', 'below')} cannot be used`);
  });

  it('runs preStart in order, with environment and workspace, and a failing one ends the start', () => {
    const ok = run(
      launch({ env: { X: '1' }, preStart: ['echo "$X" > a', 'cat a; echo "$SAC_ID"'], argv: ['echo', 'agent'] }),
      shell,
    );
    expect(ok.stdout).toBe(`1\n${ID}\nagent\n`);
    const failed = run(launch({ preStart: ['true', "echo 'it''s'; exit 5", 'echo never'] }), shell);
    expect(failed.code).toBe(5);
    expect(failed.stdout).toBe('its\n');
    expect(failed.stderr).toContain("sac: preStart hook failed with code 5: echo 'it''s'; exit 5");
  });

  it('ends a preStart that hangs, and says so', () => {
    const { code, stdout, stderr } = run(launch({ preStart: ['exec sleep 60'], preStartMs: 1_000 }), shell);
    expect({ code, stdout }).toEqual({ code: 124, stdout: '' });
    expect(stderr).toContain(
      'sac: preStart hook took longer than 1 s (hooks.preStartTimeout) and was ended: exec sleep 60',
    );
  });

  it('runs postStart beside the agent, which has no child of ours, and keeps what it said', () => {
    const argv = ['sh', '-c', 'until [ -f done ]; do :; done; cat "/proc/$$/task/$$/children"'];
    const { stdout, stderr } = run(launch({ postStart: ['echo "one $SAC_ID"', 'exit 3', 'touch done'], argv }), shell);
    // Only cat itself.
    expect(stdout.trim().split(' ').length).toBe(1);
    expect(stderr).toBe('');
    expect(readFileSync(join(dir, 'logs', 'web', 'hooks.log'), 'utf8')).toBe(
      `one ${ID}\nsac: postStart hook failed with code 3: exit 3\n`,
    );
    expect(statSync(join(dir, 'logs', 'web', 'hooks.log')).mode & 0o777).toBe(0o600);
  });

  it('tells 127 for a missing program', () => {
    const { code, stderr } = run(launch({ argv: ['no-such-program'] }), shell);
    expect(code).toBe(127);
    expect(stderr).toBe('sac: no-such-program is not installed here, or not in the PATH of the agent\n');
  });
});

describe('renderLaunchScript', () => {
  it('refuses what no script can say', () => {
    expect(() => renderLaunchScript(launch({ env: { 'A B': '1' } }), dirs())).toThrow(RuntimeError);
    expect(() => renderLaunchScript(launch({ env: { RANDOM: 'a[$(touch pwned)]' } }), dirs())).toThrow(RuntimeError);
    expect(() => renderLaunchScript(launch({ argv: ['a\0b'] }), dirs())).toThrow(RuntimeError);
    expect(() => renderLaunchScript(launch({ argv: [] }), dirs())).toThrow(RuntimeError);
  });

  it('is valid sh', () => {
    execFileSync('sh', [
      '-n',
      '-c',
      renderLaunchScript(launch({ envFiles: ['a'], preStart: ['b'], postStart: ['c'] }), dirs()),
    ]);
  });
});

describe('a lease', () => {
  const lease = () => ({ file: join(dir, 'lease'), ms: 5_000 });

  it('that is held lets the agent begin, without renewing it', () => {
    writeFileSync(lease().file, '');
    const before = Math.floor(Date.now() / 1_000) - 2;
    utimesSync(lease().file, before, before);
    expect(run(launch({ argv: ['echo', 'begun'], lease: lease() })).stdout).toBe('begun\n');
    expect(statSync(lease().file).mtimeMs).toBe(before * 1_000);
  });

  it.each([
    ['has run out', true],
    ['was never given', false],
  ])('that %s ends the start before anything of the agent runs', (_, given) => {
    if (given) writeFileSync(lease().file, '');
    if (given) utimesSync(lease().file, 1, 1);
    const { code, stdout, stderr } = run(launch({ argv: ['echo', 'begun'], preStart: ['echo pre'], lease: lease() }));
    expect([code, stdout]).toEqual([75, '']);
    expect(stderr).toContain('the lease of this host has run out');
  });
});

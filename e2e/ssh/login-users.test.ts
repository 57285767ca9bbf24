import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../harness.ts';
import { failure, type Sshd, SshLab } from './lab.ts';

let lab: SshLab;
let sshd: Sshd;
beforeAll(async () => {
  lab = new SshLab();
  sshd = await lab.sshd();
});
afterAll(() => lab[Symbol.asyncDispose]());

const NASTY = [
  '',
  ' ',
  "it's",
  '"',
  '$(touch canary)',
  '`touch canary`',
  '${HOME}',
  'a\nb\n',
  '\t\r',
  '\\',
  '\\\n',
  '!',
  '!!',
  'a!b',
  '^a^b',
  '*',
  '~',
  '{a,b}',
  ';#&|<>',
  '%s%b\\0101',
  'é日本🙂Á',
  '\u0001\u0081\u007f',
  '-n',
  'x'.repeat(20_000),
];

describe.each(['bash', 'dash', 'zsh', 'fish', 'bsd-csh', 'tcsh'])('a user with %s as login shell', (shell) => {
  it('is no different: words, input, environment, folder, files, conversations', async () => {
    const user = lab.user(shell);
    const home = lab.homeOf(user);
    // What profile files print must not be taken for an answer.
    for (const file of ['.bashrc', '.zshenv', '.cshrc', '.tcshrc'])
      writeFileSync(join(home, file), 'echo noise from a profile\n');
    const t = lab.transport(sshd, { user });
    const cwd = join(home, "a 'b' $(id) é!");
    await t.putFiles([{ path: join(cwd, 'file!'), content: NASTY.join('\n'), mode: 0o640 }]);
    expect(readFileSync(join(cwd, 'file!'), 'utf8')).toBe(NASTY.join('\n'));
    expect(statSync(join(cwd, 'file!')).mode & 0o777).toBe(0o640);
    const env = Object.fromEntries(NASTY.map((value, i) => [`V${i}`, value]));
    const tool = 'printf "%s\\0" "$PWD" "$@"; env -0; cat; echo late >&2; exit 5';
    const said = await t.run(['/bin/sh', '-c', tool, 'sh', ...NASTY], {
      env: { PATH: '/usr/bin:/bin', ...env },
      cwd,
      stdin: 'in\nput!\n',
    });
    const parts = said.stdout.split('\0');
    expect(parts.slice(0, NASTY.length + 1)).toEqual([cwd, ...NASTY]);
    for (const [name, value] of Object.entries(env)) expect(parts).toContain(`${name}=${value}`);
    expect(parts.at(-1)).toBe('in\nput!\n');
    expect(said).toMatchObject({ code: 5, stderr: 'late\n' });
    const lines: string[] = [];
    const conversation = t.converse(['cat'], (line) => lines.push(line));
    conversation.write("!'$(id)é");
    await until('the echo', () => lines.length);
    conversation[Symbol.dispose]();
    expect(lines).toEqual(["!'$(id)é"]);
    expect((await failure(t.run(['no-such-program']))).kind).toBe('missing-program');
    expect((await t.run(['ls', home])).stdout).not.toContain('canary');
  });

  it('may have its profile files read first', async () => {
    const user = lab.user(shell === 'tcsh' ? '/bin/tcsh' : shell);
    const home = lab.homeOf(user);
    for (const file of ['.profile', '.bash_profile', '.zprofile'])
      writeFileSync(join(home, file), 'echo hello; export LANG=declared\n');
    writeFileSync(join(lab.dir, 'x'), '');
    const said = await lab
      .transport(sshd, { user, loginShell: true })
      .run(['sh', '-c', 'printf "%s|$LANG" "$1"; cat', 'sh', "it's!\n"], { stdin: 'x' });
    expect(said.stdout).toBe(`it's!\n|${shell === 'fish' ? '' : 'declared'}x`);
  });
});

it('a user who may not log in is told with what the machine said', async () => {
  const error = await failure(lab.transport(sshd, { user: lab.user('/usr/sbin/nologin') }).run(['true']));
  expect(error).toMatchObject({ kind: 'unreachable', message: expect.stringContaining('not available') });
});

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VERBS } from '../verbs/index.ts';
import { complete, flagsOf, type Names } from './candidates.ts';
import { completionScript } from './scripts.ts';

const names: Names = {
  of: async (plural) =>
    ({ agents: ['api', 'web'], instances: ['web', 'web-1', 'api'], hosts: ['local'] })[plural] ?? [],
  contexts: async () => ['lab', 'local'],
  accounts: async () => ['work'],
  fieldsBelow: async () => [{ value: 'agent.spec.' }],
};
const offered = async (line: string) => {
  const { candidates, ...how } = await complete(line.split(' ').slice(1), VERBS, names);
  return { ...how, values: candidates.map(({ value }) => value) };
};

describe('what could come next', () => {
  it.each([
    ['sac des', ['describe']],
    ['sac agent des', ['describe']],
    ['sac agents start w', ['web']],
    ['sac logs ', ['api', 'web']],
    ['sac logs agent/', ['agent/api', 'agent/web']],
    ['sac stop web ', ['api']],
    ['sac get ', ['agents', 'instances', 'events', 'hosts', 'gitsources', 'notifiers', 'budgets', 'reservations']],
    ['sac get agents ', ['api', 'web']],
    ['sac get hosts ', ['local']],
    ['sac get -o y', ['yaml']],
    ['sac get agents --output=j', ['--output=json', '--output=jsonpath=']],
    ['sac logs web --instance ', ['web', 'web-1']],
    ['sac logs web --fol', ['--follow']],
    ['sac logs web --follow --fol', []],
    ['sac --context ', ['lab', 'local']],
    ['sac --context lab logs w', ['web']],
    ['sac config use-context l', ['lab', 'local']],
    ['sac config u', ['use-context']],
    ['sac token create --role ', ['admin', 'operator', 'viewer']],
    ['sac convert --to ', ['sac/v1', 'original']],
    ['sac apply --dry-run ', ['client', 'server']],
    ['sac wait web --for d', ['delete']],
    ['sac events --for agent/w', ['agent/web']],
    ['sac completion z', ['zsh']],
    ['sac label w', ['web']],
    ['sac tree ', ['api', 'web']],
    ['sac tree agent/', ['agent/api', 'agent/web']],
    ['sac top ', ['agents', 'instances', 'hosts', 'api', 'web']],
    ['sac top hosts ', ['local']],
    ['sac top web ', ['api']],
    ['sac top --sort-by m', ['memory']],
    ['sac nonsense ', []],
  ])('%s', async (line, values) => expect((await offered(line)).values).toEqual(values));

  it('is files where files are meant', async () => {
    for (const line of ['sac apply -f ', 'sac validate x', 'sac exec web -- l', 'sac start '])
      expect(await offered(line)).toMatchObject({ files: true });
    expect(await offered('sac stop ')).toMatchObject({ files: false });
  });
  it('wants no space where more of the word is to come', async () => {
    expect(await offered('sac explain ag')).toMatchObject({ nospace: true });
    expect(await offered('sac explain agent.x')).toMatchObject({ nospace: false });
  });
  it('never offers what is hidden', async () => expect((await offered('sac ')).values).not.toContain('__complete'));
  it('knows every flag of every verb', async () => {
    for (const { name, options = [], hidden } of VERBS) {
      if (hidden) continue;
      const { values } = await offered(`sac ${name} --`);
      const long = options.flatMap(({ flags }) => flagsOf(flags).filter((one) => one.startsWith('--')));
      expect(values).toEqual(expect.arrayContaining(long));
    }
  });
});

const has = (program: string) => spawnSync('which', [program]).status === 0;

describe('the scripts', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sac-completion-test-'));
    writeFileSync(
      join(folder, 'sac'),
      `#!/bin/sh
printf '%s\\n' "$@" > '${folder}/asked'
cat '${folder}/answer'
`,
    );
    chmodSync(join(folder, 'sac'), 0o755);
    for (const shell of ['bash', 'zsh', 'fish']) writeFileSync(join(folder, shell), completionScript(shell));
    writeFileSync(join(folder, 'file with space'), '');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const env = () => ({ ...process.env, PATH: `${folder}:${process.env['PATH']}` });
  const asked = () => readFileSync(join(folder, 'asked'), 'utf8').split('\n').slice(0, -1);

  /** What bash would offer behind these words; bash itself cuts at "=". */
  function inBash(words: readonly string[], answer: string): readonly string[] {
    writeFileSync(join(folder, 'answer'), answer);
    const script = `source '${join(folder, 'bash')}'; cd '${folder}'
COMP_WORDS=(sac "$@"); COMP_CWORD=$#; _sac; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const out = execFileSync('bash', ['--norc', '-c', script, 'bash', ...words], { env: env(), encoding: 'utf8' });
    return out.split('\n').slice(0, -1);
  }

  it.each(['bash', 'zsh', 'fish'].filter(has))('%s takes its script', (shell) => {
    const { status, stderr } = spawnSync(shell, ['-n', join(folder, shell)], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('bash asks with the words that were typed, and offers the answers without descriptions', () => {
    expect(inBash(['agent', 'start', ''], 'web\tan agent\napi\n')).toEqual(['web', 'api']);
    expect(asked()).toEqual(['__complete', '--', 'agent', 'start', '']);
  });
  it('bash puts words together again that it cut at "=", and answers with the part behind it', () => {
    expect(inBash(['get', '--output', '=', 'j'], '--output=json\n')).toEqual(['json']);
    expect(asked()).toEqual(['__complete', '--', 'get', '--output=j']);
    expect(inBash(['get', '--output', '='], '--output=json\n')).toEqual(['json']);
  });
  it('bash takes nothing from names but their text', () => {
    const nasty = '$(touch hacked) `touch hacked` *';
    expect(inBash(['logs', ''], `${nasty}\n`)).toEqual([nasty]);
    expect(() => readFileSync(join(folder, 'hacked'))).toThrow();
  });
  it('bash adds files', () => {
    expect([...inBash(['start', 'fi'], ':files\n')].sort()).toEqual(['file with space', 'fish']);
  });

  /** A line typed into an interactive zsh on a terminal of its own, Enter behind it: what was shown, and what `sac` was run with. */
  function inZsh(typed: string, shows: string, answer: string) {
    writeFileSync(join(folder, 'answer'), answer);
    const script = `zmodload zsh/zpty
zpty z env HOME='${folder}' TERM=dumb zsh -f -i
zpty -w z 'cd ${folder}; autoload -Uz compinit; compinit -D -u; source ./zsh; PS1="rea""dy> "'
zpty -r z shown '*ready> *'
zpty -w -n z "$1"
zpty -r z shown "*$2*"
zpty -w -n z $'\\r'
zpty -r z rest '*ready> *'
print -r -- "$shown"
zpty -d z`;
    const { status, stdout } = spawnSync('zsh', ['-f', '-c', script, 'zsh', typed, shows], {
      env: env(),
      encoding: 'utf8',
      timeout: 15_000,
    });
    expect(status).toBe(0);
    return { shown: stdout, ran: asked() };
  }

  it.runIf(has('zsh'))('zsh completes a word at its prompt', () => {
    const { shown, ran } = inZsh('sac logs w\t', 'web', 'web\tan agent\n');
    expect(shown).toContain('sac logs w');
    expect(ran).toEqual(['logs', 'web']);
  });
  it.runIf(has('zsh'))('zsh lists what there is with descriptions', () => {
    const { shown } = inZsh('sac logs \t\t', 'other', 'web\tan agent\napi\tan other\n');
    expect(shown).toMatch(/web +-- an agent/);
    expect(shown).toMatch(/api +-- an other/);
  });
  it.runIf(has('zsh'))('zsh leaves the cursor at a word that goes on, adds files, and takes nothing but text', () => {
    expect(inZsh('sac logs a\tweb', 'agent/web', 'agent/\n:nospace\n').ran).toEqual(['logs', 'agent/web']);
    expect(inZsh('sac start file\t', 'space', ':files\n').ran).toEqual(['start', 'file with space']);
    const nasty = '$(touch hacked) `touch hacked` a:b';
    expect(inZsh('sac logs \t', 'a:b', `${nasty}\n`).ran).toEqual(['logs', nasty]);
    expect(() => readFileSync(join(folder, 'hacked'))).toThrow();
  });

  it.runIf(has('fish'))('fish offers what sac answers', () => {
    writeFileSync(join(folder, 'answer'), 'web\tan agent\napi\n:nospace\n');
    const out = execFileSync(
      'fish',
      ['--no-config', '-c', `source '${join(folder, 'fish')}'; complete -C 'sac logs '`],
      {
        env: env(),
        encoding: 'utf8',
      },
    );
    expect(out.split('\n').slice(0, -1).sort()).toEqual(['api', 'web\tan agent']);
    expect(asked()).toEqual(['__complete', '--', 'logs', '']);
  });
});

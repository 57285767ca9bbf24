import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAgent, readAgentsDir, readPath } from './files.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-files-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const put = (path: string, content: string | Uint8Array) => {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), content);
};
const AGENT = 'apiVersion: sac/v1\nkind: Agent\nspec: {command: [sleep, "9"]}\n';
const named = (name: string) => `apiVersion: sac/v1\nkind: Agent\nmetadata: {name: ${name}}\nspec: {}\n`;
const OLD = 'apiVersion: scitex-agent-container/v3\nkind: Agent\nspec: {runtime: claude-code}\n';
const names = (read: { readonly documents: readonly { readonly name: string }[] }) =>
  read.documents.map((document) => document.name);
const texts = (read: { readonly problems: readonly { readonly text: string }[] }) =>
  read.problems.map(({ text }) => text.replaceAll(dir, 'D'));

describe('an agents directory', () => {
  it('holds one agent a folder, named by it, with its src_ files', async () => {
    put('web/spec.yaml', AGENT);
    put('web/src_CLAUDE.md', 'hello');
    put('web/README.md', 'no');
    put('db/spec.yml', AGENT);
    put('old/old.yaml', OLD);
    put('.git/spec.yaml', 'broken: [');
    put('_base/spec.yaml', 'broken: [');
    put('notes/todo.txt', '');
    const read = await readAgentsDir(dir);
    expect(read.ok).toBe(true);
    expect(texts(read)).toEqual([]);
    expect(names(read)).toEqual(['db', 'old', 'web']);
    expect(read.documents[2]?.origin).toBe(`${join(dir, 'web/spec.yaml')}:1:1`);
    expect([...read.files]).toEqual([
      ['db', []],
      ['old', []],
      ['web', [{ name: 'src_CLAUDE.md', mode: 0o644, content: Buffer.from('hello').toString('base64') }]],
    ]);
  });

  it('tells everything that is wrong, keeps the healthy, and names the broken so that nobody prunes them', async () => {
    put('good/spec.yaml', AGENT);
    put('half/spec.yaml', 'apiVersion: sac/v1\nkind: Agent\nspec: {comm');
    put('empty/spec.yaml', '');
    put('twice/spec.yaml', AGENT);
    put('twice/spec.yml', AGENT);
    put('large/spec.yaml', `${AGENT}#${'x'.repeat(1_048_576)}`);
    put('latin/spec.yaml', Uint8Array.from([0x61, 0x3a, 0x20, 0xe9]));
    put('renamed/spec.yaml', named('other'));
    put('flat.yaml', AGENT);
    mkdirSync(join(dir, 'folder/spec.yaml'), { recursive: true });
    const read = await readAgentsDir(dir);
    expect(read.ok).toBe(true);
    expect(names(read)).toEqual(['good']);
    expect(texts(read)).toEqual([
      'D/empty/spec.yaml:1:1: holds no manifest',
      'D/flat.yaml:1:1: is not read: in an agents directory an agent lives in flat/spec.yaml',
      'D/folder/spec.yaml:1:1: is not a regular file',
      expect.stringContaining('D/half/spec.yaml:3:12: is not valid YAML'),
      'D/large/spec.yaml:1:1: is larger than 1 MiB, which no manifest needs',
      'D/latin/spec.yaml:1:1: is not UTF-8 text',
      'D/renamed/spec.yaml:3:18 metadata.name: "other" does not match the folder "renamed"; leave it out or make them the same',
      'D/twice/spec.yml:1:1: stands beside spec.yaml; keep one of them',
    ]);
    expect([...read.brokenNames].sort()).toEqual(['empty', 'folder', 'half', 'large', 'latin', 'renamed', 'twice']);
  });

  it('that is missing, or no directory, is a problem and never an empty fleet', async () => {
    put('file', '');
    for (const path of ['nowhere', 'file', 'file/below']) {
      const read = await readAgentsDir(join(dir, path));
      expect(read.ok).toBe(false);
      expect(read.problems).toHaveLength(1);
    }
    expect(readAgent(join(dir, 'nowhere'), 'x').ok).toBe(false);
  });

  it('is not left through symlinks, but may use them inside', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'sac-outside-'));
    try {
      writeFileSync(join(outside, 'spec.yaml'), AGENT);
      put('inside/spec.yaml', AGENT);
      mkdirSync(join(dir, 'linked'));
      symlinkSync('../inside/spec.yaml', join(dir, 'linked/spec.yaml'));
      symlinkSync('inside', join(dir, 'alias'));
      mkdirSync(join(dir, 'thief'));
      symlinkSync(join(outside, 'spec.yaml'), join(dir, 'thief/spec.yaml'));
      symlinkSync(outside, join(dir, 'away'));
      mkdirSync(join(dir, 'round'));
      symlinkSync('spec.yaml', join(dir, 'round/spec.yaml'));
      mkdirSync(join(dir, 'dangling'));
      symlinkSync('gone', join(dir, 'dangling/spec.yaml'));
      const read = await readAgentsDir(dir);
      expect(names(read)).toEqual(['alias', 'inside', 'linked']);
      expect(texts(read)).toEqual([
        'D/away:1:1: is a symbolic link that leaves the directory D',
        'D/dangling/spec.yaml:1:1: does not exist',
        'D/round/spec.yaml:1:1: cannot be read: a symbolic link that leads in circles, or changed while it was opened',
        'D/thief/spec.yaml:1:1: is a symbolic link that leaves the directory D',
      ]);
      expect([...read.brokenNames].sort()).toEqual(['away', 'dangling', 'round', 'thief']);
    } finally {
      rmSync(outside, { recursive: true, force: true });
    }
  });

  it('with a pipe in it does not hang', async () => {
    mkdirSync(join(dir, 'pipe'));
    execFileSync('mkfifo', [join(dir, 'pipe/spec.yaml')]);
    const read = await readAgentsDir(dir);
    expect(texts(read)).toEqual(['D/pipe/spec.yaml:1:1: is not a regular file']);
    expect(texts(await readPath(join(dir, 'pipe/spec.yaml')))).toEqual(['D/pipe/spec.yaml:1:1: is not a regular file']);
    expect(texts(await readPath('/dev/zero'))).toEqual(['/dev/zero:1:1: is not a regular file']);
  });

  it('answers for one agent alone, as it would for all', () => {
    put('web/spec.yaml', AGENT);
    put('bad/spec.yaml', 'a: [');
    expect(names(readAgent(dir, 'web'))).toEqual(['web']);
    expect([...readAgent(dir, 'bad').brokenNames]).toEqual(['bad']);
    expect(readAgent(dir, 'gone')).toMatchObject({ ok: true, documents: [], problems: [] });
  });

  it('keeps an old agent whose folder is no valid name under the name it gets', async () => {
    put('Head_Nas/Head_Nas.yaml', OLD);
    expect(names(await readAgentsDir(dir))).toEqual(['head-nas']);
    put('Head_Nas/Head_Nas.yaml', 'a: [');
    expect([...(await readAgentsDir(dir)).brokenNames]).toContain('head-nas');
  });
});

describe('apply -f', () => {
  it('reads a file of many documents, and a spec.yaml by its folder', async () => {
    put('all.yaml', `${named('a')}---\n${named('b')}`);
    put('web/spec.yaml', AGENT);
    expect(names(await readPath(join(dir, 'all.yaml')))).toEqual(['a', 'b']);
    expect(names(await readPath(join(dir, 'web/spec.yaml')))).toEqual(['web']);
    put('old/old.yaml', OLD);
    expect(names(await readPath(join(dir, 'old/old.yaml')))).toEqual(['old']);
  });

  it('reads the files and the agent folders of a directory, and everything below with -R', async () => {
    put('b.yml', named('b'));
    put('c.json', JSON.stringify({ apiVersion: 'sac/v1', kind: 'Agent', metadata: { name: 'c' }, spec: {} }));
    put('web/spec.yaml', AGENT);
    put('web/src_settings.yaml', 'not: a manifest');
    put('deep/er/d.yaml', named('d'));
    put('deep/er/e/spec.yaml', AGENT);
    put('README.md', '');
    const flat = await readPath(dir);
    expect([names(flat), texts(flat)]).toEqual([['b', 'c', 'web'], []]);
    const deep = await readPath(dir, { recursive: true });
    expect([names(deep), texts(deep)]).toEqual([['b', 'c', 'd', 'e', 'web'], []]);
  });

  it('tells of a name declared in two files', async () => {
    put('1.yaml', named('a'));
    put('2.yaml', named('a'));
    const read = await readPath(dir);
    expect(names(read)).toEqual(['a']);
    expect(texts(read)).toEqual(['D/2.yaml:1:1 metadata.name: agent "a" is already declared at D/1.yaml:1:1']);
  });

  it('does not walk in circles', async () => {
    put('a/a.yaml', named('a'));
    symlinkSync('..', join(dir, 'a/up'));
    expect(names(await readPath(dir, { recursive: true }))).toEqual(['a']);
  });

  it('reads standard input', async () => {
    expect(names(await readPath('-', { stdin: named('a') }))).toEqual(['a']);
    expect(texts(await readPath('-', { stdin: Buffer.from([0xff]) }))).toEqual(['<stdin>:1:1: is not UTF-8 text']);
    expect(texts(await readPath('-'))).toEqual(['<stdin>:1:1: holds no manifest']);
  });

  it('says that there is nothing', async () => {
    expect(texts(await readPath(dir))).toEqual([
      'D:1:1: holds no manifest (*.yaml, *.yml, *.json or <name>/spec.yaml)',
    ]);
    expect(texts(await readPath(join(dir, 'x.yaml')))).toEqual(['D/x.yaml:1:1: does not exist']);
  });
});

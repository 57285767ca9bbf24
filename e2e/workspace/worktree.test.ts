/** A git worktree for every instance, through the real CLI: made, shared with nobody, and never let go of with work in it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { execManifest, Fleet, run, until } from '../harness.ts';

let fleet: Fleet;
let repo: string;
beforeEach(async () => {
  fleet = new Fleet({}, { calls: 'here' });
  repo = join(fleet.dir, 'repo');
  fleet.write('repo/README.md', 'readme\n');
  fleet.write('repo/CLAUDE.md', 'of the repository\n');
  fleet.write('repo/.mcp.json', '{}');
  fleet.write('repo/.claude/settings.json', '{}');
  fleet.write('repo/.claude/notes.md', 'notes\n');
  await git(['init', '-q', '-b', 'main']);
  await commit(repo, 'first');
});
afterEach(() => fleet[Symbol.asyncDispose]());

async function git(args: readonly string[], cwd = repo): Promise<string> {
  const { code, stdout, stderr } = await run('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
    env: fleet.env,
    cwd,
  });
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}
const commit = async (cwd: string, message: string) => {
  await git(['add', '-A'], cwd);
  await git(['commit', '-q', '-m', message], cwd);
};
const work = (instance: string, ...path: readonly string[]) => join(fleet.home, 'workspaces', instance, ...path);
const ready = () => until('web is ready', async () => (await fleet.json(['get', 'agent', 'web'])).status.ready);
const gone = () => until('web is gone', async () => (await fleet.here(['get', 'agent', 'web'])).code !== 0);
const messages = async (reason: string): Promise<readonly string[]> =>
  (await fleet.json(['get', 'events'])).items
    .filter((event: { reason: string }) => event.reason === reason)
    .map(({ message }: { message: string }) => message);

async function start(spec: Readonly<Record<string, unknown>>, files: Readonly<Record<string, string>> = {}) {
  fleet.write(
    'mine/web/spec.yaml',
    execManifest('web', ['sleep', '1000'], {
      place: { runtime: 'process' },
      terminationGracePeriodSeconds: 1,
      ...spec,
    }),
  );
  for (const [name, content] of Object.entries(files)) fleet.write(`mine/web/${name}`, content);
  await fleet.controller();
  await fleet.ok(['apply', '-f', 'mine']);
  await ready();
}

test('each replica has its own worktree and branch; without work it goes with its agent', async () => {
  await start({ replicas: 2, workspace: { git: { repo } } }, { 'src_CLAUDE.md': 'deployed\n', src_env: 'A=1\n' });
  expect(await git(['branch', '--format=%(refname:short)'])).toBe('main\nsac/web\nsac/web-1');
  for (const instance of ['web', 'web-1']) {
    expect(readFileSync(work(instance, 'README.md'), 'utf8')).toBe('readme\n');
    expect(await git(['symbolic-ref', '--short', 'HEAD'], work(instance))).toBe(`sac/${instance}`);
    // What a commit holds needs no copy; secrets that were deployed are not offered to `git add -A`.
    expect(existsSync(work(instance, 'CLAUDE.md.orig'))).toBe(false);
    expect(await git(['status', '--porcelain'], work(instance))).toBe('M CLAUDE.md');
  }
  await fleet.ok(['delete', 'agent', 'web', '--wait']);
  await gone();
  expect([existsSync(work('web')), existsSync(work('web-1'))]).toEqual([false, false]);
  expect(await git(['branch', '--format=%(refname:short)'])).toBe('main');
  expect(await git(['for-each-ref', 'refs/sac'])).toBe('');
  expect(await git(['status', '--porcelain'])).toBe('');
});

test('uncommitted work is rescued to a ref, and kept; deployed files are no work', async () => {
  await start({ workspace: { git: { repo } } }, { 'src_CLAUDE.md': 'deployed\n' });
  writeFileSync(work('web', 'new.txt'), 'work\n');
  await fleet.ok(['delete', 'agent', 'web', '--wait']);
  await gone();
  expect(readFileSync(work('web', 'new.txt'), 'utf8')).toBe('work\n');
  const [ref = ''] = (await git(['for-each-ref', '--format=%(refname)', 'refs/sac/rescued'])).split('\n');
  expect(ref).toMatch(/^refs\/sac\/rescued\/web-\d{8}T\d{6}Z$/);
  expect(await git(['show', `${ref}:new.txt`])).toBe('work');
  expect(await git(['show', `${ref}:CLAUDE.md`])).toBe('of the repository');
  expect((await messages('WorkRescued'))[0]).toContain(ref);
  // The worktree's own state is as the agent left it, and a new agent of the name goes on there.
  expect(await git(['status', '--porcelain'], work('web'))).toContain('?? new.txt');
  await fleet.ok(['apply', '-f', 'mine']);
  await ready();
  expect(readFileSync(work('web', 'new.txt'), 'utf8')).toBe('work\n');
});

test('commits that are on no other branch are rescued; merged ones are not', async () => {
  await start({ workspace: { git: { repo, ref: 'main' } } });
  fleet.write('home/workspaces/web/done.txt', 'done\n');
  await commit(work('web'), 'work');
  const head = await git(['rev-parse', 'HEAD'], work('web'));
  await fleet.ok(['delete', 'agent', 'web', '--wait']);
  await gone();
  expect(await git(['for-each-ref', '--format=%(objectname)', 'refs/sac/rescued'])).toBe(head);
  expect(existsSync(work('web', 'done.txt'))).toBe(true);
  await git(['merge', '-q', 'sac/web']);
  await fleet.ok(['apply', '-f', 'mine']);
  await ready();
  await fleet.ok(['delete', 'agent', 'web', '--wait']);
  await gone();
  expect(existsSync(work('web'))).toBe(false);
});

test('from an address: cloned once; not trusted: its code for agents is not checked out', async () => {
  await start({ replicas: 2, workspace: { trust: false, git: { repo: `file://${repo}`, ref: 'main' } } });
  expect(readFileSync(work('web-1', '.claude', 'notes.md'), 'utf8')).toBe('notes\n');
  expect([work('web', '.mcp.json'), work('web', '.claude', 'settings.json')].map((path) => existsSync(path))).toEqual([
    false,
    false,
  ]);
  expect(await git(['status', '--porcelain'], work('web'))).toBe('');
  expect(await git(['branch', '--format=%(refname:short)'])).toBe('main');
});

test('a repository that is not there, and a ref it does not know, are told; nothing starts', async () => {
  fleet.write('a.yaml', execManifest('web', ['sleep', '1000'], { workspace: { git: { repo: '/nonexistent' } } }));
  await fleet.controller();
  await fleet.ok(['apply', '-f', 'a.yaml']);
  const told = (text: string) =>
    until(text, async () => {
      const { conditions } = (await fleet.json(['get', 'agent', 'web'])).status.instances[0];
      const found = conditions.find(({ type }: { type: string }) => type === 'FilesSynced');
      if (!found?.message.includes(text)) throw new Error(JSON.stringify(found));
      return found;
    });
  expect((await told('/nonexistent is not a folder there')).reason).toBe('Refused');
  fleet.write('a.yaml', execManifest('web', ['sleep', '1000'], { workspace: { git: { repo, ref: 'nope' } } }));
  await fleet.ok(['apply', '-f', 'a.yaml']);
  await told('nope is not known in');
  expect(fleet.marked()).toEqual([]);
});

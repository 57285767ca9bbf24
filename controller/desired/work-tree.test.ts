import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { commitOf } from './work-tree.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-worktree-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
    cwd: dir,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: dir, GIT_CONFIG_NOSYSTEM: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
    .toString()
    .trim();
const commit = () => git('commit', '-q', '--allow-empty', '-m', 'x');
const head = () => git('rev-parse', 'HEAD');

it('is what git says: on a branch, packed, detached, in a linked work tree, in a folder below', async () => {
  git('init', '-q', '-b', 'main');
  expect(await commitOf(dir)).toBeUndefined();
  commit();
  expect(await commitOf(dir)).toBe(head());
  git('pack-refs', '--all');
  expect(await commitOf(dir)).toBe(head());
  const first = head();
  commit();
  mkdirSync(join(dir, 'agents'));
  expect(await commitOf(join(dir, 'agents'))).toBe(head());
  git('worktree', 'add', '-q', '-b', 'other', join(dir, 'linked'), first);
  expect(await commitOf(join(dir, 'linked'))).toBe(first);
  git('checkout', '-q', '--detach', first);
  expect(await commitOf(dir)).toBe(first);
});

it('is none where a HEAD points out of the repository', async () => {
  git('init', '-q', '-b', 'main');
  writeFileSync(join(dir, 'secret'), 'a'.repeat(40));
  writeFileSync(join(dir, '.git', 'HEAD'), 'ref: refs/../../secret\n');
  expect(await commitOf(dir)).toBeUndefined();
});

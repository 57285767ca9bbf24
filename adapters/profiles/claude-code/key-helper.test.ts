import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLocalTransport } from '../../transport/local/local-transport.ts';
import { keyHelpers } from './key-helper.ts';

let dir: string;
let cwd: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "sac key'helper-"));
  cwd = join(dir, 'work');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const settings = (folder: string, name: string, content: unknown) => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content, undefined, 2));
  return join(folder, name);
};
const helper = { apiKeyHelper: '/bin/key.sh' };
const found = (env: Readonly<Record<string, string>> = {}) =>
  keyHelpers(createLocalTransport({ ...process.env, HOME: dir }), { cwd, env });

test('an apiKeyHelper is found in the home and in the workspace, each by its file', async () => {
  expect(await found()).toEqual([]);
  const own = settings(join(dir, '.claude'), 'settings.json', helper);
  const project = settings(join(cwd, '.claude'), 'settings.json', '{"model":"opus","apiKeyHelper" :\t"x"}');
  const local = settings(join(cwd, '.claude'), 'settings.local.json', helper);
  expect(await found()).toEqual([own, project, local]);
});

test('the home and the folder of settings are those that the agent has', async () => {
  settings(join(dir, '.claude'), 'settings.json', helper);
  const elsewhere = settings(join(dir, 'other', '.claude'), 'settings.json', helper);
  expect(await found({ HOME: join(dir, 'other') })).toEqual([elsewhere]);
  expect(await found({ HOME: join(dir, 'none') })).toEqual([]);
  const folder = settings(join(dir, 'config'), 'settings.json', helper);
  expect(await found({ CLAUDE_CONFIG_DIR: join(dir, 'config') })).toEqual([folder]);
});

test.each([{}, { apiKeyHelper: '' }, { apiKeyHelper: null }, { hooks: { x: 'apiKeyHelper' } }, 'no JSON'])(
  'none in %j',
  async (content) => {
    settings(join(cwd, '.claude'), 'settings.json', content);
    expect(await found()).toEqual([]);
  },
);

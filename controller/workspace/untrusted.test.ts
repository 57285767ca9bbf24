import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Transport } from '../../adapters/transport/transport.ts';
import { type FleetId, instanceId } from '../../api/resources/names.ts';
import { RefusedFiles } from './place-look.ts';
import { setAsideUntrusted } from './untrusted.ts';

const ID = instanceId('0badcafe' as FleetId, 'web');
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-untrusted-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const run: Transport['run'] = async ([program = '', ...args]) => {
  try {
    return { code: 0, stdout: execFileSync(program, args, { encoding: 'utf8', timeout: 20_000 }), stderr: '' };
  } catch (error) {
    return { code: 3, stdout: '', stderr: String((error as { stderr?: unknown }).stderr) };
  }
};
const strip = () => setAsideUntrusted(join(dir, 'work'), ID, { run } as unknown as Transport);
const put = (path: string) => {
  mkdirSync(join(dir, 'work', path, '..'), { recursive: true });
  writeFileSync(join(dir, 'work', path), path);
};

it('keeps everything under new names, once', async () => {
  for (const name of ['.mcp.json', '.mcp.json.untrusted', '.envrc', '.claude/settings.local.json', 'src/a.ts'])
    put(name);
  expect(await strip()).toEqual(['.mcp.json.untrusted.2', '.envrc.untrusted', '.claude/settings.local.json.untrusted']);
  expect(readdirSync(join(dir, 'work')).sort()).toEqual(
    ['.claude', '.envrc.untrusted', '.mcp.json.untrusted', '.mcp.json.untrusted.2', '.sac', 'src'].sort(),
  );
  put('.mcp.json');
  expect(await strip()).toEqual([]);
  expect(existsSync(join(dir, 'work', '.mcp.json'))).toBe(true);
});

it('sets a link aside, and nothing where it leads', async () => {
  mkdirSync(join(dir, 'elsewhere'));
  writeFileSync(join(dir, 'elsewhere', 'settings.json'), '{}');
  mkdirSync(join(dir, 'work'));
  symlinkSync('../elsewhere', join(dir, 'work', '.claude'));
  expect(await strip()).toEqual(['.claude.untrusted']);
  expect(readdirSync(join(dir, 'elsewhere'))).toEqual(['settings.json']);
});

it('starts nothing where it cannot look: the mark is no link', async () => {
  mkdirSync(join(dir, 'work'));
  mkdirSync(join(dir, 'elsewhere'));
  symlinkSync('../elsewhere', join(dir, 'work', '.sac'));
  await expect(strip()).rejects.toThrow(RefusedFiles);
  expect(readdirSync(join(dir, 'elsewhere'))).toEqual([]);
});

it('begins with a new workspace too: what the agent makes there stays', async () => {
  expect(await strip()).toEqual([]);
  put('.mcp.json');
  expect(await strip()).toEqual([]);
  expect(existsSync(join(dir, 'work', '.mcp.json'))).toBe(true);
});

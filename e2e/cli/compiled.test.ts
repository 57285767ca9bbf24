import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { CONTROLLER_NODE_FLAGS } from '../../cli/client/node-flags.ts';

const DIST = resolve(import.meta.dirname, '..', '..', 'dist');
const TAKEN = `
  const { readFileSync } = require('node:fs');
  const [source, cachedData] = [readFileSync('controller.program.cjs', 'latin1'), readFileSync('controller.program.cache')];
  console.log(!new (require('node:vm').Script)(source, { filename: 'controller.program.cjs', cachedData }).cachedDataRejected);
`;
const scratch: string[] = [];
afterEach(() => {
  for (const folder of scratch.splice(0)) rmSync(folder, { recursive: true });
});

const node = (flags: readonly string[], cwd: string, ...args: readonly string[]) =>
  spawnSync(process.execPath, [...flags, ...args], { cwd, encoding: 'utf8' });

describe('the compiled code of the controller', () => {
  it('fits the flags a controller is started with, and no others', () => {
    expect(node(CONTROLLER_NODE_FLAGS, DIST, '-e', TAKEN).stdout.trim()).toBe('true');
    expect(node(['--no-opt'], DIST, '-e', TAKEN).stdout.trim()).toBe('false');
  });

  it('is of a text that means the same in every encoding, for it is read as Latin-1', () => {
    const found = /.{0,40}[\x80-\xff].{0,40}/.exec(readFileSync(join(DIST, 'controller.program.cjs'), 'latin1'));
    expect(found?.[0]).toBeUndefined();
  });

  it('is not needed: without it, and with a wrong one, the controller runs', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sac-e2e-'));
    scratch.push(folder);
    for (const name of ['controller.js', 'controller.program.cjs']) copyFileSync(join(DIST, name), join(folder, name));
    symlinkSync(join(DIST, '..', 'node_modules'), join(folder, 'node_modules'));
    const help = () => node(CONTROLLER_NODE_FLAGS, folder, 'controller.js', '--help');
    expect(help()).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage:') });
    copyFileSync(process.execPath, join(folder, 'controller.program.cache'));
    expect(help()).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage:') });
  });

  it('a flag nobody knows is told in one line', () => {
    const { status, stderr } = node(CONTROLLER_NODE_FLAGS, DIST, 'controller.js', '--frobnicate');
    expect(status).toBe(2);
    expect(stderr).toBe("sac controller: Unknown option '--frobnicate'; see --help\n");
  });
});

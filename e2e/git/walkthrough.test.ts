import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { CLI, Fleet } from '../harness.ts';

const page = readFileSync(resolve(import.meta.dirname, '../../docs/gitops.md'), 'utf8');

it('every command of docs/gitops.md does what the page says', async () => {
  await using fleet = new Fleet();
  const bin = join(fleet.dir, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'sac'), `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n`, { mode: 0o755 });
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block]) => block ?? '');
  expect(blocks.length).toBeGreaterThan(4);
  const env = {
    ...fleet.env,
    PATH: `${bin}:${fleet.env['PATH']}`,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.org',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.org',
  };
  const script = ['set -euxo pipefail', ...blocks].join('\n');
  try {
    const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: fleet.dir, env, timeout: 100_000 });
    expect(stdout).toMatch(/^fleet\s+True/m);
    expect(stdout).toMatch(/^web\s+1\/1\s+Running/m);
    expect(stdout).toContain('+  name: api');
    expect(stdout).toContain('refused, as it should be');
    expect(stdout).toContain('gitsource/fleet synced: Rolled back to');
  } finally {
    await fleet.sac(['controller', 'stop']);
  }
});

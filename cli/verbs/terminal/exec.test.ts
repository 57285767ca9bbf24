import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../../api/client.ts';
import { EXIT } from '../../../api/resources/errors.ts';
import { fakeContext } from '../../fake-context.ts';
import { run as attach } from './attach.ts';
import { run as exec } from './exec.ts';

describe('sac attach and exec', () => {
  let cwd: string;
  beforeEach(() => {
    cwd = realpathSync(mkdtempSync(join(tmpdir(), 'sac-exec-test-')));
  });
  afterEach(() => rmSync(cwd, { recursive: true, force: true }));
  const at = (more: object = {}): Partial<Client> => ({
    attach: async () => ({ argv: [], host: 'local', session: 'web', cwd, ...more }),
  });
  const env = { PATH: process.env['PATH'] };

  it('exec runs in the working directory, and answers its exit code', async () => {
    const context = fakeContext({ client: at(), env });
    expect(await exec(['web', '--', 'sh', '-c', `[ "$(pwd)" = "${cwd}" ] && exit 7`], {}, context)).toBe(7);
    expect(await exec(['web', 'sh', '-c', 'kill -TERM $$'], {}, context)).toBe(143);
  });
  it('exec passes no shell: words stay words', async () => {
    const context = fakeContext({ client: at(), env });
    expect(await exec(['web', '--', 'test', '$(touch x); *', '=', '$(touch x); *'], {}, context)).toBe(0);
  });
  it('exec takes the instance before --, and leaves what is behind alone', async () => {
    const instances: (string | undefined)[] = [];
    const client: Partial<Client> = {
      attach: async (_name, wanted) => {
        instances.push(wanted);
        return { argv: [], host: 'local', session: 'x', cwd };
      },
    };
    const context = fakeContext({ client, env });
    await exec(['web', '--instance', 'web-1', '--', 'true'], {}, context);
    await exec(['web', '--instance=web-2', '--', 'true'], {}, context);
    await exec(['web', '--', 'true', '--instance', 'no'], { instance: 'web-3' }, context);
    expect(instances).toEqual(['web-1', 'web-2', 'web-3']);
  });
  it('exec says what is missing', async () => {
    const context = fakeContext({ client: at(), env });
    expect(await exec(['web', '--', 'no-such-program'], {}, context)).toBe(127);
    expect(context.err.text).toContain('"no-such-program" is not installed');
    writeFileSync(join(cwd, 'plain'), '');
    expect(await exec(['web', '--', './plain'], {}, context)).toBe(126);
    const gone = fakeContext({ client: at({ cwd: join(cwd, 'gone') }), env });
    await expect(exec(['web', '--', 'true'], {}, gone)).rejects.toThrow(/gone, does not exist/);
    const far = fakeContext({ client: at({ host: 'far' }), env });
    await expect(exec(['web', '--', 'true'], {}, far)).rejects.toThrow(/lives on host far/);
    await expect(exec(['web', '--'], {}, context)).rejects.toMatchObject({ exitCode: EXIT.usage });
  });
  it('neither works through a controller elsewhere', async () => {
    const context = fakeContext({ target: { url: 'http://lab:9640' }, terminal: true });
    await expect(exec(['web', '--', 'true'], {}, context)).rejects.toThrow(/http:\/\/lab:9640 yet/);
    await expect(attach(['web'], {}, context)).rejects.toThrow(/http:\/\/lab:9640 yet/);
  });
  it('attach needs a terminal on both sides', async () => {
    await expect(attach(['web'], {}, fakeContext({ client: at() }))).rejects.toThrow(/needs a terminal on standard/);
    const context = fakeContext({ client: at(), terminal: true });
    await expect(attach(['web'], {}, context)).rejects.toThrow(/a runtime without a terminal/);
  });
  it("attach runs what the server says, with the user's terminal", async () => {
    const context = fakeContext({ client: at({ argv: ['sh', '-c', 'exit 4'] }), terminal: true, env });
    expect(await attach(['web'], {}, context)).toBe(4);
  });
});

import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../../api/resources/errors.ts';
import { readConfig } from '../../client/config-file.ts';
import { fakeContext } from '../../fake-context.ts';
import type { Options } from '../../verb.ts';
import { run } from './config.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'sac-config-test-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const path = () => fakeContext({ cwd }).home.config;
async function config(verb: string, args: readonly string[] = [], options: Options = {}) {
  const context = fakeContext({ cwd });
  const code = await run(args, { verb, ...options }, context);
  return { code, out: context.out.text, err: context.err.text };
}
const write = (text: string, mode = 0o600) => {
  mkdirSync(dirname(path()), { recursive: true });
  writeFileSync(path(), text);
  chmodSync(path(), mode);
};

describe('contexts', () => {
  it('are made, chosen, shown and deleted', async () => {
    await config('set-context', ['lab'], { server: 'https://lab:9640', tokenFile: 'lab.token' });
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    await config('use-context', ['lab']);
    expect((await config('current-context')).out).toBe('lab\n');
    const { out } = await config('get-contexts');
    expect(out).toMatch(/^\s+local /m);
    expect(out).toMatch(new RegExp(`^\\*\\s+lab\\s+https://lab:9640\\s+${join(cwd, 'lab.token')}$`, 'm'));
    expect((await config('delete-context', ['lab'])).out).toContain('now local');
    expect((await config('current-context')).out).toBe('local\n');
    expect(readConfig(path())).toEqual({ contexts: {} });
  });

  it('are a server or a socket, whichever was said last', async () => {
    await config('set-context', ['lab'], { server: 'https://lab:9640', tokenFile: '/t' });
    await config('set-context', ['lab'], { socket: '/run/s' });
    expect(readConfig(path()).contexts).toEqual({ lab: { socket: '/run/s' } });
  });

  it('keep a token for the server it was given for, and for no other', async () => {
    await config('set-context', ['lab'], { server: 'https://lab:9640', tokenFile: '/t' });
    await config('set-context', ['lab'], { caFile: '/ca' });
    expect(readConfig(path()).contexts['lab']).toEqual({
      server: 'https://lab:9640',
      'token-file': '/t',
      'ca-file': '/ca',
    });
    await config('set-context', ['lab'], { server: 'https://elsewhere:1' });
    expect(readConfig(path()).contexts['lab']).toEqual({ server: 'https://elsewhere:1' });
  });

  it('warn of a server that is reached in the clear', async () => {
    expect((await config('set-context', ['a'], { server: 'http://lab:1' })).err).toContain('not encrypted');
    expect((await config('set-context', ['b'], { server: 'http://127.0.0.1:1' })).err).toBe('');
  });

  it.each<[string, readonly string[], Options, RegExp, number]>([
    ['use-context', ['nope'], {}, /does not exist; known: local/, EXIT.notFound],
    ['use-context', ['constructor'], {}, /does not exist/, EXIT.notFound],
    ['use-context', [], {}, /name one context/, EXIT.usage],
    ['delete-context', ['local'], {}, /always there/, EXIT.usage],
    ['set-context', ['local'], { socket: '/s' }, /choose another name/, EXIT.usage],
    ['set-context', ['a b'], { socket: '/s' }, /cannot name a context/, EXIT.usage],
    ['set-context', ['x'], {}, /--server URL or --socket PATH/, EXIT.usage],
    ['set-context', ['x'], { server: 'lab:9640' }, /not an http/, EXIT.usage],
    ['set-context', ['x'], { server: 'https://me:secret@lab' }, /not an http/, EXIT.usage],
    ['set-context', ['x'], { server: 'https://x', socket: '/s' }, /exclude each other/, EXIT.usage],
    ['set-context', ['x'], { socket: '/s', tokenFile: '/t' }, /belong to a --server/, EXIT.usage],
  ])('%s %j %j is refused', async (verb, args, options, message, exitCode) => {
    const refused = config(verb, args, options);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({ exitCode });
  });
});

describe('the configuration file', () => {
  it('never shows a token', async () => {
    write('contexts: {lab: {server: "https://lab:1", token: hush}}\n');
    const { out } = await config('view');
    expect(out).toContain('token: REDACTED');
    expect(out).not.toContain('hush');
    expect(readFileSync(path(), 'utf8')).toContain('hush');
  });
  it('may hold a token only where nobody else can read it', async () => {
    write('contexts: {lab: {server: "https://lab:1", token: hush}}\n', 0o644);
    await expect(config('view')).rejects.toMatchObject({
      exitCode: EXIT.denied,
      message: expect.stringContaining('chmod 600'),
    });
  });
  it.each([
    ['contexts: {lab: {servr: x}}', /contexts\.lab.*servr/],
    ['contexts: {lab: {}}', /contexts\.lab: needs either server or socket/],
    ['contexts: [', /config\.yaml:\d+:\d+: /],
  ])('%s is told with its place', async (text, message) => {
    write(text);
    const refused = config('view');
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({ exitCode: EXIT.usage });
  });
});

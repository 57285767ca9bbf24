import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readAccount } from '../../../api/accounts.ts';
import { EXIT } from '../../../api/resources/errors.ts';
import { fakeContext } from '../../fake-context.ts';
import { run } from './account.ts';

const TOKEN = `sk-ant-oat01-${'a'.repeat(93)}AA`;
let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'sac-account-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

it('saves from standard input, lists without the token, deletes', async () => {
  const saving = fakeContext({ cwd, stdin: `${TOKEN}\n` });
  expect(await run(['work'], { verb: 'save' }, saving)).toBe(EXIT.done);
  expect(readAccount(saving.home.accounts, 'work')).toEqual({ token: TOKEN });
  const listing = fakeContext({ cwd });
  await run([], { verb: 'list' }, listing);
  expect(listing.out.text).toMatch(/^NAME +STATE +SAVED\nwork +ok /);
  const json = fakeContext({ cwd });
  await run([], { verb: 'list', output: 'json' }, json);
  expect(JSON.parse(json.out.text)).toMatchObject([{ name: 'work', usable: true }]);
  for (const { out, err } of [saving, listing, json]) expect(out.text + err.text).not.toContain('oat01');
  await run(['work'], { verb: 'delete' }, fakeContext({ cwd }));
  const empty = fakeContext({ cwd });
  await run([], { verb: 'list' }, empty);
  expect(empty.err.text).toContain('No accounts found');
});

it.each([
  [['work', TOKEN], 'save', /standard input/],
  [[], 'save', /standard input/],
  [['../x'], 'save', /no name of an account/],
  [['work'], 'save', /no token/],
  [[], 'delete', /sac account list/],
])('refuses %j %s', async (args, verb, message) => {
  const refused = run(args, { verb }, fakeContext({ cwd }));
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.toMatchObject({ exitCode: EXIT.usage });
});

it('what is no token is refused, not shown, and leaves what was saved', async () => {
  await run(['work'], { verb: 'save' }, fakeContext({ cwd, stdin: TOKEN }));
  const context = fakeContext({ cwd, stdin: 'fix-the-login' });
  const refused = run(['work'], { verb: 'save' }, context);
  await expect(refused).rejects.toThrow('`claude setup-token`');
  await expect(refused).rejects.not.toThrow('fix-the-login');
  expect(readAccount(context.home.accounts, 'work')).toEqual({ token: TOKEN });
});

it('keeps nothing for a controller elsewhere', async () => {
  const context = fakeContext({ cwd, stdin: 'x', target: { url: 'https://lab:9640' } });
  await expect(run(['work'], { verb: 'save' }, context)).rejects.toThrow('https://lab:9640');
});

it('what is not there cannot be deleted', async () => {
  await expect(run(['work'], { verb: 'delete' }, fakeContext({ cwd }))).rejects.toMatchObject({
    exitCode: EXIT.notFound,
  });
});

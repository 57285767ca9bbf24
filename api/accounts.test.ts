import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { accountName, deleteAccount, listAccounts, readAccount, saveAccount, tokenIn } from './accounts.ts';

const TOKEN = `sk-ant-oat01-${'made-up_'.repeat(11)}-0000AA`;
let dir: string;
let folder: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-accounts-'));
  folder = join(dir, 'accounts');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));
const refusal = (name = 'work') => {
  const login = readAccount(folder, name);
  return 'refused' in login ? login.refused : undefined;
};

it('what was saved is read, by its owner alone, until it is deleted', () => {
  saveAccount(folder, 'work', TOKEN);
  saveAccount(folder, 'home', 'other');
  saveAccount(folder, 'work', `${TOKEN}2`);
  expect(readAccount(folder, 'work')).toEqual({ token: `${TOKEN}2` });
  expect(statSync(join(folder, 'work')).mode & 0o777).toBe(0o600);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(readdirSync(folder).sort()).toEqual(['home', 'work']);
  expect(listAccounts(folder).map(({ name, problem }) => [name, problem])).toEqual([
    ['home', undefined],
    ['work', undefined],
  ]);
  expect(deleteAccount(folder, 'work')).toBe(true);
  expect(deleteAccount(folder, 'work')).toBe(false);
  expect(refusal()).toContain('no saved login "work"');
});

it.each<readonly [string, (file: string) => void]>([
  ['is open to others', (file) => chmodSync(file, 0o644)],
  ['is empty', (file) => truncateSync(file)],
  ['holds no token', (file) => writeFileSync(file, 'two words')],
  ['is too large', (file) => writeFileSync(file, 'x'.repeat(10_000))],
])('a file that %s is no login, and says which file and what to do', (why, spoil) => {
  saveAccount(folder, 'work', TOKEN);
  spoil(join(folder, 'work'));
  expect(refusal()).toContain(`${join(folder, 'work')} ${why}`);
  expect(refusal()).toContain('`sac account save work`');
  expect(refusal()).not.toContain(TOKEN);
  expect(listAccounts(folder)[0]?.problem).toBe(refusal());
});

it('neither a link nor a name that leads elsewhere is read', () => {
  saveAccount(folder, 'work', TOKEN);
  symlinkSync(join(folder, 'work'), join(folder, 'link'));
  expect(refusal('link')).toContain('cannot be read');
  for (const name of ['../accounts/work', '.work', '', 'a/b', 'x'.repeat(101)]) {
    expect(refusal(name)).toContain('no name of an account');
    expect(() => accountName(name)).toThrow('no name of an account');
  }
});

it.each([
  ['', 'no token'],
  [' \n\n', 'no token'],
  ['{"claudeAiOauth":{}}', 'file of credentials'],
  ['one two', 'one word'],
  ['Please fix the failing test.', 'one word'],
  [`${TOKEN}\n${TOKEN}`, 'one word'],
  [`${TOKEN.slice(0, 60)}\n${TOKEN.slice(60)}`, 'one word'],
  [`sk-ant-api03-${'x'.repeat(93)}AA`, 'API key'],
  [`sk-ant-ort01-${'x'.repeat(93)}AA`, 'begins with sk-ant-oat01-'],
  [`sk-${'x'.repeat(93)}`, 'begins with sk-ant-oat01-'],
  ['xxxx', 'begins with sk-ant-oat01-'],
  [`CLAUDE_CODE_OAUTH_TOKEN=${TOKEN}`, 'begins with sk-ant-oat01-'],
  [`"${TOKEN}"`, 'begins with sk-ant-oat01-'],
  [`${TOKEN};made-up`, 'letters, digits, - and _'],
  // The first line of it, as a terminal of 80 columns wraps it.
  [TOKEN.slice(0, 80), 'is not all of'],
  ['sk-ant-oat01-', 'is not all of'],
  ['x'.repeat(9_000), 'too long'],
])('%.20j is no token, and is not repeated', (input, why) => {
  expect(() => tokenIn(input)).toThrow(why);
  expect(() => tokenIn(input)).toThrow('`claude setup-token`');
  expect(() => tokenIn(input)).not.toThrow(/made-up|xxxx|claudeAiOauth|failing/);
  expect(tokenIn(` ${TOKEN}\n`)).toBe(TOKEN);
});

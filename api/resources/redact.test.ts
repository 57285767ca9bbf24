import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { REDACTED, redact, redactDeep, redactLines, redactMcpJson, redactSpec } from './redact.ts';

// Put together at run time: whole ones would be taken for real by scanners of the repository.
const x = (prefix: string, length: number, alphabet = 'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z'): string =>
  prefix + Array.from({ length }, (_, i) => alphabet[(i * 7 + 3) % alphabet.length]).join('');
const HEX = '0123456789abcdef';

const TOKENS: readonly string[] = [
  x('sk-ant-api03-', 80),
  x('sk-ant-oat01-', 60),
  x('sk-proj-', 48),
  x('sk-', 48),
  x('sk-or-v1-', 64, HEX),
  x('sk_live_', 24),
  x('rk_test_', 24),
  x('ghp_', 36),
  x('gho_', 36),
  x('ghs_', 36),
  x('github_pat_11', 60),
  x('glpat-', 20),
  x('npm_', 36),
  x('pypi-AgEIcHlwaS5vcmc', 60),
  x('xoxb-1234567890-', 24),
  x('xoxp-', 40),
  x('xapp-1-', 40),
  x('AKIA', 16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'),
  x('ASIA', 16, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'),
  x('AIza', 35),
  x('ya29.', 50),
  x('hf_', 34),
  x('gsk_', 40),
  x('SG.', 22) + x('.', 43),
  x('hvs.', 30),
  x('dop_v1_', 64, HEX),
  x('glrt-', 20),
  x('lin_api_', 40),
  x('AGE-SECRET-KEY-1', 58, 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L'),
  `eyJhbGciOiJIUzI1NiJ9.${x('eyJ', 30)}.${x('', 43)}`,
  x('https://hooks.slack.com/services/T000/B000/', 24),
  x('123456789:AA', 33),
];

/** How secrets stand in what agents print, type and read; `@` is the secret. */
const SENTENCES: readonly string[] = [
  '@',
  'my token is @.',
  '"@"',
  "curl -H 'X-Thing: @' http://localhost",
  'https://api.example/v1?x=@&y=1',
  '│ @ │',
  '(@)',
  '\u001b[31m@\u001b[0m',
  '{"note":"@"}',
  '{"note":"a\\n@"}',
  'x%3D@',
  'git clone https://@@github.test/a/b',
];

describe('shapes', () => {
  test.each(TOKENS)('%s goes in every sentence', (token) => {
    for (const sentence of SENTENCES) {
      const text = sentence.replace('@', token);
      expect(redact(text)).not.toContain(token.slice(-12));
    }
  });
  test('a token broken by the edge of the screen goes whole', () => {
    const token = x('sk-ant-api03-', 90);
    const screen = `│ key ${token.slice(0, 60)} │\n│ ${token.slice(60)}  │`;
    expect(redact(screen)).not.toContain(token.slice(70, 90));
  });
  test('a private key goes with all its lines, also when its end is missing', () => {
    const body = `${x('MII', 60)}\n${x('', 60)}`;
    for (const end of ['\n-----END RSA PRIVATE KEY-----\nafter', ''])
      expect(redact(`before -----BEGIN RSA PRIVATE KEY-----\n${body}${end}`)).not.toContain(body.slice(-20));
  });
});

/** Values have no shape; their names tell. `hunter2!x` is the secret. */
const NAMED: readonly string[] = [
  'PASSWORD=hunter2!x',
  'export DB_PASSWORD=hunter2!x',
  'MY_KEY=hunter2!x npm test',
  'KEY=hunter2!x',
  'GITHUB_TOKEN="hunter2!x"',
  "TOKEN='hunter2!x'",
  'AWS_SECRET_ACCESS_KEY=hunter2!x',
  'password: hunter2!x',
  'password = "hunter2!x"',
  '"password": "hunter2!x"',
  '{"apiKey":"hunter2!x","other":1}',
  '{\\"client_secret\\": \\"hunter2!x\\"}',
  'client_secret=hunter2!x&grant_type=x',
  'https://h/p?api_key=hunter2!x&q=1',
  'postgres://bob:hunter2!x@db:5432/app',
  'redis://:hunter2!x@cache:6379',
  'mysql --password=hunter2!x',
  'tool --api-key hunter2!x run',
  'tool --token "hunter2!x"',
  'x-api-key: hunter2!x',
  'Authorization: Basic aHVudGVyMjpodW50ZXIyIXg=hunter2!x'.replace('hunter2!x', ''),
  'Authorization: hunter2!x',
  'Cookie: sid=hunter2!x',
  'secret := "hunter2!x"',
  'passphrase => "hunter2!x"',
  'refreshToken: "hunter2!x"',
  'DB_PASS=hunter2!x',
  'dbPassword=hunter2!x',
  'SENTRY_DSN=https://hunter2!x@sentry.test/1',
  'machine h login bob password: hunter2!x',
  'AccountKey=hunter2!x;EndpointSuffix=core',
  'SECRET=hunter2!x,with;more',
  'env.API_TOKEN = "hunter2!x"',
  '- name: DB_PASSWORD=hunter2!x',
  '\u001b[1mPASSWORD=\u001b[31mhunter2!x\u001b[0m',
  '{"text":"a\\nDB_PASSWORD=hunter2!x"}',
];
test.each(NAMED)('%s', (text) => {
  const clean = redact(text);
  expect(clean).toContain(REDACTED);
  for (const secret of ['hunter2', 'aHVudGVy', 'with;more']) expect(clean).not.toContain(secret);
});

test.each(['Bearer abcdefghijklmnop', 'authorization: bearer a1b2c3d4e5', 'Bearer x.y.z-12'])('%s', (text) =>
  expect(redact(text)).toMatch(/bearer \[redacted\]$/i),
);

const HARMLESS: readonly string[] = [
  'The key idea is to keep the token count low.',
  'max_tokens: 4096, input_tokens=25, "total_tokens": 1200',
  'tokens: 1200',
  '↑ 1.2k tokens · esc to interrupt',
  'token: 12.3k',
  'const key = Object.keys(map)[0];',
  '<li key={index}>',
  'sort(key=len)',
  'primary_key: id',
  'foreign_key="users.id"',
  'password: string',
  'readonly token: string;',
  'const token = await getToken();',
  'const secret = process.env.SECRET;',
  'API_KEY=$API_KEY',
  'API_KEY=${API_KEY}',
  'TOKEN=',
  'PWD=/root/project',
  'commit 4f2c1d9e8b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e',
  'sha512-abcdefghijkl/mnopqrstuv==',
  'monkey=banana',
  'keyboard: qwerty',
  'Do you want to proceed? 1. Yes 2. No',
  'https://example.test/a/b?page=2#token',
  'uuid 083077de-e9b1-42a7-8cd2-7af082e60a4f',
  'src/auth/token.ts:12:5 error',
  'Basic usage: run it',
  'Token counting works',
  'risk-assessment-of-everything',
  'task-1234-implementation-details',
  'passed=12 failed=0',
  'tests: 12 passed',
  'author: Bob',
  'compass: north',
];
test.each(HARMLESS)('stays: %s', (text) => expect(redact(text)).toBe(text));

test('real screens of agents hold no secrets and lose next to nothing', () => {
  const root = '/work/shared/panes';
  const screens = readScreens(root);
  const changed = screens.filter((screen) => redact(screen) !== screen).length;
  expect(changed).toBeLessThanOrEqual(Math.ceil(screens.length * 0.05));
});

function readScreens(root: string): readonly string[] {
  try {
    return readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.txt'))
      .map((path) => readFileSync(join(root, path), 'utf8'));
  } catch {
    // The screens lie beside the repository and not in it: elsewhere the sentences above speak for them.
    return HARMLESS;
  }
}

test('cleaning twice changes nothing more, and any text survives it', () => {
  for (const text of [...NAMED, ...TOKENS, ...HARMLESS]) expect(redact(redact(text))).toBe(redact(text));
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => redact(redact(text)) === redact(text)));
});

test('a hostile text is no work: 200 KB of near misses end, which they would not in squared time', () => {
  const hostile = ['a', 'key=', '"', '\\"', 'eyJ', 'eyJ-', 'a.', 'Bearer ', 'x://y:', '--key '];
  for (const piece of hostile) {
    const text = piece.repeat(200_000 / piece.length);
    expect(redact(text)).toBe(text);
  }
});

test('values in JSON go by their names, texts by their shapes', () => {
  const clean = redactDeep({ a: [{ password: 'p' }, `x ${x('ghp_', 36)}`], n: 1, apiKey: '${KEY}' });
  expect(clean).toEqual({ a: [{ password: REDACTED }, `x ${REDACTED}`], n: 1, apiKey: '${KEY}' });
});

test('.mcp.json: every env and header value goes, references stay', () => {
  const clean = redactMcpJson(
    JSON.stringify({
      mcpServers: {
        a: { command: 'npx', args: ['-y', 'srv', '--token', 'short'], env: { HARMLESS: 'plain', REF: '${REF}' } },
        b: { type: 'http', url: 'https://h/mcp?api_key=abc', headers: { 'X-Any': 'plain' } },
      },
    }),
  );
  expect(JSON.parse(clean)).toEqual({
    mcpServers: {
      a: { command: 'npx', args: ['-y', 'srv', '--token', REDACTED], env: { HARMLESS: REDACTED, REF: '${REF}' } },
      b: { type: 'http', url: `https://h/mcp?api_key=${REDACTED}`, headers: { 'X-Any': REDACTED } },
    },
  });
  expect(redactMcpJson('{"env": {"A": "plain"')).not.toContain('plain');
});

test('lines as they come: a key of many lines goes whole, what follows it stays', async () => {
  async function* printed() {
    yield* ['MY_KEY=hunter2!x', '-----BEGIN RSA PRIVATE KEY-----', x('MII', 60), '-----END RSA PRIVATE KEY-----', 'on'];
  }
  const shown: string[] = [];
  for await (const line of redactLines(printed())) shown.push(line);
  expect(shown).toEqual([`MY_KEY=${REDACTED}`, REDACTED, 'on']);
});

test('a spec is shown without what its command, its environment and its MCP servers hold', () => {
  const token = x('ghp_', 36);
  const shown = redactSpec({
    command: ['sh', '-c', `login ${token}`],
    env: { HOME: '/root', MY_TOKEN: 'plain' },
    mcpServers: { a: { command: 'x', args: ['--token', 'short'], env: { ANY: 'plain', REF: '${REF}' } } },
  });
  expect(shown).toEqual({
    command: ['sh', '-c', `login ${REDACTED}`],
    env: { HOME: '/root', MY_TOKEN: REDACTED },
    mcpServers: { a: { command: 'x', args: ['--token', REDACTED], env: { ANY: REDACTED, REF: '${REF}' } } },
  });
});

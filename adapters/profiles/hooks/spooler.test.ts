import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseSpoolLine } from '../../../api/resources/agent/hook-event.ts';
import { hookCommand, MAX_SPOOL_BYTES, SPOOLER_SCRIPT } from './spooler.ts';

let dir: string;
let script: string;
let spool: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-spool-'));
  script = join(dir, 'hook');
  spool = join(dir, 'hooks', 'web.spool');
  writeFileSync(script, SPOOLER_SCRIPT);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const PATH = process.env['PATH'] ?? '';
const hook = (
  kind: string,
  payload: string,
  env: Readonly<Record<string, string>> = { SAC_HOOK: script, SAC_HOOK_SPOOL: spool },
): Promise<{ code: number | null; output: string }> =>
  new Promise((done) => {
    const child = spawn('sh', ['-c', hookCommand(kind)], { env: { PATH, ...env }, cwd: dir });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk;
      });
    child.stdin.on('error', (error) => {
      output += `stdin ${error.message}`;
    });
    child.stdin.end(payload);
    child.on('close', (code) => done({ code, output }));
  });
const quiet = { code: 0, output: '' };
const lines = (path = spool): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1);

test('an event becomes one line with kind, time and payload, in a private file', async () => {
  const before = Date.now();
  expect(await hook('pretool', '{"tool_name":"Bash",\n "tool_input":{"command":"a\\nb"}}\n')).toEqual(quiet);
  const [event] = lines().map(parseSpoolLine);
  expect(event).toMatchObject({ kind: 'pretool', payload: { tool_name: 'Bash', tool_input: { command: 'a\nb' } } });
  expect(event?.at).toBeGreaterThanOrEqual(before - 5);
  expect(event?.at).toBeLessThanOrEqual(Date.now() + 5);
  expect(statSync(spool).mode & 0o777).toBe(0o600);
});

test('concurrent events never mix, however long', async () => {
  const payload = (n: number): string =>
    JSON.stringify({ tool_name: `T${n}`, tool_input: { text: 'x'.repeat(50_000) } });
  await Promise.all(Array.from({ length: 12 }, (_, n) => hook('pretool', payload(n))));
  const names = lines().map((line) => parseSpoolLine(line)?.payload['tool_name']);
  expect(names.toSorted()).toEqual(Array.from({ length: 12 }, (_, n) => `T${n}`).toSorted());
  expect(lines().every((line) => parseSpoolLine(line)?.cut === false)).toBe(true);
});

test('a payload of megabytes is drained, cut, and still names its tool', async () => {
  const payload = JSON.stringify({
    session_id: 's',
    tool_name: 'Write',
    tool_input: { content: 'y'.repeat(3_000_000) },
  });
  expect(await hook('posttool', payload)).toEqual(quiet);
  expect(lines()).toHaveLength(1);
  const [event] = lines().map(parseSpoolLine);
  expect(event).toMatchObject({ kind: 'posttool', cut: true, payload: { session_id: 's', tool_name: 'Write' } });
});

test('the spool is bounded: a full one steps aside', async () => {
  await hook('stop', '{}');
  truncateSync(spool, MAX_SPOOL_BYTES);
  await hook('prompt', '{"prompt":"new"}');
  expect(lines().map((line) => parseSpoolLine(line)?.kind)).toEqual(['prompt']);
  expect(statSync(`${spool}.1`).size).toBe(MAX_SPOOL_BYTES);
});

test('where it is a mount, which cannot step aside, and date knows no milliseconds, a full one is emptied and time is told', async () => {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  for (const [name, body] of Object.entries({ mv: 'exit 1', date: 'echo 1795308867%3N' }))
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  const env = { SAC_HOOK: script, SAC_HOOK_SPOOL: spool, PATH: `${bin}:${PATH}` };
  await hook('stop', '{}', env);
  expect(lines().map((line) => parseSpoolLine(line)?.at)).toEqual([1795308867999]);
  truncateSync(spool, MAX_SPOOL_BYTES);
  await hook('prompt', '{"prompt":"new"}', env);
  expect(lines().map((line) => parseSpoolLine(line)?.kind)).toEqual(['prompt']);
});

test.each([
  ['outside of sac', {}],
  ['when the program is gone', { SAC_HOOK: '/nowhere/hook', SAC_HOOK_SPOOL: '/tmp/never' }],
  ['without a spool', { SAC_HOOK: 'SCRIPT' }],
  ['where nothing can be written', { SAC_HOOK: 'SCRIPT', SAC_HOOK_SPOOL: '/proc/none/web.spool' }],
  ['when the name is no name', { SAC_HOOK: 'SCRIPT', SAC_AGENT: '../../etc/x', HOME: 'DIR' }],
])('%s a hook does nothing and never fails', async (_, env) => {
  const filled = Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value.replace('SCRIPT', script).replace('DIR', dir)]),
  );
  const { code, output } = await hook('pretool', '{}', filled);
  expect([code, output.replace(/^stdin .*EPIPE$/, '')]).toEqual([0, '']);
  expect(existsSync(join(dir, '.local'))).toBe(false);
});

test('without a spool in the environment the agent’s name finds it below SAC_HOME', async () => {
  await hook('stop', '{}', { SAC_HOOK: script, SAC_HOME: dir, SAC_AGENT: 'web' });
  expect(lines().map((line) => parseSpoolLine(line)?.kind)).toEqual(['stop']);
});

test('an unknown kind is kept as other, not as a piece of shell', async () => {
  await hook("'$(touch pwned)'", '{}');
  expect(lines().map((line) => parseSpoolLine(line)?.kind)).toEqual(['other']);
  expect(existsSync(join(dir, 'pwned'))).toBe(false);
});

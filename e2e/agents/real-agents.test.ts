/** The real CLIs answer one prompt from the model server, in a HOME of their own. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { run } from '../harness.ts';
import { DEFAULT_TEXT, errorAnswer } from '../model-server/answer.ts';
import { type ModelServer, startModelServer } from '../model-server/model-server.ts';
import { agentEnvironment, TEST_KEY } from './environment.ts';
import { type AgentCli, installAgent } from './install.ts';

describe('real agents against the model server', () => {
  let dir: string;
  let server: ModelServer;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'sac-agents-'));
    mkdirSync(join(dir, 'home'));
    mkdirSync(join(dir, 'work'));
    server = await startModelServer();
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });

  const ask = async (cli: AgentCli, args: readonly string[], extraEnv: Readonly<Record<string, string>> = {}) => {
    const installed = await installAgent(cli);
    const env = agentEnvironment(cli, installed, { home: join(dir, 'home'), url: server.url });
    return run(installed.program, args, { env: { ...env, ...extraEnv }, cwd: join(dir, 'work'), timeoutMs: 90_000 });
  };

  test('claude answers a prompt, with our key and only from here', async () => {
    const ran = await ask('claude-code', ['-p', 'hello']);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining(DEFAULT_TEXT) });
    const main = server.requests.find((request) => !request.side);
    expect(main).toMatchObject({ prompt: 'hello', headers: { authorization: `Bearer ${TEST_KEY}` } });
  });

  test('claude runs a tool and comes back with its result', async () => {
    const ran = await ask('claude-code', ['--dangerously-skip-permissions', '-p', '#bash=pwd']);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('The tool call finished') });
    const last = server.requests.findLast((request) => !request.side);
    expect(last?.toolResults).toBe(1);
    expect(JSON.stringify(last?.body).includes(join(dir, 'work'))).toBe(true);
  });

  test('claude fails when the key is refused', async () => {
    server.standing(errorAnswer(401));
    const ran = await ask('claude-code', ['-p', 'hello'], { CLAUDE_CODE_MAX_RETRIES: '0' });
    expect(ran.code).not.toBe(0);
    expect(ran.stdout + ran.stderr).toMatch(/log ?in|401|authenticat/i);
  });

  test.each([401, 429, 529])('claude gets over one %i and answers', async (status) => {
    server.script(errorAnswer(status));
    const ran = await ask('claude-code', ['-p', 'hello']);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining(DEFAULT_TEXT) });
    const answers = server.requests.filter((request) => !request.side).map((request) => request.answer.error?.status);
    expect(answers).toEqual([status, undefined]);
  });

  test('codex answers a prompt', async () => {
    const ran = await ask('codex', ['exec', '--skip-git-repo-check', 'hello']);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining(DEFAULT_TEXT) });
    expect(server.requests.some((request) => request.path === '/v1/responses' && request.prompt === 'hello')).toBe(
      true,
    );
  });

  test('gemini answers a prompt', async () => {
    const ran = await ask('gemini', ['--skip-trust', '-p', 'hello']);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining(DEFAULT_TEXT) });
    expect(server.requests.some((request) => request.prompt.includes('hello'))).toBe(true);
  });
});

/** The real Claude Code, with our hooks in its workspace, tells by spool and transcript what it does. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withOurHooks } from '../../adapters/profiles/claude-code/hook-settings.ts';
import { CLAUDE_TELLING } from '../../adapters/profiles/claude-code/telling.ts';
import { SPOOLER_SCRIPT } from '../../adapters/profiles/hooks/spooler.ts';
import { Listener } from '../../adapters/profiles/telling/listener.ts';
import { mergeFacts } from '../../controller/observed/facts.ts';
import { type Ran, run } from '../harness.ts';
import { errorAnswer } from '../model-server/answer.ts';
import { type ModelServer, startModelServer } from '../model-server/model-server.ts';
import { agentEnvironment } from './environment.ts';
import { installAgent } from './install.ts';

let dir: string;
let server: ModelServer;
const at = (...path: readonly string[]): string => join(dir, ...path);
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sac-tells-'));
  for (const folder of ['home', 'work', 'work/.claude']) mkdirSync(at(folder));
  writeFileSync(at('hook'), SPOOLER_SCRIPT);
  chmodSync(at('hook'), 0o755);
  server = await startModelServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
});

async function claude(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const installed = await installAgent('claude-code');
  const settings = withOurHooks(undefined, installed.version);
  if (settings.state === 'refused') throw new Error(settings.reason);
  writeFileSync(at('work', '.claude', 'settings.local.json'), settings.content);
  const base = agentEnvironment('claude-code', installed, { home: at('home'), url: server.url });
  return run(installed.program, ['--dangerously-skip-permissions', ...args], {
    env: { ...base, SAC_HOOK: at('hook'), SAC_HOOK_SPOOL: at('hooks', 'web.spool'), ...env },
    cwd: at('work'),
  });
}
const listener = (): Listener =>
  new Listener({ telling: CLAUDE_TELLING, spool: at('hooks', 'web.spool'), home: at('home'), since: 0 });

test('tools, subagents, prompts, tokens and cost, and hooks and transcript agree on them', async () => {
  server.script(
    { tools: [{ name: 'Bash', input: { command: 'echo TOKEN=hunter2hunter2', description: '' } }] },
    {
      tools: [
        { name: 'Agent', input: { description: 'Look around', prompt: 'look', subagent_type: 'general-purpose' } },
      ],
    },
  );
  const ran = await claude(['-p', 'do both']);
  expect(ran).toMatchObject({ code: 0, stderr: '' });
  const { hooks, transcript } = await listener().listen();
  const facts = mergeFacts({ hooks, transcript });
  expect(facts.toolCounts).toMatchObject({ source: 'hooks', value: { Bash: 1, Agent: 1 } });
  expect(transcript.toolCounts?.value).toEqual(facts.toolCounts?.value);
  expect(facts.agentCalls?.value).toMatchObject([{ description: 'Look around', endedAt: expect.any(Number) }]);
  expect(facts.openAgentCalls?.value).toEqual([]);
  expect(facts.lastPrompt?.value).toBe('do both');
  expect(facts.model?.value).toMatch(/^claude-/);
  expect(facts.tokens).toMatchObject({ source: 'transcript', value: { input: 3600, cacheRead: 27_000, output: 75 } });
  expect(facts.contextUsedRatio?.value).toBeGreaterThan(0);
  expect(facts.costUsdEstimate?.value).toBeGreaterThan(0);
  expect(facts.cliVersion?.value).toMatch(/^\d+\.\d+\.\d+$/);
  expect(hooks.activity?.value).toBe('exited');
  expect(JSON.stringify(facts)).not.toContain('hunter2');
});

test('a turn that failed says why', async () => {
  server.standing(errorAnswer(401));
  await claude(['-p', 'hello'], { CLAUDE_CODE_MAX_RETRIES: '0' });
  const one = listener();
  await one.listen();
  const failure = one.events.find(({ payload }) => payload['hook_event_name'] === 'StopFailure');
  expect(failure?.payload['error']).toMatch(/auth/);
});

test('a hook whose program is gone, or that is not ours to call, stops nothing', async () => {
  for (const env of [{ SAC_HOOK: '/nowhere/hook' }, { SAC_HOOK: '' }]) {
    server.script({ tools: [{ name: 'Bash', input: { command: 'touch made' } }] });
    const ran = await claude(['-p', 'make it'], env);
    expect(ran).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('The tool call finished') });
    expect(existsSync(at('work', 'made'))).toBe(true);
    rmSync(at('work', 'made'));
  }
  expect(existsSync(at('hooks'))).toBe(false);
});

test('the settings are ours still after a run', async () => {
  await claude(['-p', 'hello']);
  const text = readFileSync(at('work', '.claude', 'settings.local.json'), 'utf8');
  expect(withOurHooks(text, (await installAgent('claude-code')).version)).toMatchObject({ state: 'unchanged' });
});

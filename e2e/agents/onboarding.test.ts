/** Real agent CLIs, from a cold HOME, brought to their prompt by the real controller in real tmux; only the model is ours. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Agent } from '../../api/resources/agent/agent.ts';
import type { Condition } from '../../api/resources/meta.ts';
import { Fleet, run, until } from '../harness.ts';
import { errorAnswer, usageLimit } from '../model-server/answer.ts';
import { type ModelServer, startModelServer } from '../model-server/model-server.ts';
import { agentEnvironment } from './environment.ts';
import { type AgentCli, installAgent } from './install.ts';

const READY_MS = 180_000;

let fleet: Fleet;
let server: ModelServer;
let home: string;
beforeEach(async () => {
  fleet = new Fleet({}, { calls: 'here' });
  server = await startModelServer();
  home = join(fleet.dir, 'agent-home');
  mkdirSync(home);
});
afterEach(async () => {
  server.release();
  await fleet[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

async function declare(
  cli: AgentCli,
  spec: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
  version?: string,
) {
  const installed = await installAgent(cli, version);
  const own = agentEnvironment(cli, installed, { home, url: server.url });
  fleet.write(
    'agents/coder/spec.yaml',
    JSON.stringify({ apiVersion: 'sac/v1', kind: 'Agent', spec: { profile: cli, env: { ...own, ...env }, ...spec } }),
  );
}
const agent = (): Promise<Agent> => fleet.json(['get', 'agent', 'coder']);
const ready = (withinMs = READY_MS) =>
  until(
    'coder is ready',
    async () => {
      const { status } = await agent();
      if (status.ready) return true;
      throw new Error(`${status.phase} ${JSON.stringify(status.instances[0]?.reading)}\n${await screen()}`);
    },
    withinMs,
  );
const condition = async (type: string): Promise<Condition | undefined> =>
  (await agent()).status.conditions.find((one) => one.type === type);
const becomes = (type: string, status: string, reason?: string) =>
  until(
    `${type} is ${status} ${reason ?? ''}`,
    async () => {
      const found = await condition(type);
      if (found?.status === status && (reason === undefined || found.reason === reason)) return found;
      throw new Error(JSON.stringify([found, (await agent()).status.instances[0]?.reading]));
    },
    READY_MS,
  );
const prompts = () => server.requests.filter(({ side }) => !side).map(({ prompt }) => prompt);
const events = async (reason: string): Promise<readonly { message: string; count: number }[]> =>
  (await fleet.json(['events'])).items.filter((event: { reason: string }) => event.reason === reason);

/** As a person at the terminal would. */
async function say(text: string): Promise<void> {
  const { fleet: id } = await fleet.json(['controller', 'status']);
  const tmux = (...args: string[]) => execFileSync('tmux', ['-L', `sac-${id}`, ...args], { timeout: 60_000 });
  tmux('send-keys', '-t', '=coder:', '-l', text);
  await until('the text stands in the composer', async () => (await screen()).includes(text.slice(0, 20)), 60_000);
  tmux('send-keys', '-t', '=coder:', 'Enter');
}
const screen = async (): Promise<string> => (await fleet.here(['logs', 'coder', '--tail', '60'])).stdout;
const conversations = () =>
  readdirSync(join(home, '.claude', 'projects'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.jsonl'))
    .map((file) => join(home, '.claude', 'projects', file));
const idle = () => until('coder is idle', async () => (await agent()).status.activity === 'idle', READY_MS);

describe('Claude Code', () => {
  it('passes its dialogs without a stray key, is Ready, and answers its startup prompt once', {
    timeout: 300_000,
  }, async () => {
    await declare('claude-code', {
      claude: { flags: ['--dangerously-skip-permissions'] },
      startup: { prompts: ['hello from the manifest'] },
    });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await ready();
    expect((await events('DialogAnswered')).map(({ message }) => message)).toEqual(
      expect.arrayContaining([expect.stringContaining('trust'), expect.stringContaining('bypass')]),
    );
    await idle();
    expect(prompts()).toEqual(['hello from the manifest']);
    expect(await screen()).toContain('Hello from the model server.');

    // What it tells by its hooks and its own record is known, each with where it is known from.
    const rich = await until(
      'its transcript is read',
      async () => {
        const known = await fleet.json(['status', 'coder']);
        if (known.tokens?.output > 0 && known.recent_prompts.length === 1) return known;
        throw new Error(JSON.stringify([known.tokens, known.recent_prompts, known.facts?.activity]));
      },
      READY_MS,
    );
    expect(rich).toMatchObject({
      pane_state: 'idle_prompt',
      last_user_msg: 'hello from the manifest',
      facts: { activity: { source: 'hooks' }, tokens: { source: 'transcript' } },
    });
    expect(rich.pane_text).toContain('Hello from the model server.');
    const wide = await fleet.ok(['get', 'agents', '-o', 'wide']);
    expect(wide.split('\n')[0]).toMatch(/ACTIVITY +CONTEXT +TOKENS-TODAY +LAST-TOOL +BLOCKED/);

    // A person's next prompt is the only other thing that was ever typed.
    await say('and now this');
    await until('the second answer', async () => prompts().length === 2, READY_MS);
    expect(prompts()).toEqual(['hello from the manifest', 'and now this']);
    await idle();

    // Killed: comes back with the same conversation, which Claude writes down a moment after it is had.
    await until('it is written down', () =>
      conversations().some((file) => readFileSync(file, 'utf8').includes('and now this')),
    );
    const { pid } = (await agent()).status.instances[0] ?? {};
    process.kill(Number(pid), 'SIGKILL');
    await until('it was restarted', async () => (await agent()).status.restarts === 1, READY_MS);
    await ready();
    await idle();
    await until('the third prompt', async () => prompts().length === 3, READY_MS);
    const last = server.requests.findLast(({ side }) => !side);
    // Not toContain: it would print all of Claude's own prompt.
    expect(JSON.stringify(last?.body).includes('and now this')).toBe(true);
    expect(conversations()).toHaveLength(1);
  });

  it('of a later version, whose dialogs have no digits and "No, exit" selected, passes them all the same', {
    timeout: 300_000,
  }, async () => {
    await declare(
      'claude-code',
      {
        claude: { flags: ['--dangerously-skip-permissions'] },
        mcpServers: { one: { command: 'cat' }, two: { command: 'cat' } },
        startup: { prompts: ['hello from the manifest'] },
      },
      // A key instead of a token is asked about, too.
      { ANTHROPIC_AUTH_TOKEN: '', ANTHROPIC_API_KEY: `sk-ant-api03-${'x'.repeat(80)}-abcdefAA` },
      '2.1.330',
    );
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await ready();
    const answered = (await events('DialogAnswered')).map(({ message }) => /dialog (\S+)/.exec(message)?.[1]);
    expect([...new Set(answered)].sort()).toEqual(['apikey', 'bypass', 'mcp-two', 'trust']);
    await until('the answer', async () => (await screen()).includes('Hello from the model server.'), READY_MS);
    await idle();
    expect(prompts()).toEqual(['hello from the manifest']);
  });

  it('that asks for a permission is Blocked, and goes on when a person answers', { timeout: 300_000 }, async () => {
    await declare('claude-code', { startup: { prompts: ['please #bash=touch_made'] } });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    const blocked = await becomes('Blocked', 'True', 'PermissionPrompt');
    expect(blocked.message).toContain('Bash');
    expect((await fleet.sac(['answer', 'coder'])).stderr).toContain('say which keys');
    expect((await fleet.sac(['answer', 'coder', '--keys', '1'])).code).toBe(0);
    await becomes('Blocked', 'False');
    await idle();
    // There is nothing to answer now, and nothing is pressed.
    expect((await fleet.sac(['answer', 'coder', '--keys', '1'])).code).toBe(4);
  });

  it('shows what the service refuses as what it is, and is clear when it is over', { timeout: 300_000 }, async () => {
    await declare(
      'claude-code',
      { claude: { flags: ['--dangerously-skip-permissions'] } },
      { CLAUDE_CODE_MAX_RETRIES: '0' },
    );
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await ready();
    const shows = async (status: number, type: string, reason: string) => {
      server.standing(errorAnswer(status));
      await say(`try ${status}`);
      await becomes(type, 'True', reason);
      server.standing(undefined);
      await say(`again after ${status}`);
      await becomes(type, 'False');
      await idle();
    };
    await shows(429, 'QuotaLimited', 'RateLimited');
    await shows(401, 'AuthFailed', 'AuthError');
    await shows(529, 'RequestFailed', 'Overloaded');
    await shows(500, 'RequestFailed', 'ServerError');
    expect((await events('RequestFailed')).map(({ message }) => message)).toEqual(
      expect.arrayContaining([expect.stringContaining('529'), expect.stringContaining('500')]),
    );
  });

  it('that tries a request again says why, while its screen does not, and is clear when it got through', {
    timeout: 300_000,
  }, async () => {
    await declare('claude-code', { claude: { flags: ['--dangerously-skip-permissions'] } });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await ready();
    for (const [status, activity, type, reason] of [
      [529, 'error', 'RequestFailed', 'Overloaded'],
      [429, 'rate_limited', 'QuotaLimited', 'rate limit'],
      [401, 'auth_error', 'AuthFailed', 'bearer token'],
    ] as const) {
      server.standing(errorAnswer(status));
      await say(`try ${status}`);
      await until(
        `${status} is named`,
        async () => {
          const { status: told } = await agent();
          const why = told.instances[0]?.reading?.reason ?? '';
          if (told.activity === activity && why.includes(`${status}: `) && why.includes(reason)) return true;
          throw new Error(`${told.activity} ${why}\n${await screen()}`);
        },
        READY_MS,
      );
      await becomes(type, 'True');
      // Nobody does anything: the next attempt gets through.
      server.standing(undefined);
      await idle();
      await becomes(type, 'False');
    }
  });

  it('whose subscription is used up says so and when it is reset, and is clear when it is over', {
    timeout: 300_000,
  }, async () => {
    // Only somebody who is logged in with a subscription is shown a usage limit.
    mkdirSync(join(home, '.claude'));
    const login = {
      accessToken: `sk-ant-oat01-${'a'.repeat(80)}`,
      refreshToken: `sk-ant-ort01-${'b'.repeat(80)}`,
      expiresAt: Date.now() + 86_400_000,
      scopes: ['user:inference', 'user:profile'],
      subscriptionType: 'pro',
    };
    writeFileSync(join(home, '.claude', '.credentials.json'), JSON.stringify({ claudeAiOauth: login }));
    await declare(
      'claude-code',
      { claude: { flags: ['--dangerously-skip-permissions'] } },
      { ANTHROPIC_AUTH_TOKEN: '', CLAUDE_CODE_MAX_RETRIES: '0' },
    );
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await ready();
    server.standing(usageLimit(Math.floor(Date.now() / 1000) + 7200));
    await say('one too many');
    const limited = await becomes('QuotaLimited', 'True', 'LimitReached');
    expect(limited.message).toMatch(/resets? .*\d(?:am|pm)/);
    // The CLI offers what to do; nothing is pressed for the person.
    await until(
      'its offer stands',
      async () => (await screen()).includes('Stop and wait for limit to reset'),
      READY_MS,
    );
    expect((await fleet.json(['status', 'coder'])).pane_state).toBe('limit_reached');
    server.standing(undefined);
    expect((await fleet.sac(['answer', 'coder', '--keys', '1'])).code).toBe(0);
    await until('its composer is back', async () => !(await screen()).includes('Stop and wait'), READY_MS);
    await say('again after the reset');
    await becomes('QuotaLimited', 'False');
    await idle();
  });

  it('that works is not restarted by a changed manifest before it is idle', { timeout: 300_000 }, async () => {
    await declare('claude-code', { claude: { flags: ['--dangerously-skip-permissions'] } });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await ready();
    await say('wait #hold');
    await until('it works', async () => (await agent()).status.activity === 'working', READY_MS);
    const before = (await agent()).status.instances[0]?.pid;
    await declare('claude-code', { claude: { flags: ['--dangerously-skip-permissions', '--verbose'] } });
    await becomes('UpToDate', 'False', 'WaitsForIdle');
    expect((await agent()).status.instances[0]?.pid).toBe(before);
    server.release();
    await until('it was restarted', async () => (await agent()).status.instances[0]?.pid !== before, READY_MS);
    await ready();
  });

  it('of another version than the manifest asks for is not started', { timeout: 300_000 }, async () => {
    await declare('claude-code', { cliVersion: '1.0.x' });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    const mismatch = await becomes('VersionMismatch', 'True', 'OtherVersion');
    expect(mismatch.message).toBe('The CLI there is of version 2.1.197, not 1.0.x, so it was not started.');
    const says = 'is not of version 1.0.x, as the manifest wants it, but 2.1.197';
    await until('it says which it is', async () => (await screen()).includes(says));
    expect((await events('VersionMismatch')).map(({ message }) => message)).toEqual([expect.stringContaining('1.0.x')]);
    await declare('claude-code', { cliVersion: '2.1.x' });
    await ready();
    await becomes('VersionMismatch', 'False', 'AsAsked');
    expect((await agent()).status.instances[0]?.reading?.cliVersion).toBe('2.1.197');
  });

  it('is answered again at a dialog that did not hear the first key', { timeout: 300_000 }, async () => {
    // Its terminal does not echo, so a key that nobody listens to shows nothing at all.
    const deaf =
      'stty -echo; printf "\\n Shall we?\\n\\n \\342\\235\\257 1. Yes\\n   2. No\\n\\n Enter to confirm\\n"; read -r first; read -r key; clear; echo "heard it"; sleep 1000';
    await declare('claude-code', {
      command: ['sh', '-c', deaf],
      startup: { customDialogs: [{ name: 'shall', match: 'Shall we', press: ['Enter'] }] },
    });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await until('it was heard', async () => (await screen()).includes('heard it'), READY_MS);
    const attempts = (await events('DialogAnswered')).map(({ message }) => message);
    expect(attempts.sort()).toEqual(['Answers dialog shall (attempt 1).', 'Answers dialog shall (attempt 2).']);
  });

  it('at a dialog that nobody described is Blocked and untouched; the manifest may describe it', {
    timeout: 300_000,
  }, async () => {
    const dialog =
      'printf "\\n Shall we?\\n\\n \\342\\235\\257 1. Yes\\n   2. No\\n\\n Enter to confirm\\n"; read -r key; echo "got $key"; sleep 1000';
    await declare('claude-code', { command: ['sh', '-c', dialog] });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    const blocked = await becomes('Blocked', 'True', 'Dialog');
    expect(blocked.message).toContain('Shall we?');
    expect(await screen()).not.toContain('got');
    expect((await fleet.sac(['answer', 'coder', '--keys', '2 Enter'])).code).toBe(0);
    await until('it got the keys', async () => (await screen()).includes('got 2'));
  });
});

/** Its own record of the conversation is found and read. */
const tellsOfItself = () =>
  until(
    'its record is read',
    async () => {
      const { tokens, last_user_msg: said, facts } = await fleet.json(['status', 'coder']);
      if (tokens?.output > 0 && said === 'hello from the manifest' && facts.tokens.source === 'transcript') return true;
      throw new Error(JSON.stringify([tokens, said, facts]));
    },
    READY_MS,
  );

/** Killed, it comes back with the same conversation: what is submitted again is sent with what was said before. */
async function goesOnWhenKilled(): Promise<void> {
  const before = server.requests.length;
  process.kill(Number((await agent()).status.instances[0]?.pid), 'SIGKILL');
  await until('it was restarted', async () => (await agent()).status.restarts === 1, READY_MS);
  await until(
    'what was said before is sent again',
    async () => {
      const sent = server.requests.slice(before);
      if (sent.some(({ body }) => JSON.stringify(body).includes('Hello from the model server.'))) return true;
      throw new Error(`${(await agent()).status.phase}, ${sent.length} requests\n${await screen()}`);
    },
    150_000,
  );
}

describe.each(['codex', 'gemini', 'opencode', 'pi'] as const)('%s', (cli) => {
  it('comes to its prompt, answers once, and leaves nothing behind when it is deleted', {
    timeout: 300_000,
  }, async () => {
    await declare(cli, { startup: { prompts: ['hello from the manifest'], timeout: '5m' } });
    await fleet.controller(['--agents-dir', fleet.agentsDir]);
    await ready(150_000);
    await until('the answer', async () => (await screen()).includes('Hello from the model server.'), READY_MS);
    // Titles and the like that some ask for besides are no answers.
    expect(
      cli === 'gemini' ? prompts() : prompts().filter((text) => text.trim() === 'hello from the manifest'),
    ).toHaveLength(1);
    await tellsOfItself();
    await goesOnWhenKilled();
    const { id } = (await agent()).metadata;
    await fleet.ok(['delete', 'agent', 'coder', '--force'], { timeoutMs: 60_000 });
    const left = await run('sh', ['-c', 'grep -slz "^SAC_ID=$1$" /proc/[0-9]*/environ || true', 'sh', id], {
      env: {},
      cwd: '/',
    });
    expect(left.stdout).toBe('');
  });
});

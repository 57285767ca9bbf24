/** A pinned login: without it no start, with it that one and no other; the real Claude Code, and who it says it is. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Agent } from '../../api/resources/agent/agent.ts';
import { Fleet, until } from '../harness.ts';
import { type ModelServer, startModelServer } from '../model-server/model-server.ts';
import { agentEnvironment, TEST_KEY } from './environment.ts';
import { installAgent } from './install.ts';

const PATIENCE_MS = 180_000;
const tokenOf = (letter: string) => `sk-ant-oat01-${letter.repeat(80)}0`;

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

const agent = (): Promise<Agent> => fleet.json(['get', 'agent', 'coder']);
const save = (token: string) => fleet.ok(['account', 'save', 'work'], { stdin: `${token}\n` });
const waitsFor = (text: string) =>
  until(
    `it waits: ${text}`,
    async () => {
      const { status } = await agent();
      const said = JSON.stringify(status.conditions);
      if (!status.ready && status.instances.every(({ pid }) => pid === undefined) && said.includes(text)) return true;
      throw new Error(said);
    },
    PATIENCE_MS,
  );
/** Of every request since then. */
const authorized = (since: number) => [
  ...new Set(server.requests.slice(since).map(({ headers }) => `${headers['authorization']} ${headers['x-api-key']}`)),
];

it('is waited for, used alone, renewed with the next start, and never replaced by another', {
  timeout: 600_000,
}, async () => {
  const own = agentEnvironment('claude-code', await installAgent('claude-code'), { home, url: server.url });
  const { ANTHROPIC_AUTH_TOKEN: _, ...env } = own;
  // Found by the way, and by Claude Code preferred to its login.
  const other = fleet.write('other.env', `ANTHROPIC_API_KEY=${TEST_KEY}\nANTHROPIC_AUTH_TOKEN=${TEST_KEY}\n`);
  fleet.write(
    'agents/coder/spec.yaml',
    JSON.stringify({
      apiVersion: 'sac/v1',
      kind: 'Agent',
      spec: {
        profile: 'claude-code',
        env,
        envFiles: [other],
        claude: { account: 'work' },
        startup: { prompts: ['hello'] },
      },
    }),
  );
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await waitsFor('sac account save work');
  expect(server.requests).toEqual([]);

  // Saved, and open to others: still none.
  const file = join(fleet.home, 'accounts', 'work');
  writeFileSync(file, tokenOf('a'), { mode: 0o644 });
  chmodSync(file, 0o644);
  await waitsFor('is open to others');

  await save(tokenOf('b'));
  await until('it answers', async () => server.requests.some(({ prompt }) => prompt === 'hello'), PATIENCE_MS);
  expect(authorized(0)).toEqual([`Bearer ${tokenOf('b')} undefined`]);
  const { pid } = (await agent()).status.instances[0] ?? {};

  // A renewed token is no reason for a restart; the next start has it.
  await save(tokenOf('c'));
  const before = server.requests.length;
  expect((await agent()).status.instances[0]?.pid).toBe(pid);
  await fleet.ok(['restart', 'coder']);
  await until(
    'it answers again',
    async () => server.requests.slice(before).some(({ prompt }) => prompt === 'hello'),
    PATIENCE_MS,
  );
  const last = server.requests.at(-1)?.headers['authorization'];
  expect(last).toBe(`Bearer ${tokenOf('c')}`);

  // What would win over it is told with the start, by its file.
  const told = async (): Promise<readonly string[]> =>
    (await fleet.json(['events'])).items.flatMap(({ reason, message }: { reason: string; message: string }) =>
      reason === 'OtherLogin' ? [message] : [],
    );
  expect(await told()).toEqual([]);
  const settings = join(home, '.claude', 'settings.json');
  writeFileSync(settings, JSON.stringify({ apiKeyHelper: '/bin/false' }));
  await fleet.ok(['restart', 'coder']);
  await until('it is told', async () => (await told()).length > 0, PATIENCE_MS);
  expect(await told()).toEqual([`${settings}: an apiKeyHelper there wins over claude.account "work"; take it out`]);
  rmSync(settings);

  // Taken away: what runs goes on, and is not started again.
  await fleet.ok(['account', 'delete', 'work']);
  await until('its process is known', async () => (await agent()).status.instances[0]?.pid !== undefined, PATIENCE_MS);
  process.kill(Number((await agent()).status.instances[0]?.pid), 'SIGKILL');
  await waitsFor('no saved login');
  for (const args of [
    ['get', 'agent', 'coder', '-o', 'yaml'],
    ['describe', 'agent', 'coder'],
    ['render', 'coder'],
    ['events'],
  ])
    expect((await fleet.here(args)).stdout).not.toContain('sk-ant-oat01');
});

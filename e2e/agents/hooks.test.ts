/** Hooks that tell the user what became of an agent: it differs from its manifest, it compacts its context. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Fleet, until } from '../harness.ts';
import { startModelServer } from '../model-server/model-server.ts';
import { agentEnvironment } from './environment.ts';
import { installAgent } from './install.ts';

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet({}, { calls: 'here' });
});
afterEach(() => fleet[Symbol.asyncDispose]());

const declare = (spec: Readonly<Record<string, unknown>>) =>
  fleet.write('agents/web/spec.yaml', JSON.stringify({ apiVersion: 'sac/v1', kind: 'Agent', spec }));
/** Notes whom it is run for, and which hook it is. */
const noting = () => `echo "$SAC_AGENT $SAC_HOOK" >> ${join(fleet.dir, 'notes')}`;
const notes = (): readonly string[] =>
  existsSync(join(fleet.dir, 'notes')) ? readFileSync(join(fleet.dir, 'notes'), 'utf8').trimEnd().split('\n') : [];
const agent = () => fleet.json(['get', 'agent', 'web']);
const ready = (withinMs = 60_000) =>
  until('web is ready', async () => ((await agent()).status.ready ? agent() : undefined), withinMs);

it('onDiff is run once when the launch differs, and once when a deployed file was changed', async () => {
  const spec = {
    command: ['sleep', '1000'],
    place: { runtime: 'process' },
    startup: { minReadySeconds: 0 },
    update: { strategy: 'OnDelete' },
    hooks: { onDiff: [noting()], onCompact: [noting()] },
  };
  declare(spec);
  fleet.write('agents/web/src_notes.txt', 'declared\n');
  const first = await fleet.controller(['--agents-dir', fleet.agentsDir, '--resync', '1s']);
  const { pid } = (await ready()).status.instances[0];
  expect(notes()).toEqual([]);
  declare({ ...spec, command: ['sleep', '1001'] });
  await until('the hook ran', () => notes().length > 0);
  await until('the drift is shown', async () =>
    (await agent()).status.conditions.some(
      ({ type, reason }: { type: string; reason: string }) => type === 'UpToDate' && reason === 'WaitsForRestart',
    ),
  );
  // A controller that comes back finds the same difference, which is no news.
  first.kill('SIGKILL');
  await until('it is gone', () => first.signalCode !== null);
  await fleet.controller(['--agents-dir', fleet.agentsDir, '--resync', '1s']);
  const file = join(fleet.home, 'workspaces', 'web', 'notes.txt');
  writeFileSync(file, 'edited\n');
  await until('mended', () => readFileSync(file, 'utf8') === 'declared\n');
  await until('told', () => notes().length > 1);
  expect(notes()).toEqual(['web on_diff', 'web on_diff']);
  expect((await agent()).status.instances[0].pid).toBe(pid);
});

it('onCompact is run once when the real Claude Code compacts its context', { timeout: 300_000 }, async () => {
  await using server = await startModelServer();
  const installed = await installAgent('claude-code');
  const home = join(fleet.dir, 'agent-home');
  mkdirSync(home);
  declare({
    profile: 'claude-code',
    env: agentEnvironment('claude-code', installed, { home, url: server.url }),
    claude: { flags: ['--dangerously-skip-permissions'] },
    startup: { prompts: ['hello'] },
    hooks: { onCompact: [noting()] },
  });
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await ready(90_000);
  const idle = () => until('web is idle', async () => (await agent()).status.activity === 'idle', 60_000);
  await until('it was asked', () => server.requests.some(({ prompt }) => prompt === 'hello'), 60_000);
  await idle();
  expect(notes()).toEqual([]);
  const { fleet: id } = await fleet.json(['controller', 'status']);
  const keys = (...args: string[]) => execFileSync('tmux', ['-L', `sac-${id}`, 'send-keys', '-t', '=web:', ...args]);
  keys('-l', '/compact');
  await until('it is typed', async () =>
    (await fleet.here(['logs', 'web', '--tail', '40'])).stdout.includes('/compact'),
  );
  keys('Enter');
  await until('told', () => notes().length > 0, 60_000);
  await idle();
  expect(notes()).toEqual(['web on_compact']);
});

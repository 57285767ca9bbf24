/** A host is drained while a real agent CLI on it is at work: the work is waited for, what has no prompt is not. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Agent } from '../../api/resources/agent/agent.ts';
import { agentEnvironment } from '../agents/environment.ts';
import { type InstalledCli, installAgent } from '../agents/install.ts';
import { type Fleet, until } from '../harness.ts';
import { type ModelServer, startModelServer } from '../model-server/model-server.ts';
import type { SshLab } from '../ssh/lab.ts';
import { DeclaredHosts } from './declared.ts';

const SOON_MS = 120_000;
let hosts: DeclaredHosts;
let fleet: Fleet;
let lab: SshLab;
let server: ModelServer;
beforeEach(async () => {
  hosts = new DeclaredHosts();
  ({ fleet, lab } = hosts);
  server = await startModelServer();
});
afterEach(async () => {
  server.release();
  await hosts[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Where any user may run it: the cache of tests is root's own. */
async function claude(): Promise<InstalledCli> {
  const installed = await installAgent('claude-code');
  const [from, to] = [resolve(installed.bin, '..', '..'), join(lab.dir, 'claude')];
  mkdirSync(to, { recursive: true });
  execFileSync('sh', ['-c', 'cp -al "$1/." "$2" 2>/dev/null || cp -a "$1/." "$2"', 'sh', from, to]);
  const bin = join(to, 'node_modules', '.bin');
  return { ...installed, bin, program: join(bin, 'claude') };
}
/** A user of a host who has used the CLI before; the environment its agents need. */
function seasoned(user: string, cli: InstalledCli): Readonly<Record<string, string>> {
  const { HOME: home = '', ...env } = agentEnvironment('claude-code', cli, { home: lab.homeOf(user), url: server.url });
  execFileSync('chown', ['-R', user, home]);
  return env;
}
const host = async (name: string): Promise<string> => hosts.declare(name, await lab.sshd(), 'bash');
const declare = (name: string, spec: object) =>
  fleet.write(
    `agents/${name}/spec.yaml`,
    JSON.stringify({ apiVersion: 'sac/v1', kind: 'Agent', spec: { place: { host: ['a', 'b'] }, ...spec } }),
  );
const status = async (name: string): Promise<Agent['status']> => (await fleet.json(['get', 'agent', name])).status;
const becomes = (name: string, what: string, holds: (now: Agent['status']) => boolean) =>
  until(
    `${name} ${what}`,
    async () => {
      const now = await status(name);
      if (holds(now)) return now;
      throw new Error(JSON.stringify([now.phase, now.activity, now.instances, now.conditions]));
    },
    SOON_MS,
  );
const livesOn = (name: string, where: string) =>
  becomes(name, `is ready on ${where}`, (now) => now.ready && now.instances[0]?.host === where);

/** As a person at the terminal would. */
async function say(user: string, text: string): Promise<void> {
  const tmux = (...args: string[]) =>
    execFileSync('runuser', ['-u', user, '--', 'tmux', '-L', `sac-${fleet.fleetId}`, ...args], {
      encoding: 'utf8',
      timeout: 30_000,
    });
  tmux('send-keys', '-t', '=coder:', '-l', text);
  await until('it stands in the composer', () => tmux('capture-pane', '-p', '-t', '=coder:').includes(text), SOON_MS);
  tmux('send-keys', '-t', '=coder:', 'Enter');
}

it('an agent that works stays until it is idle, and moves then; what has no prompt moves at once', {
  timeout: 500_000,
}, async () => {
  const cli = await claude();
  const [user] = [await host('a'), await host('b')];
  const [env] = hosts.users.map((one) => seasoned(one, cli));
  declare('coder', { profile: 'claude-code', claude: { flags: ['--dangerously-skip-permissions'] }, env });
  declare('plain', { profile: 'exec', command: ['sleep', '54321'], startup: { minReadySeconds: 0 } });
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await livesOn('plain', 'a');
  await livesOn('coder', 'a');
  await say(user, 'wait #hold');
  const busy = await becomes('coder', 'works', ({ activity }) => activity === 'working');

  // Its work is not done: giving up is told, and the host stays drained.
  const waited = await fleet.sac(['drain', 'a', '--wait', '--timeout', '5s'], { timeoutMs: SOON_MS });
  expect(waited).toMatchObject({ code: 5, stderr: expect.stringContaining('coder') });
  await livesOn('plain', 'b');
  await becomes('coder', 'says why it stays', ({ conditions }) =>
    conditions.some(({ type, reason }) => type === 'UpToDate' && reason === 'WaitsForIdle'),
  );
  expect((await status('coder')).instances[0]).toMatchObject({ host: 'a', pid: busy.instances[0]?.pid });

  server.release();
  await fleet.ok(['drain', 'a', '--wait', '--timeout', '120s'], { timeoutMs: SOON_MS + 30_000 });
  await livesOn('coder', 'b');
  expect(execFileSync('sh', ['-c', 'pgrep -u "$1" -f "[c]laude|[s]leep 54321" || true', 'sh', user]).toString()).toBe(
    '',
  );
});

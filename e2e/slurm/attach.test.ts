/** The agent's terminal on its node, reached through `srun --pty --overlap`. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSlurmRuntime } from '../../adapters/runtimes/slurm/slurm-runtime.ts';
import { quoteArgv } from '../../adapters/transport/quote.ts';
import type { FleetId, InstanceId } from '../../api/resources/names.ts';
import { exclusively } from '../exclusive.ts';
import { execManifest, Fleet, until } from '../harness.ts';
import { dispose, startCluster } from './cluster.ts';

exclusively('slurm');

let fleet: Fleet;
beforeEach(() => {
  startCluster();
  fleet = new Fleet();
});
afterEach(() => dispose(fleet));

it('shows what the agent shows, and hands on what is typed', async () => {
  const hook = fleet.write('attach.sh', `echo "$SAC_PHASE $SAC_JOB_ID" > ${join(fleet.dir, 'attached')}\n`);
  await fleet.ok(['apply', '-f', '-', '--wait', '--timeout', '60s'], {
    stdin: execManifest('web', ['sh', '-c', 'echo "who are you?"; read name; echo "hello $name"; exec sleep 1000'], {
      startup: { minReadySeconds: 0 },
      place: { runtime: 'slurm', slurm: { timeLimit: '10', hooks: { attach: hook } } },
    }),
  });
  const runtime = createSlurmRuntime({
    fleet: fleet.fleetId as FleetId,
    dirs: { run: join(fleet.home, 'run'), logs: join(fleet.home, 'logs') },
    now: Date.now,
    timeoutMs: 60_000,
  });
  const argv = runtime.attach?.(`${fleet.fleetId}.web` as InstanceId) ?? [];
  const seen = join(fleet.dir, 'seen');
  // script(1) gives it a terminal.
  const terminal = spawn('script', ['-qfc', quoteArgv(argv), seen], {
    env: { ...fleet.env },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  try {
    const shown = () => (existsSync(seen) ? readFileSync(seen, 'utf8') : '');
    await until('the question', () => shown().includes('who are you?'));
    terminal.stdin.write('cluster\r');
    await until('the answer', () => shown().includes('hello cluster'));
    await until('the log', async () => (await fleet.ok(['logs', 'web'])).includes('hello cluster'));
    expect(readFileSync(join(fleet.dir, 'attached'), 'utf8')).toMatch(/^attach \d+\n$/);
  } finally {
    terminal.kill('SIGKILL');
  }
  expect((await fleet.json(['get', 'agent', 'web'])).status.phase).toBe('Running');
});

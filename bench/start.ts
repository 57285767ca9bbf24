/**
 * Bench: N tmux agents from `apply` to all running, against the floor: the same sessions (same launch files) made by one
 * `tmux source-file`. Both in the same run; growth per agent from the smallest to the largest N.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchFleet, sleepers } from './fleet.ts';
import { median, pause, report, round } from './harness.ts';

async function once(count: number): Promise<{ readonly sac: number; readonly floor: number }> {
  await using fleet = new BenchFleet();
  await fleet.start();
  const began = performance.now();
  const done = fleet.running(count);
  await fleet.client.apply({ items: sleepers(count), source: { kind: 'apply', name: 'cli' } });
  const sac = (await done) - began;
  // The floor begins like we did: nothing running, no workspace there yet. Terminals are bounded (pty max).
  await fleet.kill();
  execFileSync('tmux', ['-L', `sac-${fleet.fleetId}`, 'kill-server'], { stdio: 'ignore', env: fleet.env });
  rmSync(join(fleet.home, 'workspaces'), { recursive: true, force: true });
  for (let tries = 0; tries < 200 && Number(readFileSync('/proc/sys/kernel/pty/nr', 'utf8')) > 100; tries++)
    await pause(50);
  return { sac, floor: floorOf(fleet, count) };
}

/** Wall time until all processes of the same launch files are there, in a fresh server. */
function floorOf(fleet: BenchFleet, count: number): number {
  const launches = join(fleet.home, 'run', 'launch');
  const lines = readdirSync(launches).map(
    (file) => `new-session -d -s ${file.split('.')[0]} -x 200 -y 50 sh '${join(launches, file)}'`,
  );
  const script = join(fleet.dir, 'floor.tmux');
  writeFileSync(script, `${lines.join('\n')}\n`);
  const tmux = (...args: string[]) =>
    execFileSync('tmux', ['-L', `sac-floor-${process.pid}`, ...args], { encoding: 'utf8', env: fleet.env });
  const began = performance.now();
  tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'keep', 'sleep', '100000');
  tmux('source-file', script);
  while (tmux('list-panes', '-a').trim().split('\n').length < count + 1);
  const took = performance.now() - began;
  tmux('kill-server');
  return took;
}

const sizes = process.argv
  .slice(2)
  .map(Number)
  .filter((n) => n > 0);
const perAgent: number[] = [];
for (const count of sizes.length > 0 ? sizes : [100, 1000, 3000]) {
  const runs: { sac: number; floor: number }[] = [];
  for (let i = 0; i < (count > 1000 ? 1 : 3); i++) runs.push(await once(count));
  const sac = median(runs.map((run) => run.sac));
  const floor = median(runs.map((run) => run.floor));
  perAgent.push(sac / count);
  report('start', {
    agents: count,
    runs: runs.length,
    sacMs: round(sac),
    floorMs: round(floor),
    ratio: round(sac / floor, 2),
    perAgentMs: round(sac / count, 2),
    target: 'ratio <= 1.5 at 1000',
  });
}
if (perAgent.length > 1)
  report('start-growth', {
    perAgentLastOverFirst: round((perAgent.at(-1) ?? 0) / (perAgent[0] ?? 1), 2),
    target: '<= 1.3',
  });

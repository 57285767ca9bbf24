/**
 * Bench: N docker agents from `apply` to all running, against the floor: `docker run -d` of the same containers (same arguments, same
 * files), as many at once. Both in the same run.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AT_ONCE } from '../adapters/runtimes/container/containers.ts';
import { DOCKER } from '../adapters/runtimes/container/engine.ts';
import { runArguments } from '../adapters/runtimes/container/run-argv.ts';
import type { FleetId } from '../api/resources/names.ts';
import { instanceId } from '../api/resources/names.ts';
import { image, launchOptions, manifestOptions, removeFleet } from '../e2e/containers/engines.ts';
import { BenchFleet, sleepers } from './fleet.ts';
import { median, report, round } from './harness.ts';

const run = promisify(execFile);
const COUNT = Number(process.argv[2] ?? 50);
const RUNS = Number(process.argv[3] ?? 3);

async function once(tag: string): Promise<{ readonly sac: number; readonly floor: number }> {
  await using fleet = new BenchFleet();
  try {
    await fleet.start();
    const place = { runtime: 'docker' as const, docker: manifestOptions('docker', tag) };
    const began = performance.now();
    const done = fleet.running(COUNT);
    await fleet.client.apply({ items: sleepers(COUNT, { place }), source: { kind: 'apply', name: 'cli' } });
    const sac = (await done) - began;
    await fleet.kill();
    removeFleet('docker', fleet.fleetId);
    rmSync(join(fleet.home, 'workspaces'), { recursive: true, force: true });
    return { sac, floor: await floorOf(fleet, tag) };
  } finally {
    removeFleet('docker', fleet.fleetId);
  }
}

/** Until the last `docker run` has returned. The launch files are those that sac wrote. */
async function floorOf(fleet: BenchFleet, tag: string): Promise<number> {
  const id = fleet.fleetId as FleetId;
  const launches = join(fleet.home, 'run', 'launch');
  const written = new Map(readdirSync(launches).map((file) => [file.split('.')[0], file] as const));
  const starts = Array.from({ length: COUNT }, (_, n) => {
    const cwd = join(fleet.home, 'workspaces', `a${n}`);
    execFileSync('mkdir', ['-p', cwd]);
    const options = {
      tmux: { width: 200, height: 50, historyLimit: 10_000 },
      process: { logMaxBytes: 0, logFiles: 0 },
      docker: launchOptions('docker', tag, []),
    };
    const launch = { argv: [], env: {}, envFiles: [], preStart: [], postStart: [], options };
    const files = {
      launch: join(launches, written.get(`a${n}`) ?? 'none'),
      init: join(fleet.home, 'run', 'container', 'init.sh'),
    };
    return runArguments(
      DOCKER,
      { ...launch, id: instanceId(id, `a${n}`), incarnation: 1, launchHash: 'a', cwd },
      files,
    );
  });
  const began = performance.now();
  const waiting = [...starts];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await run('docker', ['run', ...next]);
    }),
  );
  return performance.now() - began;
}

if (spawnSync('docker', ['version'], { stdio: 'ignore' }).status !== 0) {
  report('containers', { skipped: 'no docker engine answers here' });
} else {
  for (const kind of ['plain', 'tmux'] as const) {
    const tag = image('docker', kind);
    const runs: { sac: number; floor: number }[] = [];
    for (let i = 0; i < RUNS; i++) runs.push(await once(tag));
    const sac = median(runs.map((one) => one.sac));
    const floor = median(runs.map((one) => one.floor));
    report('containers', {
      agents: COUNT,
      image: kind,
      runs: RUNS,
      atOnce: AT_ONCE,
      sacMs: round(sac),
      floorMs: round(floor),
      ratio: round(median(runs.map((one) => one.sac / one.floor)), 2),
      target: 'ratio <= 1.3',
    });
  }
}

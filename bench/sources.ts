/**
 * Bench: git sources. `plan FILES ROUNDS`: fetch and plan of a commit of so many files, new to the fleet; `follow FILES ROUNDS`: and
 * once it is applied. `isolation SOURCES SECONDS [WAY...]`: how long the
 * healthy ones take to follow a push with and without one that is broken (isolation.ts).
 */
import type { ApplyItem } from '../api/protocol.ts';
import { gitSourceManifestSchema } from '../api/resources/kinds/git-source.ts';
import { BenchFleet } from './fleet.ts';
import { cpuSeconds, median, pause, report, round } from './harness.ts';
import { isolation } from './isolation.ts';
import { BenchRepository } from './repository.ts';

const [what = 'isolation', size = '49', turns = what === 'isolation' ? '70' : '10', ...only] = process.argv.slice(2);
const BY_HAND = { kind: 'apply', name: 'cli' } as const;

await using fleet = new BenchFleet({ SAC_GIT_ALLOW: 'file,http' });
await fleet.start();

const source = (name: string, spec: Readonly<Record<string, unknown>>): ApplyItem => ({
  origin: 'bench',
  manifest: gitSourceManifestSchema.parse({ apiVersion: 'sac/v1', kind: 'GitSource', metadata: { name }, spec }),
});
const declare = async (...items: readonly ApplyItem[]): Promise<void> => {
  const { errors } = await fleet.client.apply({ items, source: BY_HAND });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
};
/** A file as people write them, of an agent that starts nothing. */
const manifest = (name: string, version: number): string => `apiVersion: sac/v1
kind: Agent
metadata:
  name: ${name}
  labels: { team: bench, version: v${version} }
spec:
  suspend: true
  command: [sleep, "1000"]
  env: { LEVEL: "${version}" }
`;
interface Figures {
  readonly medianMs: number;
  readonly maxMs: number;
  readonly cpuMs: number;
}
async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function plan(files: number, rounds: number): Promise<void> {
  const repository = new BenchRepository(fleet.dir, 'large');
  const all = (version: number) =>
    Object.fromEntries(Array.from({ length: files }, (_, i) => [`agents/a${i}.yaml`, manifest(`a${i}`, version)]));
  repository.push(all(0));
  await declare(source('large', { url: repository.url, suspend: true, timeout: '5m' }));
  const planned = async (pushed: (turn: number) => Readonly<Record<string, string>>): Promise<Figures> => {
    const times: number[] = [];
    const cpu = cpuSeconds(fleet.pid);
    for (let turn = 1; turn <= rounds; turn++) {
      repository.push(pushed(turn));
      times.push(
        await timed(async () => {
          const { problems, response } = await fleet.client.planSource('large');
          if (problems.length > 0 || response.results.length !== files) throw new Error(`not planned: ${problems[0]}`);
        }),
      );
    }
    const cpuMs = ((cpuSeconds(fleet.pid) - cpu) * 1000) / rounds;
    return { medianMs: round(median(times)), maxMs: round(Math.max(...times)), cpuMs: round(cpuMs) };
  };
  // Every file is another one each turn: none is known from the turn before.
  const first = await planned(all);
  report('sources.plan', { files, rounds, ...first, target: 'median <= 3000' });
  if (what !== 'follow') return;
  await declare(source('large', { url: repository.url, timeout: '5m', interval: '1h' }));
  const appliedMs = await timed(async () => {
    await fleet.client.syncSource('large');
    while ((await fleet.client.list('agents')).items.length < files) await pause(100);
  });
  const cpu = cpuSeconds(fleet.pid);
  const sameCommitMs = await timed(() => fleet.client.syncSource('large'));
  const sameCommitCpuMs = (cpuSeconds(fleet.pid) - cpu) * 1000;
  report('sources.follow', {
    ...{ files, rounds, appliedMs: round(appliedMs), sameCommitMs: round(sameCommitMs) },
    sameCommitCpuMs: round(sameCommitCpuMs),
    oneChanged: await planned((turn) => ({ 'agents/a0.yaml': manifest('a0', 100 + turn) })),
    allChanged: await planned((turn) => all(200 + turn)),
  });
}

if (what !== 'isolation') await plan(Number(size), Number(turns));
else {
  const seconds = Number(turns);
  const found = await isolation({ fleet, source, declare, manifest, healthy: Number(size), seconds, only });
  report('sources.isolation', { healthy: Number(size), seconds, ...found, target: 'ratio < 1.1' });
}

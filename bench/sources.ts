/**
 * Bench: git sources. `plan FILES ROUNDS`: fetch and plan of a commit of so many files, new to the fleet; `follow FILES ROUNDS`: and
 * once it is applied. `isolation SOURCES ROUNDS`: how long the
 * healthy ones take to follow a push, all at once, turn by turn with and without one that is broken.
 */
import type { ApplyItem } from '../api/protocol.ts';
import { gitSourceManifestSchema } from '../api/resources/kinds/git-source.ts';
import { BenchFleet } from './fleet.ts';
import { cpuSeconds, median, pause, quantile, report, round } from './harness.ts';
import { BenchRepository, silentServer } from './repository.ts';

const [what = 'isolation', size = '49', turns = '10'] = process.argv.slice(2);
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

async function isolation(healthy: number, rounds: number): Promise<void> {
  const repository = new BenchRepository(fleet.dir, 'fleet');
  const names = Array.from({ length: healthy }, (_, i) => `s${i}`);
  const files = (version: number) =>
    Object.fromEntries(names.map((name) => [`${name}/agent.yaml`, manifest(name, version)]));
  repository.push(files(0));
  await declare(
    ...names.map((name) => source(name, { url: repository.url, path: name, interval: '1h', timeout: '5m' })),
  );
  const ill = new BenchRepository(fleet.dir, 'ill');
  const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`a${i}.yaml`, manifest(`ill${i}`, 0)]));
  ill.push({ ...many, 'zz.yaml': 'kind: Agnet\n' });
  using silent = await silentServer();
  const broken: Readonly<Record<string, string>> = {
    hanging: silent.url,
    unreachable: 'http://127.0.0.1:1/fleet.git',
    /** Fetched and found wrong at every turn of its interval. */
    invalid: ill.url,
  };
  const times = new Map<string, number[]>(['none', ...Object.keys(broken)].map((way) => [way, []]));
  const cpu = new Map<string, number[]>([...times.keys()].map((way) => [way, []]));
  for (let turn = -1; turn < rounds; turn++)
    for (const way of times.keys()) {
      const url = broken[way];
      if (url) await declare(source('broken', { url, interval: '500ms', timeout: '10m' }));
      await pause(1_500);
      const commit = repository.push(files(turn + 10 * rounds + Object.keys(broken).indexOf(way) * 1_000 + 2_000));
      const spent = cpuSeconds(fleet.pid);
      const took = await timed(() =>
        Promise.all(
          names.map(async (name) => {
            // On a crowded machine the answer may come before the end of the sync.
            while (!JSON.stringify((await fleet.client.syncSource(name)).status).includes(commit)) await pause(50);
          }),
        ),
      );
      if (turn >= 0) times.get(way)?.push(took);
      if (turn >= 0) cpu.get(way)?.push(cpuSeconds(fleet.pid) - spent);
      if (url) await fleet.client.removeObject('gitsources', 'broken');
    }
  const of = (way: string) => median(times.get(way) ?? []);
  report('sources.isolation', {
    ...{ healthy, rounds },
    ...Object.fromEntries([...times].map(([way, ms]) => [`${way}Ms`, round(median(ms))])),
    ...Object.fromEntries([...times].map(([way, ms]) => [`${way}P90Ms`, round(quantile(ms, 0.9))])),
    ...Object.fromEntries([...cpu].map(([way, seconds]) => [`${way}CpuSeconds`, round(median(seconds), 2)])),
    ...Object.fromEntries(Object.keys(broken).map((way) => [`${way}Ratio`, round(of(way) / of('none'), 3)])),
    target: 'ratio < 1.1',
  });
}

if (what !== 'isolation') await plan(Number(size), Number(turns));
else await isolation(Number(size), Number(turns));

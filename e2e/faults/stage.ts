/**
 * Owns: what tests of single faults share: fleets and mounts that are cleared away after each, small agents on both
 * runtimes, and what is true of them.
 * Never: asserts what one test alone is about.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Agent, AgentSpecInput } from '../../api/resources/agent/agent.ts';
import { until } from '../harness.ts';
import { bundleFaultyController } from './controller/bundle.ts';
import { isSettled } from './plans/scenario.ts';
import { type Facts, markedProcesses, readDiary } from './plans/world.ts';
import { SupervisedFleet, type SupervisedOptions } from './supervised-fleet.ts';

export const LIFE = join(import.meta.dirname, 'life.pl');
export const DEADLINE_MS = 120_000;
const RUNTIMES = ['tmux', 'process'] as const;
type Runtime = (typeof RUNTIMES)[number];

export class Stage {
  readonly #program: string;
  readonly #fleets: SupervisedFleet[] = [];
  readonly #mounts: string[] = [];
  readonly #folders: string[] = [];

  private constructor(program: string) {
    this.#program = program;
  }

  static async build(): Promise<Stage> {
    return new Stage(await bundleFaultyController());
  }

  start(options: Partial<SupervisedOptions> = {}): SupervisedFleet {
    const fleet = new SupervisedFleet({ program: this.#program, flags: ['--resync', '1s'], ...options });
    this.#fleets.push(fleet);
    return fleet;
  }

  get program(): string {
    return this.#program;
  }

  /** Everybody's, and empty but for what is mounted in it. */
  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'sac-e2e-shared-'));
    chmodSync(folder, 0o755);
    this.#folders.push(folder);
    return folder;
  }

  /** `mount ...`; the last argument is where. */
  mount(args: readonly string[]): void {
    const at = args.at(-1) ?? '';
    mkdirSync(at, { recursive: true, mode: 0o700 });
    execFileSync('mount', [...args]);
    this.#mounts.push(at);
  }

  /** Also while files below are open. */
  unmount(at: string): void {
    execFileSync('umount', ['-l', at]);
    const index = this.#mounts.lastIndexOf(at);
    if (index >= 0) this.#mounts.splice(index, 1);
  }

  async clear(): Promise<void> {
    const fleets = this.#fleets.splice(0);
    for (const fleet of fleets) await fleet.stop('SIGKILL');
    for (const mount of this.#mounts.splice(0).reverse()) execFileSync('umount', ['-l', mount]);
    for (const fleet of fleets) await fleet[Symbol.asyncDispose]();
    // Never what is below: it may still be mounted.
    for (const folder of this.#folders.splice(0)) {
      for (const name of readdirSync(folder)) rmdirSync(join(folder, name));
      rmdirSync(folder);
    }
  }
}

export const spec = (fleet: SupervisedFleet, runtime: Runtime, more: Partial<AgentSpecInput> = {}) => ({
  profile: 'exec' as const,
  command: ['perl', LIFE, 'plain'],
  place: { runtime },
  startup: { minReadySeconds: 0 },
  restart: { policy: 'always' as const, maxRetries: 100, backoff: { initial: 0, max: 0 } },
  terminationGracePeriodSeconds: 5,
  ...more,
  env: { LIFE_DIR: fleet.life, ...more.env },
});

/** Every second one on the other runtime. */
export const manifests = (fleet: SupervisedFleet, names: readonly string[], more: Partial<AgentSpecInput> = {}) =>
  names.map((name, i) => ({
    apiVersion: 'sac/v1' as const,
    kind: 'Agent' as const,
    metadata: { name },
    spec: spec(fleet, RUNTIMES[i % 2] ?? 'tmux', more),
  }));

export async function apply(
  fleet: SupervisedFleet,
  names: readonly string[],
  more: Partial<AgentSpecInput> = {},
): Promise<void> {
  const { errors } = await fleet.ask('apply', (client) =>
    client.apply({
      source: { kind: 'apply', name: 'cli' },
      items: manifests(fleet, names, more).map((manifest) => ({ origin: `test:${manifest.metadata.name}`, manifest })),
    }),
  );
  expect(errors).toEqual([]);
}

export const settled = (fleet: SupervisedFleet, count: number): Promise<readonly Agent[]> =>
  until(
    `${count} agents as declared`,
    async () => {
      const agents = await fleet.agents();
      return agents.length === count && agents.every(isSettled) ? agents : undefined;
    },
    DEADLINE_MS,
  );

export const pids = async (fleet: SupervisedFleet, count: number): Promise<ReadonlyMap<string, number | undefined>> =>
  new Map((await settled(fleet, count)).map(({ metadata, status }) => [metadata.name, status.instances[0]?.pid]));

/** Whole looks at every place, as the journal tells. */
export async function looks(fleet: SupervisedFleet, count: number): Promise<void> {
  const swept = () => readFileSync(fleet.journal, 'utf8').split('"swept"').length;
  const from = swept();
  await until(`${count} looks at everything`, () => swept() >= from + count * RUNTIMES.length, DEADLINE_MS);
}

export function kill(pid: number | undefined): void {
  if (pid === undefined) throw new Error('no pid is known');
  process.kill(pid, 'SIGKILL');
}

/** The agents' own main processes, by id. */
export const mains = (fleet: SupervisedFleet): readonly string[] =>
  markedProcesses(fleet)
    .filter(({ program }) => program === 'life.pl')
    .map(({ id }) => id)
    .sort();

/** A process is there a moment before it has written down that it was born. */
export async function diaryIs(fleet: SupervisedFleet, facts: Facts): Promise<void> {
  await until(
    'the diaries to be written',
    () => readDiary(fleet).facts.length >= facts.length && readDiary(fleet).facts.join() === facts.join(),
    20_000,
  ).catch(() => undefined);
  expect(readDiary(fleet)).toEqual({ doubles: [], facts });
}

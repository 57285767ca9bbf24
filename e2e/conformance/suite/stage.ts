/**
 * Owns: what a test of a runtime stands on: fleets of its own, launches, looks, and the removal of all that was made.
 * Never: tests anything itself.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Launch, Runtime, RuntimeContext, Sighting } from '../../../adapters/runtimes/runtime.ts';
import { createLocalTransport } from '../../../adapters/transport/local/local-transport.ts';
import type { Transport } from '../../../adapters/transport/transport.ts';
import type { FleetId, InstanceId } from '../../../api/resources/names.ts';
import { until } from '../../harness.ts';
import { carries, ProcessSearch } from '../../processes.ts';

export interface RuntimeUnderTest {
  readonly make: (context: RuntimeContext) => Runtime & AsyncDisposable;
  /** Puts something that is not ours in the way of this name. */
  readonly occupy: (context: RuntimeContext, name: string) => void;
  readonly isOccupied: (context: RuntimeContext, name: string) => boolean;
  /** What runs there for the fleet, asked of the place itself, where more than processes with our mark can stay. */
  readonly holds?: (context: RuntimeContext) => readonly string[];
  /** Removes what a test may leave behind outside its folder. */
  readonly destroy: (context: RuntimeContext) => void;
  /** Where launch files lie while they are needed. */
  readonly launches?: (context: RuntimeContext) => string;
  /** More options of a launch. `mounts`: what the tests of this suite share with their agents, where that must be said. */
  readonly options?: (mounts: readonly Mount[]) => Partial<Launch['options']>;
  /** Whatever an agent spawned ends with the place it lives in: there are never leftovers, so none are swept. */
  readonly contained?: boolean;
  /** For a second way of living in a place that holds 100 in the first. Default 100. */
  readonly atOnce?: number;
  /** The process that is told is not the agent itself but one that ends with it. */
  readonly wrapped?: boolean;
}

type Mount = NonNullable<Launch['options']['docker']>['mounts'][number];

/** The way to the machine the runtime works on, which is this one in every case. */
export interface Way extends AsyncDisposable {
  readonly transport: Transport;
}

export const localWay = async (): Promise<Way> => {
  const transport = createLocalTransport(process.env);
  return { transport, [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose]() };
};

/** The same way, but that `then` happens when files were put there, the first time. */
export const afterPutting = (
  transport: Transport,
  then: () => Promise<void>,
  known: Set<string> = new Set(),
): Transport => ({
  host: transport.host,
  run: (argv, options) => transport.run(argv, options),
  converse: (argv, onLine) => transport.converse(argv, onLine),
  putFiles: async (files) => {
    await transport.putFiles(files);
    const fresh = files.filter(({ path }) => !known.has(path));
    for (const { path } of fresh) known.add(path);
    if (fresh.length > 0) await then();
  },
  interactive: (argv) => transport.interactive(argv),
  [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
});

export const HASH = 'abc123';
let fleets = 0;

export type Stage = ReturnType<typeof stageFor>;

export function stageFor(name: string, place: RuntimeUnderTest, by: () => Promise<Way>) {
  const { make, destroy, options } = place;
  const { launches = ({ dirs }: RuntimeContext) => join(dirs.run, 'launch') } = place;
  const dir = mkdtempSync(join(tmpdir(), `sac-conf-${name.replaceAll(' ', '-')}-`));
  let way: Way | undefined;
  const transport = (): Transport => {
    if (!way) throw new Error('there is no way there yet');
    return way.transport;
  };
  const used: RuntimeContext[] = [];
  const alive: AsyncDisposable[] = [];

  const fresh = () => {
    const fleet = (process.pid * 64 + fleets++).toString(16).padStart(8, '0').slice(-8) as FleetId;
    const context: RuntimeContext = {
      fleet,
      dirs: { run: join(dir, fleet, 'run'), logs: join(dir, fleet, 'logs') },
      now: Date.now,
      timeoutMs: 60_000,
    };
    used.push(context);
    return { context, ...open(context) };
  };
  const open = (context: RuntimeContext) => {
    const runtime = make(context);
    alive.push(runtime);
    return { runtime };
  };
  const idOf = (context: RuntimeContext, agent = 'web') => `${context.fleet}.${agent}` as InstanceId;
  const launch = (
    context: RuntimeContext,
    argv: readonly string[],
    more: Partial<Launch> & { agent?: string } = {},
  ): Launch => ({
    id: idOf(context, more.agent),
    incarnation: 1_000,
    launchHash: HASH,
    argv,
    env: {},
    envFiles: [],
    cwd: join(dir, context.fleet, 'work'),
    preStart: [],
    postStart: [],
    options: {
      tmux: { width: 120, height: 40, historyLimit: 2_000 },
      process: { logMaxBytes: 1_048_576, logFiles: 2 },
      ...options?.([
        { source: dir, target: dir, readOnly: false },
        { source: process.execPath, target: process.execPath, readOnly: true },
      ]),
    },
    ...more,
  });
  const see = async (runtime: Runtime, id: InstanceId): Promise<Sighting | undefined> =>
    (await runtime.list(transport())).find((sighting) => sighting.id === id);
  /** What is there once nothing waits in a queue any more: at once where there is no queue. */
  const settled = (runtime: Runtime): Promise<readonly Sighting[]> =>
    until(
      'nothing to be queued',
      async () => {
        const all = await runtime.list(transport());
        return all.every(({ state }) => state !== 'queued') ? all : undefined;
      },
      120_000,
    );
  const ended = (runtime: Runtime, id: InstanceId) =>
    until(`${id} to end`, async () => {
      const seen = await see(runtime, id);
      return seen?.state === 'exited' && seen.exit && (seen.exit.code !== undefined || seen.exit.signal !== undefined)
        ? seen
        : undefined;
    });
  const lines = async (runtime: Runtime, id: InstanceId, previous = false): Promise<string> => {
    const all: string[] = [];
    for await (const line of runtime.logs(transport(), id, { previous })) all.push(line);
    return all.join('\n');
  };
  const searches = new Map<string, ProcessSearch>();
  const pidsWith = (mark: string): number[] => {
    const search = searches.get(mark) ?? new ProcessSearch(carries(mark, { whole: true }));
    searches.set(mark, search);
    return search.find();
  };
  /** Every process of the fleet. */
  const pidsWithin = ({ fleet }: RuntimeContext): number[] => new ProcessSearch(carries(`SAC_ID=${fleet}.`)).find();
  const cleanUp = async () => {
    for (const runtime of alive.splice(0)) await runtime[Symbol.asyncDispose]();
    for (const context of used.splice(0)) {
      destroy(context);
      for (const pid of pidsWithin(context)) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // Gone meanwhile.
        }
      }
    }
  };

  return {
    place,
    dir,
    launches,
    fresh,
    open,
    idOf,
    launch,
    see,
    settled,
    ended,
    lines,
    pidsWith,
    pidsWithin,
    cleanUp,
    get transport(): Transport {
      return transport();
    },
    async begin(): Promise<void> {
      way = await by();
    },
    async end(): Promise<void> {
      await way?.[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

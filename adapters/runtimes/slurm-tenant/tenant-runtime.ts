/**
 * Owns: agents as tmux sessions in allocations that reservations hold: one tmux runtime for each allocation, joined into one place.
 * Never: asks for an allocation, gives one back, or starts an agent in a second one while it lives in the first.
 */
import type { InstanceId } from '../../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import type { PoolJob, Pools } from '../pool.ts';
import { type Launch, type Runtime, type RuntimeContext, RuntimeError, type Sighting } from '../runtime.ts';
import { createTmuxRuntime } from '../tmux/tmux-runtime.ts';
import { AllocationTransport } from './allocation-transport.ts';
import { poolRoot } from './scripts.ts';
import { createSlurmPools } from './slurm-pools.ts';

/** Which allocations there are is asked again after this; one that does not answer any more, at once. */
const POOLS_FRESH_MS: DurationMs = 5_000;

interface Allocation {
  readonly pool: PoolJob;
  readonly runtime: Runtime & AsyncDisposable;
  readonly transport: Transport;
  watch?: Disposable;
  sightings: readonly Sighting[];
}

export function createTenantRuntime(context: RuntimeContext): Runtime & AsyncDisposable {
  const pools = createSlurmPools(context);
  const clusters = new Map<Transport, Cluster>();
  const on = (t: Transport): Cluster => {
    const known = clusters.get(t);
    if (known) return known;
    const cluster = new Cluster(context, t, pools);
    clusters.set(t, cluster);
    return cluster;
  };
  return {
    kind: 'slurm-tenant',
    capabilities: { screen: true, attach: true, push: true },
    pools: { ...pools, living: (t) => on(t).living() },
    async probe(t) {
      const { code, stdout, stderr } = await t.run([
        'sh',
        '-c',
        'for program in sbatch squeue scancel srun; do command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 1; }; done; exec sbatch --version',
      ]);
      return code === 0
        ? { available: true, detail: stdout.trim() }
        : { available: false, detail: stderr.trim().split('\n').at(-1) || 'SLURM is not set up' };
    },
    list: (t) => on(t).list(),
    watch: (t, onHint) => on(t).watch(onHint),
    start: (t, launch) => on(t).start(launch),
    async signal(t, id, incarnation, how) {
      const there = await on(t).holderOf(id, incarnation);
      await there?.runtime.signal(there.transport, id, incarnation, how);
    },
    async remove(t, id, incarnation) {
      const there = await on(t).holderOf(id, incarnation);
      await there?.runtime.remove(there.transport, id, incarnation);
    },
    sweep: (t, over) => on(t).sweep(over),
    async screen(t, ids) {
      const all = await Promise.all(
        (await on(t).byHolder(ids)).map(([there, some]) => there.runtime.screen?.(there.transport, some)),
      );
      return new Map(all.flatMap((screens) => [...(screens ?? [])]));
    },
    async type(t, id, incarnation, keys, submitted) {
      const there = await on(t).holderOf(id, incarnation);
      await there?.runtime.type?.(there.transport, id, incarnation, keys, submitted);
    },
    async *logs(t, id, options) {
      const there = (await on(t).holderOf(id)) ?? (await on(t).any());
      if (!there) throw new RuntimeError('no allocation is up that could show it');
      yield* there.runtime.logs(there.transport, id, options);
    },
    attach(id) {
      for (const cluster of clusters.values()) {
        const argv = cluster.attach(id);
        if (argv) return argv;
      }
      return ['sh', '-c', 'echo "sac: it lives in no allocation now" >&2; exit 1'];
    },
    async [Symbol.asyncDispose]() {
      for (const cluster of clusters.values()) await cluster[Symbol.asyncDispose]();
    },
  };
}

class Cluster implements AsyncDisposable {
  readonly #context: RuntimeContext;
  readonly #transport: Transport;
  readonly #pools: Pick<Pools, 'list'>;
  readonly #allocations = new Map<number, Allocation>();
  readonly #listeners = new Set<(id: InstanceId | 'all') => void>();
  #lookedAt: Instant | undefined;
  #looking: Promise<void> | undefined;

  constructor(context: RuntimeContext, transport: Transport, pools: Pick<Pools, 'list'>) {
    this.#context = context;
    this.#transport = transport;
    this.#pools = pools;
  }

  /** The newest of each: what it left in an allocation it moved out of is history. */
  async list(): Promise<readonly Sighting[]> {
    const newest = new Map<InstanceId, Sighting>();
    for (const { sightings } of await this.#lookAtAll())
      for (const sighting of sightings) {
        const known = newest.get(sighting.id);
        if (!known || rank(sighting) > rank(known)) newest.set(sighting.id, sighting);
      }
    return [...newest.values()];
  }

  async living(): Promise<ReadonlyMap<number, number>> {
    const all = await this.#lookAtAll();
    return new Map(
      all.map(({ pool, sightings }) => [pool.job, sightings.filter(({ state }) => state !== 'exited').length]),
    );
  }

  async start(launch: Launch): Promise<void> {
    const { tenancy } = launch.options;
    if (!tenancy) throw new RuntimeError(`${launch.id} names no reservation`);
    let all = await this.#lookAtAll();
    if (!all.some(({ pool }) => pool.job === tenancy.job)) {
      // It may be younger than our last look.
      this.#lookedAt = undefined;
      all = await this.#lookAtAll();
    }
    for (const { pool, sightings } of all) {
      const seen = sightings.find(({ id }) => id === launch.id);
      if (!seen || (seen.state === 'exited' && seen.incarnation < launch.incarnation)) continue;
      if (seen.state === 'exited' || seen.launchHash === launch.launchHash) return;
      if (pool.job !== tenancy.job)
        throw new RuntimeError(
          `${seen.session} still runs another launch, in job ${pool.job}; it must be stopped first`,
        );
    }
    const there = all.find(({ pool }) => pool.job === tenancy.job);
    if (!there)
      throw new RuntimeError(
        `reservation ${tenancy.reservation} has no job ${tenancy.job} that is up; waiting for the next`,
      );
    await there.runtime.start(there.transport, launch);
  }

  async sweep(over: ReadonlyMap<InstanceId, Instant>): Promise<number> {
    let swept = 0;
    for (const { runtime, transport } of await this.#current()) swept += await runtime.sweep(transport, over);
    return swept;
  }

  /** Where this incarnation is, or any of it. */
  async holderOf(id: InstanceId, incarnation?: Instant): Promise<Allocation | undefined> {
    const holds = ({ sightings }: Allocation) =>
      sightings.some((seen) => seen.id === id && (incarnation === undefined || seen.incarnation === incarnation));
    const all = [...this.#allocations.values()].sort((a, b) => b.pool.job - a.pool.job);
    return all.find(holds) ?? (await this.#lookAtAll()).find(holds);
  }

  async byHolder(ids: readonly InstanceId[]): Promise<readonly (readonly [Allocation, readonly InstanceId[]])[]> {
    const held = new Map<Allocation, InstanceId[]>();
    for (const id of ids) {
      const there = await this.holderOf(id);
      if (there) held.set(there, [...(held.get(there) ?? []), id]);
    }
    return [...held];
  }

  async any(): Promise<Allocation | undefined> {
    return (await this.#current())[0];
  }

  attach(id: InstanceId): readonly string[] | undefined {
    const there = [...this.#allocations.values()]
      .sort((a, b) => b.pool.job - a.pool.job)
      .find(({ sightings }) => sightings.some((seen) => seen.id === id && seen.state !== 'exited'));
    const { job } = there?.pool ?? {};
    return (
      there?.runtime.attach && [
        ...['srun', `--jobid=${job}`, '--overlap', '--relative=0', '--nodes=1', '--ntasks=1', '--quiet', '--pty'],
        ...['env', '-u', 'TMUX', '-u', 'TMUX_TMPDIR', ...there.runtime.attach(id)],
      ]
    );
  }

  watch(onHint: (id: InstanceId | 'all') => void): Disposable {
    const listener = (id: InstanceId | 'all') => onHint(id);
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async #lookAtAll(): Promise<readonly Allocation[]> {
    const all = await this.#current();
    try {
      await Promise.all(all.map((allocation) => this.#look(allocation)));
      return all;
    } catch {
      // One may have ended: then it is not there any more, and nothing is unknown.
      this.#lookedAt = undefined;
      const left = await this.#current();
      await Promise.all(left.map((allocation) => this.#look(allocation)));
      return left;
    }
  }

  async #look(allocation: Allocation): Promise<void> {
    allocation.sightings = await allocation.runtime.list(allocation.transport);
  }

  async #current(): Promise<readonly Allocation[]> {
    const { now } = this.#context;
    if (this.#lookedAt === undefined || now() - this.#lookedAt > POOLS_FRESH_MS) {
      this.#looking ??= this.#refresh().finally(() => {
        this.#looking = undefined;
      });
      await this.#looking;
    }
    return [...this.#allocations.values()];
  }

  async #refresh(): Promise<void> {
    const at = this.#context.now();
    const up = (await this.#pools.list(this.#transport)).filter((pool) => pool.up);
    for (const [job, allocation] of this.#allocations) {
      if (up.some((pool) => pool.job === job)) continue;
      this.#allocations.delete(job);
      allocation.watch?.[Symbol.dispose]();
      // Its server is gone with it: there is nothing to say good-bye to.
      void Promise.allSettled([allocation.runtime[Symbol.asyncDispose]()]);
    }
    for (const pool of up) if (!this.#allocations.has(pool.job)) this.#allocations.set(pool.job, this.#join(pool));
    this.#lookedAt = at;
  }

  #join(pool: PoolJob): Allocation {
    const { dirs } = this.#context;
    const runtime = createTmuxRuntime(
      { ...this.#context, dirs: { run: `${poolRoot(dirs)}/${pool.job}`, logs: dirs.logs } },
      { socketName: pool.socket },
    );
    const transport = new AllocationTransport(this.#transport, pool.job);
    const watch = runtime.watch?.(transport, (id) => {
      for (const listener of this.#listeners) listener(id);
    });
    return { pool, runtime, transport, sightings: [], ...(watch && { watch }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#allocations.values()];
    this.#allocations.clear();
    for (const { watch } of all) watch?.[Symbol.dispose]();
    await Promise.allSettled(all.map(({ runtime }) => runtime[Symbol.asyncDispose]()));
  }
}

/** What lives counts before what is over, then the newer. */
const rank = ({ state, incarnation }: Sighting): number =>
  incarnation + (state === 'exited' ? 0 : Number.MAX_SAFE_INTEGER / 2);

/**
 * Owns: agents as batch jobs of a SLURM cluster, on whose login node the transport ends. Jobs carry our mark in their comment.
 * Needs sbatch, squeue, scancel, scontrol there, bash on the nodes, and a file system that both share.
 * Never: submits twice: a job is submitted held, found by its mark, and released once. Never touches a job without our mark.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { type Transport, TransportError } from '../../transport/transport.ts';
import { asLines, Batch } from '../batch.ts';
import { launchFilePath } from '../launch/launch-files.ts';
import { renderLaunchScript } from '../launch/launch-script.ts';
import { readLog } from '../process/read-log.ts';
import { Leftovers } from '../reap/leftovers.ts';
import { SharedLook } from '../reap/shared-look.ts';
import {
  type Launch,
  type LogOptions,
  type Runtime,
  type RuntimeContext,
  RuntimeError,
  type Sighting,
} from '../runtime.ts';
import { WRAPPER } from './job-body.ts';
import { JobWatch } from './job-watch.ts';
import { type Listing, parseListing } from './listing.ts';
import { renderMark } from './mark.ts';
import { renderAttachScript, renderJobScript, renderSubmitScript, slurmRoot } from './render.ts';
import { ATTACH, CLEAR, LIST, ORDER, START } from './scripts.ts';
import { type StartOutcome, Submissions } from './submissions.ts';

/** A controller that is busy answers late; it is better waited for than asked again. */
const SLURM_TIMEOUT_MS = 60_000;
/** Exit code of our scripts when SLURM did not answer. */
const NO_ANSWER = 3;

const NOTHING: Listing = { sightings: [], unfinished: new Map(), unsettled: [] };

export function createSlurmRuntime(context: RuntimeContext): Runtime & AsyncDisposable {
  const clusters = new Map<Transport, Cluster>();
  const on = (t: Transport): Cluster => {
    const known = clusters.get(t);
    if (known) return known;
    const cluster = new Cluster(context, t);
    clusters.set(t, cluster);
    return cluster;
  };
  return {
    kind: 'slurm',
    capabilities: { screen: false, attach: true, push: true },
    // Whether the cluster answers now is a matter of looking: an unreachable one is not an absent one.
    async probe(t) {
      const { code, stdout, stderr } = await t.run([
        'sh',
        '-c',
        'for program in sbatch squeue scancel scontrol bash; do command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 1; }; done; exec sbatch --version',
      ]);
      return code === 0
        ? { available: true, detail: stdout.trim() }
        : { available: false, detail: stderr.trim().split('\n').at(-1) || 'SLURM is not set up' };
    },
    list: async (t) => (await on(t).look()).sightings,
    watch: (t, onHint) => on(t).watch.open(onHint),
    start: (t, launch) => on(t).start(launch),
    signal: (t, id, incarnation, how) => on(t).signal(id, incarnation, how),
    remove: (t, id, incarnation) => on(t).remove(id, incarnation),
    sweep: (t, over) => on(t).sweep(over),
    render: (launch) => renderJobScript(launch, context.dirs),
    logs: (t, id, options) => on(t).logs(id, options),
    attach: (id) => ['sh', '-c', ATTACH, 'sac-attach', slurmRoot(context.dirs), instanceNameOf(id)],
    async [Symbol.asyncDispose]() {
      for (const cluster of clusters.values()) cluster.watch[Symbol.dispose]();
    },
  };
}

class Cluster {
  readonly watch: JobWatch;
  readonly #leftovers: Leftovers;
  readonly #context: RuntimeContext;
  readonly #transport: Transport;
  readonly #root: string;
  readonly #looks = new SharedLook(() => this.#list());
  readonly #submissions: Submissions;
  readonly #orders: Batch;
  readonly #clears: Batch;
  /** Whether this fleet ever submitted a job; undefined: not asked yet. */
  #used: boolean | undefined;

  constructor(context: RuntimeContext, transport: Transport) {
    this.#context = context;
    this.#transport = transport;
    this.#root = slurmRoot(context.dirs);
    this.#leftovers = context.leftovers?.(transport, context) ?? new Leftovers(transport, context);
    this.watch = new JobWatch(transport, context.fleet, this.#root);
    this.#submissions = new Submissions(async (lines) => {
      await transport.putFiles([{ path: `${this.#root}/wrapper.sh`, content: WRAPPER, mode: 0o600 }]);
      return this.#script(START, 'sac-start', [this.#root, context.dirs.logs], lines);
    });
    this.#orders = new Batch((orders) => this.#script(ORDER, 'sac-order', [this.#root], asLines(orders)));
    const { logs } = context.dirs;
    this.#clears = new Batch((clears) => this.#script(CLEAR, 'sac-clear', [this.#root, logs], asLines(clears)));
  }

  /** A look that begins after this call; shared by all who ask at the same time. */
  look(): Promise<Listing> {
    return this.#looks.ask();
  }

  async #list(): Promise<Listing> {
    const { dirs, fleet } = this.#context;
    // Only this controller submits this fleet's jobs: what was never used stays empty until a start, and costs nothing.
    if (this.#used === false) return NOTHING;
    const text = await this.#script(LIST, 'sac-list', [this.#root, dirs.logs]);
    if (text.trim() === 'unused' && !this.#used) {
      this.#used = false;
      return NOTHING;
    }
    this.#use();
    const listing = parseListing(text, fleet);
    this.watch.saw(listing);
    return listing;
  }

  #use(): void {
    this.#used = true;
    this.watch.begin();
  }

  async start(launch: Launch): Promise<void> {
    const name = instanceNameOf(launch.id);
    if ((await this.#submit(launch)) === 'started') return;

    const { sightings, unfinished } = await this.look();
    const found: Pick<Sighting, 'incarnation' | 'launchHash'> & { readonly state?: Sighting['state'] } =
      sightings.find(({ id }) => id === launch.id) ??
      unfinished.get(launch.id) ??
      fail(`${this.#root}/${name} is taken by something that is not sac's; move it away`);
    if (found.state === 'running' || found.state === 'queued') {
      if (found.launchHash === launch.launchHash) return;
      throw new RuntimeError(`${name} still runs another launch; it must be stopped first`);
    }
    // It was started and has ended already: this order came late.
    if (found.state === 'exited' && found.incarnation >= launch.incarnation) return;
    const { incarnation, launchHash } = found;
    const mark = renderMark({ id: launch.id, incarnation, launchHash });
    await this.#clears.ask(`${name} ${incarnation} ${mark} replaced`);
    if ((await this.#submit(launch)) === 'taken')
      throw new RuntimeError(`${name} was started by somebody else meanwhile`);
    this.sweep(new Map([[launch.id, found.incarnation]])).catch(() => undefined);
  }

  async #submit(launch: Launch): Promise<StartOutcome> {
    this.#use();
    const { dirs } = this.#context;
    const name = instanceNameOf(launch.id);
    const folder = `${this.#root}/.new-${name}-${launch.incarnation}`;
    const submit = renderSubmitScript(launch, dirs);
    const attach = renderAttachScript(launch, dirs);
    const file = (path: string, content: string) => ({ path, content, mode: 0o600 });
    await this.#transport.putFiles([
      file(launchFilePath(dirs, launch), renderLaunchScript(launch, dirs)),
      file(`${folder}/job.sh`, renderJobScript(launch, dirs)),
      ...(submit === undefined ? [] : [file(`${folder}/submit.sh`, submit)]),
      ...(attach === undefined ? [] : [file(`${folder}/attach.sh`, attach)]),
      // Last: a folder without it is no claim.
      file(`${folder}/launch`, `${launch.id} ${launch.incarnation} ${launch.launchHash}\n`),
    ]);
    return this.#submissions.ask(launch);
  }

  async signal(id: InstanceId, incarnation: number, how: 'term' | 'kill'): Promise<void> {
    const mark = await this.#markOf(id, incarnation);
    if (mark) await this.#orders.ask(`${instanceNameOf(id)} ${incarnation} ${mark} ${how}`);
  }

  async remove(id: InstanceId, incarnation: number): Promise<void> {
    const { sightings, unfinished } = await this.look();
    const seen = sightings.find((sighting) => sighting.id === id);
    if (seen && (seen.state !== 'exited' || seen.incarnation !== incarnation)) return;
    await this.#leftovers.clear(new Map([[id, incarnation]]));
    const claim = seen ?? unfinished.get(id);
    const mark = claim?.incarnation === incarnation ? renderMark({ ...claim, id }) : '-';
    await this.#clears.ask(`${instanceNameOf(id)} ${incarnation} ${mark} removed`);
  }

  /** Looks for what was left by incarnations that are over. Returns how many processes were ended. */
  sweep(over: ReadonlyMap<InstanceId, Instant>): Promise<number> {
    return this.#leftovers.clear(over);
  }

  /** The comment of its jobs; undefined when there is nothing of this incarnation. */
  async #markOf(id: InstanceId, incarnation: number): Promise<string | undefined> {
    const { sightings, unfinished } = await this.look();
    const found = sightings.find((sighting) => sighting.id === id) ?? unfinished.get(id);
    return found?.incarnation === incarnation ? renderMark({ ...found, id }) : undefined;
  }

  logs(id: InstanceId, options: LogOptions): AsyncIterable<string> {
    return readLog(this.#transport, this.#context.dirs, id, options);
  }

  async #script(script: string, name: string, args: readonly string[], stdin?: string): Promise<string> {
    const { code, stdout, stderr } = await this.#transport.run(['sh', '-c', script, name, ...args], {
      timeoutMs: SLURM_TIMEOUT_MS,
      ...(stdin !== undefined && { stdin }),
    });
    if (code === NO_ANSWER) throw new TransportError('unreachable', `SLURM does not answer: ${lastLine(stderr)}`);
    if (code !== 0) throw new RuntimeError(`SLURM could not be used: ${lastLine(stderr)}`);
    return stdout;
  }
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

function fail(message: string): never {
  throw new RuntimeError(message);
}

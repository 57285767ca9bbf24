/**
 * Owns: the agents of one fleet as containers of one engine on one machine: seeing, ending, removing them. starts.ts: making them.
 * Never: touches a container without our labels, or takes an engine that does not answer for an empty one.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { type RunOptions, type RunResult, type Transport, TransportError } from '../../transport/transport.ts';
import { asLines, Batch } from '../batch.ts';
import { Gate } from '../gate.ts';
import { LaunchFiles } from '../launch/launch-files.ts';
import { SharedLook } from '../reap/shared-look.ts';
import { type RuntimeContext, RuntimeError, type Sighting } from '../runtime.ts';
import type { Engine } from './engine.ts';
import { type Container, containerName, INSPECT_FORMAT, type Init, parseListing } from './listing.ts';
import { LIST, REMOVE } from './scripts.ts';

/** An engine does most things one after the other; more clients at once only cost memory. */
export const AT_ONCE = 8;
/** Making a container, or removing it, may wait for the disk. */
export const START_TIMEOUT_MS = 60_000;
/** So many are ended or removed by one client of the engine. */
const TOGETHER = 50;
const SIGNALS = { term: 'TERM', kill: 'KILL' } as const;
/** With at most this many asked for, only they are listed. */
const FEW = 16;
const ABSENT = /no such (?:object|container)|no container with (?:name|id)/i;

/** One that can be looked into. */
export interface Running {
  readonly containerId: string;
  readonly incarnation: Instant;
  readonly init: Init;
}

export class Containers {
  readonly #context: RuntimeContext;
  readonly #engine: Engine;
  readonly #transport: Transport;
  readonly launches: LaunchFiles;
  readonly #gate = new Gate(AT_ONCE);
  readonly #listing = new SharedLook(() => this.#look([]));
  /** As the last look at each showed it; told anew by `running` when it turns out to be gone. */
  #running = new Map<InstanceId, Running>();
  /** A client of the engine takes longer to start than to ask for one more. */
  readonly #kills = { term: this.#killing('term'), kill: this.#killing('kill') };
  readonly #clears = new Batch((those) => this.#clear(those), TOGETHER);
  readonly #files = new Batch((files) => this.#transport.run(['rm', '-rf', '--', ...files]), TOGETHER);
  /** From now on there is something to hear of. */
  begin: () => void = () => undefined;
  /** Resolves when there is something to hear of: the first start, or a container that was found. */
  readonly inUse = new Promise<void>((resolve) => {
    this.begin = resolve;
  });

  constructor(context: RuntimeContext, engine: Engine, transport: Transport) {
    this.#context = context;
    this.#engine = engine;
    this.#transport = transport;
    this.launches = new LaunchFiles(transport, context.dirs);
  }

  previousLog(id: InstanceId): string {
    return `${this.#context.dirs.logs}/${instanceNameOf(id)}/previous.log`;
  }

  /** One that was killed is waited for by the engine, for a few seconds. */
  #killing(how: 'term' | 'kill'): Batch<RunResult> {
    return new Batch((ids) => this.command(['kill', '--signal', SIGNALS[how], ...ids]), TOGETHER);
  }

  async list(ids?: readonly InstanceId[]): Promise<readonly Sighting[]> {
    const few = ids !== undefined && ids.length > 0 && ids.length <= FEW;
    const containers = few ? await this.#look(ids.map(containerName)) : await this.#listing.ask();
    return containers.flatMap(({ sighting }) => sighting ?? []);
  }

  /** The container with the instance's name, also one that is not ours. */
  async find(id: InstanceId): Promise<Container | undefined> {
    const name = containerName(id);
    return (await this.#look([name])).find((container) => container.name === name);
  }

  /** Those of them that run, from memory where that knows them all. */
  async running(ids: readonly InstanceId[]): Promise<ReadonlyMap<InstanceId, Running>> {
    if (ids.some((id) => !this.#running.has(id))) await this.list(ids);
    return new Map(
      ids.flatMap((id) => {
        const running = this.#running.get(id);
        return running ? [[id, running] as const] : [];
      }),
    );
  }

  /** What memory says of it is not so. */
  forget(id: InstanceId): void {
    this.#running.delete(id);
  }

  #remember(containers: readonly Container[], names: readonly string[]): void {
    const asked = new Set(names);
    const others = [...this.#running].filter(([id]) => names.length > 0 && !asked.has(containerName(id)));
    const seen = containers.flatMap(({ containerId, sighting, init }) =>
      sighting && init ? [[sighting.id, { containerId, incarnation: sighting.incarnation, init }] as const] : [],
    );
    this.#running = new Map([...others, ...seen]);
  }

  async #look(names: readonly string[]): Promise<readonly Container[]> {
    const { program } = this.#engine;
    const args = [program, this.#context.fleet, INSPECT_FORMAT, this.used, this.#notes(), this.#ends(), ...names];
    const result = await this.#transport.run(['sh', '-c', LIST, 'sac-list', ...args], {
      timeoutMs: this.#context.timeoutMs,
    });
    // Some were gone by the time they were looked at; the others were told.
    if (result.code !== 0 && !isAbsent(result)) throw this.failure('list its containers', result);
    const containers = parseListing(result.stdout, this.#context.fleet);
    this.#remember(containers, names);
    if (containers.some(({ sighting }) => sighting)) this.begin();
    return containers;
  }

  async signal(id: InstanceId, incarnation: Instant, how: 'term' | 'kill'): Promise<void> {
    const seen = await this.#mine(id, incarnation);
    if (seen?.sighting?.state !== 'running') return;
    // By the engine's id: a successor of the same name has another.
    const { containerId } = seen;
    const together = await this.#kills[how].ask(containerId);
    if (isDone(together, containerId)) return;
    const result = await this.command(['kill', '--signal', SIGNALS[how], containerId]);
    if (result.code !== 0 && !isGone(result)) throw this.failure(`signal ${instanceNameOf(id)}`, result);
  }

  async remove(id: InstanceId, incarnation: Instant): Promise<void> {
    const seen = (await this.#listing.ask()).find(({ sighting }) => sighting?.id === id);
    if (seen?.sighting && (seen.sighting.state === 'running' || seen.sighting.incarnation !== incarnation)) return;
    if (seen) await this.clear(id, seen.containerId);
    const files = [this.noteOf(id), this.endsOf(id)].map((file) => this.#files.ask(file));
    await Promise.all([this.launches.over(id, incarnation), ...files]);
  }

  /** Keeps the last output, then removes it. Without force: what came to life meanwhile is refused. */
  async clear(id: InstanceId, containerId: string): Promise<void> {
    const what = `${containerId} ${instanceNameOf(id)}`;
    const together = await this.#clears.ask(what);
    if (isDone(together, containerId)) return;
    const result = await this.#clear([what]);
    if (result.code !== 0 && !isAbsent(result) && !/removal .* in progress/i.test(result.stderr))
      throw this.failure(`remove ${instanceNameOf(id)}`, result);
  }

  #clear(those: readonly string[]): Promise<RunResult> {
    const argv = ['sh', '-c', REMOVE, 'sac-remove', this.#engine.program, this.#context.dirs.logs];
    return this.gated(argv, { timeoutMs: START_TIMEOUT_MS, stdin: asLines(those) });
  }

  /** All who signal or remove at the same time share one look. */
  async #mine(id: InstanceId, incarnation: Instant): Promise<Container | undefined> {
    return (await this.#listing.ask()).find(
      ({ sighting }) => sighting?.id === id && sighting.incarnation === incarnation,
    );
  }

  command(args: readonly string[], timeoutMs = this.#context.timeoutMs): Promise<RunResult> {
    return this.gated([this.#engine.program, ...args], { timeoutMs });
  }

  /** Like the transport's, in turn with all that is asked of this engine. */
  gated(argv: readonly string[], options: RunOptions = { timeoutMs: this.#context.timeoutMs }): Promise<RunResult> {
    return this.#gate.run(() => this.#transport.run(argv, options));
  }

  /** TransportError when the engine could not be asked, RuntimeError when it refused. */
  failure(what: string, { code, stderr }: RunResult): Error {
    const said = firstLine(stderr) || `code ${code}`;
    if (this.#engine.unreachable.test(stderr))
      return new TransportError('unreachable', `the ${this.#engine.kind} engine does not answer: ${said}`);
    return new RuntimeError(`${this.#engine.kind} could not ${what}: ${said}`);
  }

  /** Where it is noted how many texts were submitted: `INCARNATION COUNT`. */
  noteOf(id: InstanceId): string {
    return `${this.#notes()}/${containerName(id)}`;
  }

  #notes(): string {
    return `${this.#context.dirs.run}/container/submitted`;
  }

  /** A folder for what is left of its incarnations' ends: see START. */
  endsOf(id: InstanceId): string {
    return `${this.#ends()}/${containerName(id)}`;
  }

  #ends(): string {
    return `${this.#context.dirs.run}/container/${this.#engine.kind}-ends`;
  }

  /** Its being there says that this fleet has used the engine. */
  get used(): string {
    return `${this.#context.dirs.logs}/.${this.#engine.kind}-used`;
  }
}

/** The engine names each that it has done. */
const isDone = ({ code, stdout }: RunResult, containerId: string): boolean =>
  code === 0 || stdout.split('\n').some((line) => line.trim() === containerId);

/** It has ended meanwhile, or is not there. */
export const isGone = (result: RunResult): boolean =>
  isAbsent(result) || /not running|can only (?:kill|create exec|attach)/i.test(result.stderr);

/** Nothing was said but that something is not there. */
export const isAbsent = ({ stderr }: RunResult): boolean => {
  const said = stderr.split('\n').filter((line) => line.trim() !== '');
  return said.length > 0 && said.every((line) => ABSENT.test(line));
};

/** The first line says it, after warnings; what follows is help about help. */
export const firstLine = (stderr: string): string =>
  (stderr.split('\n').find((line) => line.trim() !== '' && !/level=warning/.test(line)) ?? '')
    .replace(/^(?:docker: |Error: |Error response from daemon: )+/, '')
    .trim();

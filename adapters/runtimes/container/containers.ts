/**
 * Owns: the agents of one fleet as containers of one engine on one machine: seeing, starting, ending, removing them.
 * Never: touches a container without our labels, or takes an engine that does not answer for an empty one.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { type RunOptions, type RunResult, type Transport, TransportError } from '../../transport/transport.ts';
import { launchFilePath, renderLaunchScript } from '../launch/launch-script.ts';
import { SharedLook } from '../reap/shared-look.ts';
import { type Launch, type RuntimeContext, RuntimeError, type Sighting } from '../runtime.ts';
import type { Engine } from './engine.ts';
import { Gate } from './gate.ts';
import { type Container, containerName, INSPECT_FORMAT, type Init, parseListing } from './listing.ts';
import { optionsOf, runArguments } from './run-argv.ts';
import { INIT, LIST, REMOVE, START } from './scripts.ts';

/** An engine does most things one after the other; more clients at once only cost memory. */
export const AT_ONCE = 8;
/** Making a container may wait for the disk; a network's fetch of an image takes longer still. */
const START_TIMEOUT_MS = 60_000;
const PULL_TIMEOUT_MS = 15 * 60_000;
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
  readonly #gate = new Gate(AT_ONCE);
  readonly #listing = new SharedLook(() => this.#look([]));
  readonly #pulls = new Map<string, Promise<void>>();
  /** As the last look at each showed it; told anew by `running` when it turns out to be gone. */
  #running = new Map<InstanceId, Running>();
  #initWritten: Promise<void> | undefined;
  #begin: () => void = () => undefined;
  /** Resolves when there is something to hear of: the first start, or a container that was found. */
  readonly inUse = new Promise<void>((resolve) => {
    this.#begin = resolve;
  });

  constructor(context: RuntimeContext, engine: Engine, transport: Transport) {
    this.#context = context;
    this.#engine = engine;
    this.#transport = transport;
  }

  previousLog(id: InstanceId): string {
    return `${this.#context.dirs.logs}/${instanceNameOf(id)}/previous.log`;
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
    const args = [program, this.#context.fleet, INSPECT_FORMAT, this.#used(), this.#notes(), ...names];
    const result = await this.#transport.run(['sh', '-c', LIST, 'sac-list', ...args], {
      timeoutMs: this.#context.timeoutMs,
    });
    // Some were gone by the time they were looked at; the others were told.
    if (result.code !== 0 && !isAbsent(result)) throw this.failure('list its containers', result);
    const containers = parseListing(result.stdout, this.#context.fleet);
    this.#remember(containers, names);
    if (containers.some(({ sighting }) => sighting)) this.#begin();
    return containers;
  }

  async start(launch: Launch): Promise<void> {
    const { dirs } = this.#context;
    const options = optionsOf(this.#engine, launch);
    const files = { launch: launchFilePath(dirs, launch.id), init: `${dirs.run}/container/init.sh` };
    const args = runArguments(this.#engine, launch, files);
    this.#begin();
    await this.#writeInit(files.init);
    // The host's log folder is not in the container: hooks' output stays in its /tmp.
    const content = renderLaunchScript(launch, { ...dirs, logs: '/tmp' });
    await this.#transport.putFiles([{ path: files.launch, content, mode: 0o600 }]);
    if (options.pull === 'always') await this.#pull(options.image);
    const run = () => this.#run(launch, files.launch, options.user, args);

    let result = await run();
    if (result.code !== 0 && options.pull === 'missing' && this.#engine.noImage.test(result.stderr)) {
      await this.#pull(options.image);
      result = await run();
    }
    if (result.code === 0) return;
    if (!this.#engine.nameTaken.test(result.stderr)) throw await this.#refusal(launch, result);

    const found = await this.find(launch.id);
    if (found && (await this.#settles(launch, found))) return;
    const again = await run();
    if (again.code !== 0) throw await this.#refusal(launch, again);
  }

  /** Whether what has the name already is what was asked for; a corpse of before is cleared away. */
  async #settles(launch: Launch, { containerId, name, sighting }: Container): Promise<boolean> {
    if (!sighting)
      throw new RuntimeError(
        `a ${this.#engine.kind} container named ${name} exists and is not sac's; rename or remove it`,
      );
    if (sighting.state !== 'exited') {
      if (sighting.launchHash === launch.launchHash) return true;
      throw new RuntimeError(`${sighting.session} still runs another launch; it must be stopped first`);
    }
    // Made, but never begun: whoever made it was cut off, or is about to begin it. Beginning twice is once.
    if (sighting.incarnation === launch.incarnation && sighting.startedAt === undefined) {
      const begun = await this.#command(['start', containerId], START_TIMEOUT_MS);
      if (begun.code !== 0 && !isAbsent(begun)) throw this.failure(`start ${sighting.session}`, begun);
      return true;
    }
    // It was started and has ended already: this order came late.
    if (sighting.incarnation >= launch.incarnation) return true;
    await this.#clear(launch.id, containerId);
    return false;
  }

  /** A container that could be made but not begun is no incarnation: it never ran. */
  async #refusal(launch: Launch, result: RunResult): Promise<Error> {
    const found = await this.find(launch.id).catch(() => undefined);
    const { sighting, containerId } = found ?? {};
    if (containerId && sighting?.incarnation === launch.incarnation && sighting.startedAt === undefined)
      await this.#command(['rm', '-v', containerId]).catch(() => undefined);
    return this.failure(`start ${instanceNameOf(launch.id)}`, result);
  }

  #run(launch: Launch, file: string, user: string | undefined, args: readonly string[]): Promise<RunResult> {
    const { program, runsAsRoot } = this.#engine;
    const own = runsAsRoot && user === undefined ? 'yes' : 'no';
    const home = launch.options[this.#engine.kind]?.home ?? '';
    return this.#gate.run(() =>
      this.#transport.run(
        ['sh', '-c', START, 'sac-start', program, this.#used(), launch.cwd, user ?? '', file, own, home, ...args],
        { timeoutMs: START_TIMEOUT_MS },
      ),
    );
  }

  async signal(id: InstanceId, incarnation: Instant, how: 'term' | 'kill'): Promise<void> {
    const seen = await this.#mine(id, incarnation);
    if (seen?.sighting?.state !== 'running') return;
    // By the engine's id: a successor of the same name has another.
    const result = await this.#command(['kill', '--signal', how === 'term' ? 'TERM' : 'KILL', seen.containerId]);
    if (result.code !== 0 && !isGone(result)) throw this.failure(`signal ${instanceNameOf(id)}`, result);
  }

  async remove(id: InstanceId, incarnation: Instant): Promise<void> {
    const seen = (await this.#listing.ask()).find(({ sighting }) => sighting?.id === id);
    if (seen?.sighting && (seen.sighting.state === 'running' || seen.sighting.incarnation !== incarnation)) return;
    if (seen) await this.#clear(id, seen.containerId);
    await this.#transport.run(['rm', '-f', '--', launchFilePath(this.#context.dirs, id), this.noteOf(id)]);
  }

  async #clear(id: InstanceId, containerId: string): Promise<void> {
    const args = [this.#engine.program, containerId, this.previousLog(id)];
    // Without force: what came to life meanwhile is refused.
    const result = await this.#gate.run(() =>
      this.#transport.run(['sh', '-c', REMOVE, 'sac-remove', ...args], { timeoutMs: START_TIMEOUT_MS }),
    );
    if (result.code !== 0 && !isAbsent(result) && !/removal .* in progress/i.test(result.stderr))
      throw this.failure(`remove ${instanceNameOf(id)}`, result);
  }

  /** All who signal or remove at the same time share one look. */
  async #mine(id: InstanceId, incarnation: Instant): Promise<Container | undefined> {
    return (await this.#listing.ask()).find(
      ({ sighting }) => sighting?.id === id && sighting.incarnation === incarnation,
    );
  }

  /** Fetched once, however many wait for it. */
  #pull(image: string): Promise<void> {
    const known = this.#pulls.get(image);
    if (known) return known;
    const pulling = this.#command(['pull', '--quiet', image], PULL_TIMEOUT_MS)
      .then((result) => {
        if (result.code !== 0) throw this.failure(`fetch the image ${image}`, result);
      })
      .finally(() => this.#pulls.delete(image));
    this.#pulls.set(image, pulling);
    return pulling;
  }

  #command(args: readonly string[], timeoutMs = this.#context.timeoutMs): Promise<RunResult> {
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

  #used(): string {
    return `${this.#context.dirs.logs}/.${this.#engine.kind}-used`;
  }

  #writeInit(path: string): Promise<void> {
    this.#initWritten ??= this.#transport.putFiles([{ path, content: INIT, mode: 0o644 }]).catch((error: unknown) => {
      this.#initWritten = undefined;
      throw error;
    });
    return this.#initWritten;
  }
}

/** It has ended meanwhile, or is not there. */
export const isGone = (result: RunResult): boolean =>
  isAbsent(result) || /not running|can only (?:kill|create exec|attach)/i.test(result.stderr);

/** Nothing was said but that something is not there. */
const isAbsent = ({ stderr }: RunResult): boolean => {
  const said = stderr.split('\n').filter((line) => line.trim() !== '');
  return said.length > 0 && said.every((line) => ABSENT.test(line));
};

/** The first line says it; what follows is help about help. */
const firstLine = (stderr: string): string =>
  (stderr.split('\n').find((line) => line.trim() !== '' && !/level=warning/.test(line)) ?? '')
    .replace(/^(?:docker: |Error: |Error response from daemon: )+/, '')
    .trim();

/**
 * Owns: bringing an agent to life as a container of one engine on one machine, at most once.
 * Never: takes a name that is taken for an agent that lives: it looks who has it.
 */
import { instanceNameOf } from '../../../api/resources/names.ts';
import type { DurationMs } from '../../../api/resources/time.ts';
import type { RunResult, Transport } from '../../transport/transport.ts';
import { launchFilePath } from '../launch/launch-files.ts';
import { renderLaunchScript } from '../launch/launch-script.ts';
import { type Launch, type RuntimeContext, RuntimeError } from '../runtime.ts';
import { type Containers, isAbsent, START_TIMEOUT_MS } from './containers.ts';
import type { Engine } from './engine.ts';
import type { Container } from './listing.ts';
import { optionsOf, runArguments } from './run-argv.ts';
import { INIT, START } from './scripts.ts';

/** A network's fetch of an image takes longer than anything else. */
const PULL_TIMEOUT_MS = 15 * 60_000;
/**
 * An engine takes the name first, and makes the container then, which may wait for the disk: until that is done the name is
 * taken and nobody can be seen to have it. In ms: how long to wait before each further try; a minute in all.
 */
const NAME_PAUSES: readonly DurationMs[] = [50, 100, 200, 400, 800, ...new Array<number>(30).fill(2_000)];

export class Starts {
  readonly #context: RuntimeContext;
  readonly #engine: Engine;
  readonly #transport: Transport;
  readonly #containers: Containers;
  readonly #pulls = new Map<string, Promise<void>>();
  #initWritten: Promise<void> | undefined;

  constructor(context: RuntimeContext, engine: Engine, transport: Transport, containers: Containers) {
    this.#context = context;
    this.#engine = engine;
    this.#transport = transport;
    this.#containers = containers;
  }

  async start(launch: Launch): Promise<void> {
    const { dirs } = this.#context;
    const options = optionsOf(this.#engine, launch);
    const files = { launch: launchFilePath(dirs, launch), init: `${dirs.run}/container/init.sh` };
    const args = runArguments(this.#engine, launch, files);
    this.#containers.begin();
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
    for (const pause of NAME_PAUSES) {
      if (result.code === 0) return;
      if (!this.#engine.nameTaken.test(result.stderr)) break;
      const found = await this.#containers.find(launch.id);
      if (found && (await this.#settles(launch, found))) return;
      if (!found) await new Promise((wake) => setTimeout(wake, pause));
      result = await run();
    }
    if (result.code !== 0) await this.#refused(launch, result);
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
      const begun = await this.#containers.command(['start', containerId], START_TIMEOUT_MS);
      if (begun.code !== 0 && !isAbsent(begun)) throw this.#containers.failure(`start ${sighting.session}`, begun);
      return true;
    }
    // It was started and has ended already: this order came late.
    if (sighting.incarnation >= launch.incarnation) return true;
    await this.#containers.clear(launch.id, containerId);
    // Must not delay the new one; a failure is mended by the next sweep.
    this.#containers.launches.over(launch.id, sighting.incarnation).catch(() => undefined);
    return false;
  }

  /** A container that could be made but not begun is no incarnation: it never ran. One that somebody else began meanwhile is. */
  async #refused(launch: Launch, result: RunResult): Promise<void> {
    const found = await this.#containers.find(launch.id).catch(() => undefined);
    const { sighting, containerId } = found ?? {};
    if (containerId && sighting?.incarnation === launch.incarnation) {
      if (sighting.startedAt !== undefined) return;
      await this.#containers.command(['rm', '-v', containerId]).catch(() => undefined);
    }
    throw this.#containers.failure(`start ${instanceNameOf(launch.id)}`, result);
  }

  #run(launch: Launch, file: string, user: string | undefined, args: readonly string[]): Promise<RunResult> {
    const { program, runsAsRoot, notesEnds } = this.#engine;
    const own = runsAsRoot && user === undefined ? 'yes' : 'no';
    const home = launch.options[this.#engine.kind]?.home ?? '';
    const ends = notesEnds ? [this.#containers.endsOf(launch.id), `${launch.incarnation}`] : ['', ''];
    const first = [program, this.#containers.used, launch.cwd, user ?? '', file, own, home, ...ends];
    return this.#containers.gated(['sh', '-c', START, 'sac-start', ...first, ...args], { timeoutMs: START_TIMEOUT_MS });
  }

  /** Fetched once, however many wait for it. */
  #pull(image: string): Promise<void> {
    const known = this.#pulls.get(image);
    if (known) return known;
    const pulling = this.#containers
      .command(['pull', '--quiet', image], PULL_TIMEOUT_MS)
      .then((result) => {
        if (result.code !== 0) throw this.#containers.failure(`fetch the image ${image}`, result);
      })
      .finally(() => this.#pulls.delete(image));
    this.#pulls.set(image, pulling);
    return pulling;
  }

  #writeInit(path: string): Promise<void> {
    this.#initWritten ??= this.#transport.putFiles([{ path, content: INIT, mode: 0o644 }]).catch((error: unknown) => {
      this.#initWritten = undefined;
      throw error;
    });
    return this.#initWritten;
  }
}

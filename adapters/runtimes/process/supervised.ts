/**
 * Owns: agents of one kind under a small supervisor each, on one machine: a state folder (see scripts.ts) is what is known of it.
 * Never: starts a second one: making the folder is the claim. Never touches a process without our mark.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import { whileHeard } from '../../transport/while-heard.ts';
import { Batch } from '../batch.ts';
import { launchFilePath } from '../launch/launch-files.ts';
import { renderLaunchScript } from '../launch/launch-script.ts';
import { Leftovers } from '../reap/leftovers.ts';
import { processesOf } from '../reap/process-table.ts';
import { SharedLook } from '../reap/shared-look.ts';
import { type Launch, type RuntimeContext, RuntimeError, type Sighting } from '../runtime.ts';
import { type Outcome, parseListing, parseOutcomes } from './listing.ts';
import { CLEAR, LIST, START, TERM, WATCH } from './scripts.ts';

/** A lost watch is taken up again after this. */
const WATCH_AGAIN_MS = 1_000;
/** A supervisor writes the agent's pid a moment after it was started: it is waited for, so long at once. */
const PID_WAIT_MS = 10;
/** An argument list is bounded; so many names are far below it. */
const NAMES_AT_ONCE = 500;
/** What has the place may end between the two looks at it. */
const START_TRIES = 2;

/** How one kind of them is kept. */
export interface Keeping {
  /** Its folder below the fleet's, and the name of its FIFO. */
  readonly kind: 'process' | 'screen' | 'apptainer';
  /** Scripts that starts need, below the folder: name and content. One is `supervisor.sh`. */
  readonly scripts: Readonly<Record<string, string>>;
  /** Numbers for the supervisor, between log and FIFO. */
  readonly numbers: (launch: Launch) => readonly number[];
  /** How often its pid is waited for. */
  readonly pidTries: number;
  /** Whether the agent leads a process group of its own, so that all of it can be asked to leave at once. */
  readonly ownGroup: boolean;
}

const BLOCK = 4096;
/** For SUPERVISOR: how many blocks a log file may hold, and how many are kept. */
export const LOG_NUMBERS: Keeping['numbers'] = ({ options: { process } }) => [
  Math.max(1, Math.floor(process.logMaxBytes / BLOCK)),
  process.logFiles,
];

interface Waiting {
  readonly launch: Launch;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

export class Supervised {
  readonly #leftovers: Leftovers;
  readonly root: string;
  readonly #keeping: Keeping;
  readonly #context: RuntimeContext;
  readonly #transport: Transport;
  readonly #fifo: string;
  readonly #listing = new SharedLook(() => this.#list([]));
  readonly #some = new Batch((names) => this.#list(names), NAMES_AT_ONCE);
  #waiting: Waiting[] = [];
  #scriptsWritten: Promise<void> | undefined;

  constructor(context: RuntimeContext, transport: Transport, keeping: Keeping) {
    this.#keeping = keeping;
    this.#context = context;
    this.#transport = transport;
    this.root = `${context.dirs.run}/${keeping.kind}`;
    this.#fifo = `${context.dirs.run}/${keeping.kind}.fifo`;
    this.#leftovers = context.leftovers?.(transport, context) ?? new Leftovers(transport, context);
  }

  /** A look that begins after this call; shared by all who ask at the same time. With `ids` at least those. */
  async list(ids?: readonly InstanceId[]): Promise<readonly Sighting[]> {
    if (!ids) return this.#listing.ask();
    const looks = await Promise.all(ids.map((id) => this.#some.ask(instanceNameOf(id))));
    return [...new Set(looks)].flat();
  }

  async #list(names: readonly string[]): Promise<readonly Sighting[]> {
    for (let tries = 0; ; tries++) {
      const { code, stdout, stderr } = await this.#script(LIST, 'sac-list', [this.root, ...names]);
      if (code !== 0) throw new RuntimeError(`processes could not be listed: ${stderr.trim()}`);
      const sightings = parseListing(stdout, this.#context.fleet);
      // Just started: its pid is about to be written.
      if (
        tries >= this.#keeping.pidTries ||
        !sightings.some(({ state, pid }) => state === 'running' && pid === undefined)
      )
        return sightings;
      await new Promise((wake) => setTimeout(wake, PID_WAIT_MS));
    }
  }

  async start(launch: Launch): Promise<void> {
    const name = instanceNameOf(launch.id);
    await this.#transport.putFiles([
      {
        path: launchFilePath(this.#context.dirs, launch),
        content: renderLaunchScript(launch, this.#context.dirs),
        mode: 0o600,
      },
    ]);
    for (let tries = 0; tries < START_TRIES; tries++) {
      const outcome = await this.#startBatched(launch);
      if (outcome === 'taken' && (await this.#isDone(launch))) return;
      if (outcome === 'taken') continue;
      // What the old incarnation left behind must not delay the new one; a failure is mended by the next sweep.
      if (outcome.replaced !== undefined) this.#leftovers.later.add(launch.id, outcome.replaced);
      return;
    }
    throw new RuntimeError(`${name} was started by somebody else meanwhile`);
  }

  /** Whether what has the place is this launch, or a later one. Throws where it may not be replaced; false: it has ended just now. */
  async #isDone({ id, incarnation, launchHash }: Launch): Promise<boolean> {
    const name = instanceNameOf(id);
    const found = (await this.list([id])).find((sighting) => sighting.id === id);
    if (!found) throw new RuntimeError(`${this.root}/${name} is taken by something that is not sac's; move it away`);
    // It was started and has ended already: this order came late.
    if (found.state === 'exited') return found.incarnation >= incarnation;
    if (found.launchHash === launchHash) return true;
    throw new RuntimeError(`${name} still runs another launch; it must be stopped first`);
  }

  /** All starts asked for in one turn go to one script. */
  #startBatched(launch: Launch): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ launch, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => void this.#startAll());
    });
  }

  async #startAll(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      this.#scriptsWritten ??= this.#transport.putFiles(
        Object.entries(this.#keeping.scripts).map(([name, content]) => ({
          path: `${this.root}/${name}`,
          content,
          mode: 0o600,
        })),
      );
      await this.#scriptsWritten.catch((error: unknown) => {
        this.#scriptsWritten = undefined;
        throw error;
      });
      const lines = batch.map(({ launch }) => {
        const { id, incarnation, launchHash } = launch;
        return [instanceNameOf(id), id, incarnation, launchHash, ...this.#keeping.numbers(launch)].join(' ');
      });
      const { dirs } = this.#context;
      const { stdout, stderr } = await this.#script(
        START,
        'sac-start',
        [this.root, dirs.logs, `${dirs.run}/launch`, this.#fifo],
        `${lines.join('\n')}\n`,
      );
      const outcomes = parseOutcomes(stdout);
      for (const { launch, resolve, reject } of batch) {
        const outcome = outcomes.get(instanceNameOf(launch.id));
        if (outcome) resolve(outcome);
        else
          reject(
            new RuntimeError(
              `${instanceNameOf(launch.id)} could not be started: ${stderr.trim() || 'the start script gave no answer'}`,
            ),
          );
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  async signal(id: InstanceId, incarnation: number, how: 'term' | 'kill'): Promise<void> {
    if (how === 'term' && this.#keeping.ownGroup) {
      await this.#script(TERM, 'sac-term', [this.root, instanceNameOf(id), String(incarnation)]);
      return;
    }
    const seen = (await this.list([id])).find((sighting) => sighting.id === id && sighting.incarnation === incarnation);
    if (!seen) return;
    const roots = seen.pid === undefined ? [] : [seen.pid];
    if (how === 'term') return this.#leftovers.reaper.term(id, incarnation, roots);
    const marked = processesOf(
      await this.#leftovers.reaper.scan(),
      (mark) => mark.id === id && mark.incarnation === incarnation,
    );
    await this.#leftovers.reaper.signal([...new Set([...roots, ...marked])], 'KILL');
  }

  async remove(id: InstanceId, incarnation: number): Promise<void> {
    const name = instanceNameOf(id);
    const seen = (await this.list([id])).find((sighting) => sighting.id === id);
    if (seen && (seen.state === 'running' || seen.incarnation !== incarnation)) return;
    await this.#leftovers.clear(new Map([[id, incarnation]]));
    const { dirs } = this.#context;
    await this.#transport.run([
      'mv',
      '-f',
      '--',
      `${dirs.logs}/${name}/current.log`,
      `${dirs.logs}/${name}/previous.log`,
    ]);
    // Last: it is what tells, also a successor of ours, that there is something to remove.
    if (seen) await this.#script(CLEAR, 'sac-clear', [this.root, name, String(incarnation)]);
  }

  /** Looks for what was left by incarnations that are over. Returns how many processes were ended. */
  sweep(over: ReadonlyMap<InstanceId, Instant>): Promise<number> {
    return this.#leftovers.clear(over);
  }

  watch(onHint: (id: InstanceId | 'all') => void): Disposable {
    let closed = false;
    let timer: NodeJS.Timeout | undefined;
    let conversation: ReturnType<Transport['converse']> | undefined;
    const open = () => {
      conversation = this.#transport.converse(whileHeard(['sh', '-c', WATCH, 'sac-watch', this.#fifo]), (line) => {
        // `*`: listening begins; what happened before was not heard.
        onHint(line === '*' ? 'all' : (`${this.#context.fleet}.${line}` as InstanceId));
      });
      void conversation.closed.then(() => {
        if (!closed) timer = setTimeout(open, WATCH_AGAIN_MS).unref();
      });
    };
    open();
    return {
      [Symbol.dispose]() {
        closed = true;
        clearTimeout(timer);
        conversation?.[Symbol.dispose]();
      },
    };
  }

  #script(script: string, name: string, args: readonly string[], stdin?: string) {
    return this.#transport.run(['sh', '-c', script, name, ...args], {
      timeoutMs: this.#context.timeoutMs,
      ...(stdin !== undefined && { stdin }),
    });
  }
}

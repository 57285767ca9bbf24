/**
 * Owns: agents as plain processes, each in a session of its own under a tiny supervisor that keeps log and exit status.
 * Needs nothing but POSIX sh, setsid(1) and /proc, on whichever machine the transport reaches.
 * Never: starts a second one: the state folder is the claim. Never touches a process without our mark.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Transport } from '../../transport/transport.ts';
import { whileHeard } from '../../transport/while-heard.ts';
import { launchFilePath, renderLaunchScript } from '../launch/launch-script.ts';
import { processesOf } from '../reap/process-table.ts';
import { Reaper } from '../reap/reaper.ts';
import { SharedLook } from '../reap/shared-look.ts';
import {
  type Launch,
  type LogOptions,
  type Runtime,
  type RuntimeContext,
  RuntimeError,
  type Sighting,
} from '../runtime.ts';
import { parseListing } from './listing.ts';
import { readLog } from './read-log.ts';
import { CLEAR, LIST, START, SUPERVISOR, TERM, WATCH } from './scripts.ts';

const BLOCK = 4096;
/** A lost watch is taken up again after this. */
const WATCH_AGAIN_MS = 1_000;
/** A supervisor writes the agent's pid a moment after it was started: it is waited for so often, so long. */
const PID_TRIES = 20;
const PID_WAIT_MS = 10;

export function createProcessRuntime(context: RuntimeContext): Runtime & AsyncDisposable {
  const machines = new Map<Transport, Machine>();
  const watches = new Set<Disposable>();
  const on = (t: Transport): Machine => {
    const known = machines.get(t);
    if (known) return known;
    const machine = new Machine(context, t);
    machines.set(t, machine);
    return machine;
  };
  return {
    kind: 'process',
    capabilities: { screen: false, attach: false, push: true },
    async probe(t) {
      const { code } = await t.run(['sh', '-c', 'command -v setsid >/dev/null && [ -r /proc/self/stat ]']);
      return code === 0
        ? { available: true, detail: 'sh, setsid and /proc' }
        : { available: false, detail: 'needs setsid (util-linux) and /proc' };
    },
    list: (t) => on(t).list(),
    watch(t, onHint) {
      const watch = on(t).watch(onHint);
      watches.add(watch);
      return {
        [Symbol.dispose]() {
          watches.delete(watch);
          watch[Symbol.dispose]();
        },
      };
    },
    start: (t, launch) => on(t).start(launch),
    signal: (t, id, incarnation, how) => on(t).signal(id, incarnation, how),
    remove: (t, id, incarnation) => on(t).remove(id, incarnation),
    sweep: (t, over) => on(t).reaper.kill(({ id, incarnation }) => incarnation <= (over.get(id as InstanceId) ?? -1)),
    logs: (t, id, options) => on(t).logs(id, options),
    async [Symbol.asyncDispose]() {
      for (const watch of watches) watch[Symbol.dispose]();
      watches.clear();
    },
  };
}

interface Waiting {
  readonly launch: Launch;
  readonly resolve: (outcome: 'started' | 'taken') => void;
  readonly reject: (error: unknown) => void;
}

class Machine {
  readonly reaper: Reaper;
  readonly #context: RuntimeContext;
  readonly #transport: Transport;
  readonly #root: string;
  readonly #fifo: string;
  readonly #listing = new SharedLook(() => this.#list());
  #waiting: Waiting[] = [];
  #supervisorWritten: Promise<void> | undefined;

  constructor(context: RuntimeContext, transport: Transport) {
    this.#context = context;
    this.#transport = transport;
    this.#root = `${context.dirs.run}/process`;
    this.#fifo = `${context.dirs.run}/process.fifo`;
    this.reaper = new Reaper(transport, context.fleet);
  }

  /** A look that begins after this call; shared by all who ask at the same time. */
  list(): Promise<readonly Sighting[]> {
    return this.#listing.ask();
  }

  async #list(): Promise<readonly Sighting[]> {
    for (let tries = 0; ; tries++) {
      const { code, stdout, stderr } = await this.#script(LIST, 'sac-list', [this.#root]);
      if (code !== 0) throw new RuntimeError(`processes could not be listed: ${stderr.trim()}`);
      const sightings = parseListing(stdout, this.#context.fleet);
      // Just started: its pid is about to be written.
      if (tries >= PID_TRIES || !sightings.some(({ state, pid }) => state === 'running' && pid === undefined))
        return sightings;
      await new Promise((wake) => setTimeout(wake, PID_WAIT_MS));
    }
  }

  async start(launch: Launch): Promise<void> {
    const name = instanceNameOf(launch.id);
    await this.#transport.putFiles([
      {
        path: launchFilePath(this.#context.dirs, launch.id),
        content: renderLaunchScript(launch, this.#context.dirs),
        mode: 0o600,
      },
    ]);
    if ((await this.#startBatched(launch)) === 'started') return;

    const found = (await this.list()).find(({ id }) => id === launch.id);
    if (!found) throw new RuntimeError(`${this.#root}/${name} is taken by something that is not sac's; move it away`);
    if (found.state === 'running') {
      if (found.launchHash === launch.launchHash) return;
      throw new RuntimeError(`${name} still runs another launch; it must be stopped first`);
    }
    // It was started and has ended already: this order came late.
    if (found.incarnation >= launch.incarnation) return;
    await this.#script(CLEAR, 'sac-clear', [this.#root, name, String(found.incarnation)]);
    if ((await this.#startBatched(launch)) === 'taken')
      throw new RuntimeError(`${name} was started by somebody else meanwhile`);
    // What the old incarnation left behind must not delay the new one; a failure is mended by the next sweep.
    this.reaper.reap(launch.id, found.incarnation).catch(() => undefined);
  }

  /** All starts asked for in one turn go to one script. */
  #startBatched(launch: Launch): Promise<'started' | 'taken'> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ launch, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => void this.#startAll());
    });
  }

  async #startAll(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      this.#supervisorWritten ??= this.#transport.putFiles([
        { path: `${this.#root}/supervisor.sh`, content: SUPERVISOR, mode: 0o600 },
      ]);
      await this.#supervisorWritten.catch((error: unknown) => {
        this.#supervisorWritten = undefined;
        throw error;
      });
      const lines = batch.map(({ launch: { id, incarnation, launchHash, options } }) => {
        const blocks = Math.max(1, Math.floor(options.process.logMaxBytes / BLOCK));
        return `${instanceNameOf(id)} ${id} ${incarnation} ${launchHash} ${blocks} ${options.process.logFiles}`;
      });
      const { dirs } = this.#context;
      const { stdout, stderr } = await this.#script(
        START,
        'sac-start',
        [this.#root, dirs.logs, `${dirs.run}/launch`, this.#fifo],
        `${lines.join('\n')}\n`,
      );
      const outcomes = new Map(stdout.split('\n').map((line) => line.split(' ', 2) as [string, string]));
      for (const { launch, resolve, reject } of batch) {
        const outcome = outcomes.get(instanceNameOf(launch.id));
        if (outcome === 'started' || outcome === 'taken') resolve(outcome);
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
    if (how === 'term') {
      await this.#script(TERM, 'sac-term', [this.#root, instanceNameOf(id), String(incarnation)]);
      return;
    }
    const seen = (await this.list()).find((sighting) => sighting.id === id && sighting.incarnation === incarnation);
    if (!seen) return;
    const marked = processesOf(await this.reaper.scan(), (mark) => mark.id === id && mark.incarnation === incarnation);
    await this.reaper.signal([...new Set([...(seen.pid === undefined ? [] : [seen.pid]), ...marked])], 'KILL');
  }

  async remove(id: InstanceId, incarnation: number): Promise<void> {
    const name = instanceNameOf(id);
    const seen = (await this.list()).find((sighting) => sighting.id === id);
    if (seen && (seen.state === 'running' || seen.incarnation !== incarnation)) return;
    await this.reaper.reap(id, incarnation);
    const { dirs } = this.#context;
    await this.#transport.run([
      'mv',
      '-f',
      '--',
      `${dirs.logs}/${name}/current.log`,
      `${dirs.logs}/${name}/previous.log`,
    ]);
    await this.#transport.run(['rm', '-f', '--', launchFilePath(dirs, id)]);
    // Last: it is what tells, also a successor of ours, that there is something to remove.
    if (seen) await this.#script(CLEAR, 'sac-clear', [this.#root, name, String(incarnation)]);
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

  logs(id: InstanceId, options: LogOptions): AsyncIterable<string> {
    return readLog(this.#transport, this.#context.dirs, id, options);
  }

  #script(script: string, name: string, args: readonly string[], stdin?: string) {
    return this.#transport.run(['sh', '-c', script, name, ...args], {
      timeoutMs: this.#context.timeoutMs,
      ...(stdin !== undefined && { stdin }),
    });
  }
}

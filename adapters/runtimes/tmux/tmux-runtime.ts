/**
 * Owns: agents as sessions of one tmux server of our own, each tagged with id, incarnation and launch hash.
 * Never: touches a session without our tag, or uses a target that could match another name.
 */
import { fleetOf, type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Transport } from '../../transport/transport.ts';
import { TransportError } from '../../transport/transport.ts';
import { launchFilePath, renderLaunchScript } from '../launch/launch-script.ts';
import { processesOf } from '../reap/process-table.ts';
import { Reaper } from '../reap/reaper.ts';
import {
  type Launch,
  type LogOptions,
  type Runtime,
  type RuntimeContext,
  RuntimeError,
  type Sighting,
} from '../runtime.ts';
import type { ControlConnection } from './control-connection.ts';
import { command, LISTING, type Pane, parsePane, TAG, tagOf, target } from './language.ts';
import { tmuxLogs } from './tmux-logs.ts';
import { TmuxServer } from './tmux-server.ts';

export interface TmuxOptions {
  /** Name of the server's socket (`tmux -L`). Default: `sac-<fleet>`. */
  readonly socketName?: string;
  /** Configuration instead of the user's own tmux.conf. */
  readonly configFile?: string;
}

const ARCHIVED_LINES = 2_000;
/** tmux may know that a pane is dead before it knows how: it is asked again this often, this far apart. */
const STATUS_TRIES = 20;
/** Up to so many are looked at one by one. */
const FEW = 16;
const STATUS_WAIT_MS = 10;

export function createTmuxRuntime(context: RuntimeContext, options: TmuxOptions = {}): Runtime & AsyncDisposable {
  const socket = options.socketName ?? `sac-${context.fleet}`;
  const tmux = ['tmux', '-L', socket, ...(options.configFile === undefined ? [] : ['-f', options.configFile])];
  const machines = new Map<Transport, Machine>();
  const on = (t: Transport): Machine => {
    const known = machines.get(t);
    if (known) return known;
    const machine = new Machine(context, t, tmux);
    machines.set(t, machine);
    return machine;
  };

  return {
    kind: 'tmux',
    capabilities: { screen: true, attach: true, push: true },
    async probe(t) {
      try {
        const { code, stdout } = await t.run(['tmux', '-V']);
        return code === 0
          ? { available: true, detail: stdout.trim() }
          : { available: false, detail: `tmux -V failed with code ${code}` };
      } catch (error) {
        if (error instanceof TransportError && error.kind === 'missing-program')
          return { available: false, detail: 'tmux is not installed' };
        throw error;
      }
    },
    list: (t, ids) => on(t).list(ids),
    watch: (t, onHint) => on(t).watch(onHint),
    start: (t, launch) => on(t).start(launch),
    signal: (t, id, incarnation, how) => on(t).signal(id, incarnation, how),
    remove: (t, id, incarnation) => on(t).remove(id, incarnation),
    sweep: (t, over) => on(t).reaper.kill(({ id, incarnation }) => incarnation <= (over.get(id as InstanceId) ?? -1)),
    screen: (t, ids) => on(t).screens(ids),
    logs: (t, id, logOptions) => on(t).logs(id, logOptions),
    attach: (id) => [...tmux, 'attach-session', '-t', `=${instanceNameOf(id)}`],
    async [Symbol.asyncDispose]() {
      const servers = [...machines.values()].map(({ server }) => server);
      machines.clear();
      await Promise.allSettled(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

/** One tmux server on one machine. */
class Machine {
  readonly server: TmuxServer;
  readonly reaper: Reaper;
  readonly #context: RuntimeContext;
  readonly #transport: Transport;
  readonly #tmux: readonly string[];
  readonly #pidFile: string;
  readonly #lastHistory = new WeakMap<ControlConnection, number>();
  /** Corpses that were told already: told twice would be no harm, only work. */
  #knownDead: ReadonlyMap<InstanceId, number> = new Map();

  constructor(context: RuntimeContext, transport: Transport, tmux: readonly string[]) {
    this.#context = context;
    this.#transport = transport;
    this.#tmux = tmux;
    this.#pidFile = `${context.dirs.run}/tmux.pid`;
    this.server = new TmuxServer({ transport, tmux, pidFile: this.#pidFile, timeoutMs: context.timeoutMs });
    this.reaper = new Reaper(transport, context.fleet);
  }

  /** A few are asked for by name, which costs nothing of the others; else one listing tells all. */
  async list(ids?: readonly InstanceId[]): Promise<readonly Sighting[]> {
    if (ids && ids.length <= FEW && this.server.connection) {
      const found = await Promise.all(ids.map((id) => this.#find(id)));
      return found.flatMap((pane) => (pane === 'absent' || pane === 'foreign' ? [] : [pane.sighting]));
    }
    for (let tries = 0; ; tries++) {
      const panes = this.#parse(await this.#listing());
      if (tries >= STATUS_TRIES || !panes.some(({ undecided }) => undecided))
        return panes.map(({ sighting }) => sighting);
      await new Promise((wake) => setTimeout(wake, STATUS_WAIT_MS));
    }
  }

  /** A death tells only that some pane died: which one is asked, so that the others need not be looked at. */
  watch(onHint: (id: InstanceId | 'all') => void): Disposable {
    return this.server.watch(() => {
      this.#newlyDead().then(
        (ids) => {
          for (const id of ids) onHint(id);
        },
        () => onHint('all'),
      );
    });
  }

  async #newlyDead(): Promise<readonly InstanceId[]> {
    const { connection } = this.server;
    if (!connection) throw new TransportError('closed', 'the connection to tmux was lost');
    const reply = await connection.request([command('list-panes', '-a', '-f', '#{pane_dead}', '-F', LISTING)]);
    if (!reply.ok) throw new RuntimeError(reply.error);
    const dead = new Map(this.#parse(reply.lines).map(({ sighting }) => [sighting.id, sighting.incarnation]));
    const news = [...dead].filter(([id, incarnation]) => this.#knownDead.get(id) !== incarnation).map(([id]) => id);
    this.#knownDead = dead;
    return news;
  }

  #parse(lines: readonly string[]): readonly Pane[] {
    return lines
      .map((line) => parsePane(line, (id) => fleetOf(id as InstanceId) === this.#context.fleet))
      .filter((pane) => pane !== undefined);
  }

  async #listing(): Promise<readonly string[]> {
    const connection = this.server.connection;
    if (connection) {
      const reply = await connection.request([command('list-panes', '-a', '-F', LISTING)]);
      if (!reply.ok) throw new RuntimeError(`tmux could not list its panes: ${reply.error}`);
      return reply.lines;
    }
    const { code, stdout, stderr } = await this.#transport.run([...this.#tmux, 'list-panes', '-a', '-F', LISTING], {
      timeoutMs: this.#context.timeoutMs,
    });
    if (code === 0) {
      // There is a server: from now on it is asked over a connection, which also tells of deaths.
      await this.server.connect();
      return stdout.split('\n').filter(Boolean);
    }
    if (
      !/^no server running on|^error connecting to .*\((?:No such file or directory|Connection refused)\)/m.test(stderr)
    )
      throw new RuntimeError(`tmux could not list its panes: ${stderr.trim()}`);
    await this.#assertNoServer();
    return [];
  }

  /**
   * "No server" may also mean that somebody deleted the socket file of a living one. Then its agents are not gone: tmux
   * makes the socket anew on SIGUSR1; until it can be asked, nothing is known.
   */
  async #assertNoServer(): Promise<void> {
    const { stdout } = await this.#transport.run([
      'sh',
      '-c',
      LIVING_SERVER,
      'sac-tmux',
      this.#pidFile,
      this.#tmux[2] ?? '',
    ]);
    const pid = stdout.trim();
    if (pid === '') return;
    await this.reaper.signal([pid], 'USR1');
    throw new RuntimeError(
      `the tmux server (pid ${pid}) lives, but its socket was deleted; asked it to make the socket anew`,
    );
  }

  async #find(id: InstanceId): Promise<Pane | 'absent' | 'foreign'> {
    const connection = await this.server.connect();
    for (let tries = 0; ; tries++) {
      const reply = await connection.request([command('list-panes', '-t', target(id), '-F', LISTING)]);
      if (!reply.ok) {
        if (/can't find/.test(reply.error)) return 'absent';
        throw new RuntimeError(`tmux could not show ${instanceNameOf(id)}: ${reply.error}`);
      }
      const pane = parsePane(reply.lines[0] ?? '', (found) => found === id);
      if (!pane) return 'foreign';
      if (!pane.undecided || tries >= STATUS_TRIES) return pane;
      await new Promise((wake) => setTimeout(wake, STATUS_WAIT_MS));
    }
  }

  async start(launch: Launch): Promise<void> {
    const { id, incarnation, launchHash } = launch;
    const file = launchFilePath(this.#context.dirs, id);
    await this.#transport.putFiles([
      { path: file, content: renderLaunchScript(launch, this.#context.dirs), mode: 0o600 },
    ]);
    const connection = await this.server.connect();
    const { width, height, historyLimit } = launch.options.tmux;
    // Marks, no secrets: they are also on the process before it becomes the agent.
    const marks = ['-e', `SAC_ID=${id}`, '-e', `SAC_INCARNATION=${incarnation}`];
    const tag = command('set-option', '-t', target(id), TAG, tagOf(id, incarnation, launchHash));
    const history = this.#historyLimit(connection, historyLimit);
    const created = await connection.request([
      ...history,
      `${command('new-session', '-d', '-s', instanceNameOf(id), '-x', String(width), '-y', String(height), ...marks, 'sh', file)} ; ${tag}`,
    ]);
    if (created.ok) return;
    if (!/duplicate session/.test(created.error))
      throw new RuntimeError(`tmux could not start ${instanceNameOf(id)}: ${created.error}`);

    const found = await this.#find(id);
    if (found === 'absent')
      throw new RuntimeError(
        `tmux session ${instanceNameOf(id)} went away while it was being replaced; it will be tried again`,
      );
    if (found === 'foreign')
      throw new RuntimeError(
        `a tmux session named ${instanceNameOf(id)} exists on this server and is not sac's; rename or end it`,
      );
    const { sighting } = found;
    if (sighting.state !== 'exited') {
      if (sighting.launchHash === launchHash) return;
      throw new RuntimeError(`${instanceNameOf(id)} still runs another launch; it must be stopped first`);
    }
    // It was started and has ended already: this order came late.
    if (sighting.incarnation >= incarnation) return;
    // Without -k: if it came to life in between, tmux refuses.
    const replaced = await connection.request([
      ...(await this.#archive(id, sighting)),
      ...this.#historyLimit(connection, historyLimit),
      `${command('respawn-pane', '-t', target(id), ...marks, 'sh', file)} ; ${command('clear-history', '-t', target(id))} ; ${tag}`,
    ]);
    if (!replaced.ok) throw new RuntimeError(`tmux could not restart ${instanceNameOf(id)}: ${replaced.error}`);
    // What the old incarnation left behind must not delay the new one; a failure is mended by the next sweep.
    this.reaper.reap(id, sighting.incarnation).catch(() => undefined);
  }

  /** A pane takes its history limit from the server's option when it is made: set when it differs from the last one's. */
  #historyLimit(connection: ControlConnection, lines: number): readonly string[] {
    if (this.#lastHistory.get(connection) === lines) return [];
    this.#lastHistory.set(connection, lines);
    return [command('set-option', '-g', 'history-limit', String(lines))];
  }

  /** Commands that write the last screen and its scrollback to previous.log; tmux writes the file itself. */
  async #archive(id: InstanceId, { exit }: Sighting): Promise<readonly string[]> {
    const folder = `${this.#context.dirs.logs}/${instanceNameOf(id)}`;
    await this.#transport.putFiles([
      { path: `${folder}/previous.exit`, content: `${exit?.signal ?? exit?.code ?? 'unknown'}\n`, mode: 0o600 },
    ]);
    const buffer = `sac-${instanceNameOf(id)}`;
    // save-buffer expands formats in its path: # must be doubled.
    const path = `${folder}/previous.log`.replaceAll('#', '##');
    return [
      `${command('capture-pane', '-J', '-b', buffer, '-S', `-${ARCHIVED_LINES}`, '-t', target(id))} ; ${command('save-buffer', '-b', buffer, path)}`,
      command('delete-buffer', '-b', buffer),
    ];
  }

  async signal(id: InstanceId, incarnation: number, how: 'term' | 'kill'): Promise<void> {
    const found = await this.#find(id);
    if (found === 'absent' || found === 'foreign' || found.sighting.incarnation !== incarnation) return;
    const { pid, state } = found.sighting;
    if (how === 'term') {
      // The pane's process leads its own process group.
      if (state === 'running' && pid !== undefined) await this.reaper.signal([`-${pid}`], 'TERM');
      return;
    }
    const pids = processesOf(await this.reaper.scan(), (mark) => mark.id === id && mark.incarnation === incarnation);
    await this.reaper.signal([...new Set([...(pid === undefined ? [] : [pid]), ...pids])], 'KILL');
  }

  async remove(id: InstanceId, incarnation: number): Promise<void> {
    const found = await this.#find(id);
    if (found === 'foreign') return;
    if (found !== 'absent') {
      const { sighting } = found;
      if (sighting.state !== 'exited' || sighting.incarnation !== incarnation) return;
      const connection = await this.server.connect();
      const reply = await connection.request([
        ...(await this.#archive(id, sighting)),
        command('kill-session', '-t', `=${instanceNameOf(id)}`),
      ]);
      if (!reply.ok && !/can't find/.test(reply.error))
        throw new RuntimeError(`tmux could not remove ${instanceNameOf(id)}: ${reply.error}`);
    }
    await this.reaper.reap(id, incarnation);
    await this.#transport.run(['rm', '-f', '--', launchFilePath(this.#context.dirs, id)]);
  }

  async screens(ids: readonly InstanceId[]): Promise<ReadonlyMap<InstanceId, string>> {
    const screens = new Map<InstanceId, string>();
    for (const id of ids) {
      const { code, stdout } = await this.#transport.run([...this.#tmux, 'capture-pane', '-p', '-t', target(id)]);
      if (code === 0) screens.set(id, stdout);
    }
    return screens;
  }

  logs(id: InstanceId, options: LogOptions): AsyncIterable<string> {
    return tmuxLogs(
      this.#transport,
      this.#tmux,
      id,
      `${this.#context.dirs.logs}/${instanceNameOf(id)}/previous.log`,
      options,
    );
  }
}

/** Prints the pid in file "$1" if it is a living tmux server of socket "$2". */
const LIVING_SERVER = `
read -r pid 2>/dev/null < "$1" || exit 0
case $pid in ''|*[!0-9]*) exit 0 ;; esac
tr '\\0' '\\n' 2>/dev/null < "/proc/$pid/cmdline" | grep -qxF -e "$2" && echo "$pid"
exit 0
`;

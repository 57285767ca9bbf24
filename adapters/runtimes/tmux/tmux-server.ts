/**
 * Owns: the connection to one tmux server of ours: made when needed, told when lost, and the pushes that come over it.
 * Never: starts a server just to look at it.
 */
import { randomBytes } from 'node:crypto';
import type { InstanceId } from '../../../api/resources/names.ts';
import type { DurationMs } from '../../../api/resources/time.ts';
import { type Transport, TransportError } from '../../transport/transport.ts';
import { RuntimeError } from '../runtime.ts';
import { ControlConnection } from './control/control-connection.ts';
import { command, DIED, IS_AGENT_PANE, isEmpty, KEPT, TAG, together } from './control/language.ts';
import { Nudge } from './nudge.ts';

/**
 * What the connections are attached to; keeps the server reachable while no agent lives in it. Not a valid agent name.
 * Not `destroy-unattached`: tmux 3.3a crashes, with all agents, when the session of two dying control clients is destroyed
 * (seen at every SIGKILL of a controller). So the session outlives a killed controller, and with it a server without any agent,
 * until the next controller adopts it or leaves: a few megabytes, against all agents. A keeper that ends with the controller
 * would destroy the session at that very moment, and one that asks later whether agents are left races with the next controller.
 */
export const HIDDEN_SESSION = '_sac';
/** Of a client: whether it is in control mode, and its pid. */
const CLIENT = '#{client_control_mode} #{client_pid}';
/** Index of our entry in the hook's array, so that a user's own hooks stay. */
const HOOK_INDEX = 4200;

export interface TmuxServerOptions {
  readonly transport: Transport;
  /** `tmux -L socket [-f config]` */
  readonly tmux: readonly string[];
  readonly pidFile: string;
  readonly timeoutMs: DurationMs;
}

type Hint = (id: InstanceId | 'all') => void;

export class TmuxServer implements AsyncDisposable {
  readonly #options: TmuxServerOptions;
  readonly #watchers = new Set<Hint>();
  #connection: ControlConnection | undefined;
  #connecting: Promise<ControlConnection> | undefined;
  #listener: ControlConnection | undefined;
  #nudge: Nudge | undefined;
  /** Pids of our two clients. */
  #own: readonly string[] = [];
  #lostOnce = false;
  #disposed = false;

  constructor(options: TmuxServerOptions) {
    this.#options = options;
  }

  /** The connection if there is a server. Throws RuntimeError when that cannot be told, TransportError when it cannot be asked. */
  async reach(): Promise<ControlConnection | undefined> {
    if (this.#connection?.open) return this.#connection;
    if (this.#connecting) return this.#connecting;
    return (await this.#isRunning()) ? this.connect() : undefined;
  }

  /** Starts the server when none runs. */
  connect(): Promise<ControlConnection> {
    if (this.#connection?.open) return Promise.resolve(this.#connection);
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  /** A pane has lost its terminal but tmux has not heard how its process ended: makes it look. */
  nudge(): void {
    this.#nudge?.now();
  }

  /** Something is about to be done here. */
  busy(): void {
    this.#nudge?.busy();
  }

  /** Mends what others may have done since: a client that was on its way when we came, a configuration that was read again. */
  async sweep(): Promise<void> {
    if (!this.#connection?.open) return;
    await this.#connection.request([KEEP_ALL]);
    await this.#endOrphansSeenBy(this.#connection);
  }

  watch(onHint: Hint): Disposable {
    this.#watchers.add(onHint);
    return { [Symbol.dispose]: () => void this.#watchers.delete(onHint) };
  }

  /** Lets go of the server; when nothing but our own session is left in it, it ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { transport, tmux, timeoutMs } = this.#options;
    this.#disposed = true;
    this.#watchers.clear();
    await this.#connecting?.catch(() => undefined);
    const ending = [this.#connection, this.#listener];
    this.#drop();
    if (!ending[0]) return;
    await Promise.all(ending.map((connection) => connection?.closed));
    const { code, stdout } = await transport.run([...tmux, 'list-sessions', '-F', '#{session_name}'], { timeoutMs });
    if (code !== 0 || stdout.trim() !== HIDDEN_SESSION) return;
    // The client of a killed controller may have been attached after they were ended; the server would wait for it for ever.
    const clients = await transport.run([...tmux, 'list-clients', '-t', `=${HIDDEN_SESSION}`, '-F', CLIENT], {
      timeoutMs,
    });
    await this.#endOrphans(clients.stdout.split('\n'), []);
    await transport.run([...tmux, 'kill-session', '-t', `=${HIDDEN_SESSION}`], { timeoutMs });
  }

  async #isRunning(): Promise<boolean> {
    const { transport, tmux, timeoutMs } = this.#options;
    const { code, stderr } = await transport.run([...tmux, 'list-sessions', '-F', ''], { timeoutMs });
    if (code === 0) return true;
    if (
      !/^no server running on|^error connecting to .*\((?:No such file or directory|Connection refused)\)/m.test(stderr)
    )
      throw new RuntimeError(`tmux could not be asked: ${stderr.trim() || `code ${code}`}`);
    await this.#assertNoServer();
    return false;
  }

  /**
   * "No server" may also mean that somebody deleted the socket file of a living one. Then its agents are not gone: tmux
   * makes the socket anew on SIGUSR1; until it can be asked, nothing is known.
   */
  async #assertNoServer(): Promise<void> {
    const { transport, tmux, pidFile } = this.#options;
    const { stdout } = await transport.run(['sh', '-c', REVIVE_SOCKET, 'sac-tmux', pidFile, tmux[2] ?? '']);
    const pid = stdout.trim();
    if (pid !== '')
      throw new RuntimeError(
        `the tmux server (pid ${pid}) lives, but its socket was deleted; asked it to make the socket anew`,
      );
  }

  async #connect(): Promise<ControlConnection> {
    const { transport, tmux, timeoutMs } = this.#options;
    const nonce = randomBytes(12).toString('hex');
    const connection = new ControlConnection({
      transport,
      argv: [...tmux, '-C', 'new-session', '-A', '-s', HIDDEN_SESSION, 'tail', '-f', '/dev/null'],
      nonce,
      timeoutMs,
      onClosed: () => this.#lost(connection),
    });
    try {
      await this.#setUp(connection, nonce);
    } catch (error) {
      connection[Symbol.dispose]();
      throw error;
    }
    if (this.#lostOnce) this.#tell('all');
    return connection;
  }

  async #setUp(connection: ControlConnection, nonce: string): Promise<void> {
    const { transport, pidFile } = this.#options;
    await connection.attached;
    const reply = await connection.request([
      // A user's configuration may have these on: then nobody's session would live unwatched.
      command('set-option', '-g', 'destroy-unattached', 'off'),
      command('set-option', '-s', 'exit-unattached', 'off'),
      command('if-shell', '-F', isEmpty(KEPT), command('set-environment', '-ghF', KEPT, '#{remain-on-exit}')),
      KEEP_ALL,
      // What a former connection was to be told: this one begins with a listing.
      together(
        command('set-environment', '-gu', DIED),
        // Of an earlier version; it would hide ours.
        command('set-option', '-gqu', DIED),
        command(
          'set-hook',
          '-g',
          `pane-died[${HOOK_INDEX}]`,
          command(
            'if-shell',
            '-F',
            IS_AGENT_PANE,
            together(
              // A second signal that nobody waits for takes the first one back (cmd-wait-for.c): one for each emptying.
              command('if-shell', '-F', isEmpty(DIED), command('wait-for', '-S', deathChannel(nonce))),
              command('set-environment', '-ghF', DIED, `#{${DIED}}#{${TAG.id}}:#{pane_id} `),
            ),
            // As it would have been without us.
            command('if-shell', '-F', GOES_AT_EXIT, 'kill-pane'),
          ),
        ),
      ),
      command('display-message', '-p', '#{pid} #{client_pid} #{version}'),
    ]);
    const [pid = '', ownPid = '', version = ''] = reply.lines.at(-1)?.split(' ') ?? [];
    if (!reply.ok || !/^\d+$/.test(pid)) throw new RuntimeError(`tmux refused to be set up: ${reply.error}`);
    await transport.putFiles([{ path: pidFile, content: `${pid}\n`, mode: 0o600 }]);
    const { listener, listenerPid } = await this.#attachListener(connection);
    try {
      this.#own = [ownPid, listenerPid];
      await this.#endOrphansSeenBy(connection);
      if (this.#disposed || !connection.open)
        throw new TransportError('closed', 'the connection to tmux was closed while it was made');
    } catch (error) {
      listener[Symbol.dispose]();
      throw error;
    }
    this.#connection = connection;
    this.#listener = listener;
    this.#nudge = new Nudge({ transport, connection, pid: Number(pid), version });
    void this.#listen(listener, deathChannel(nonce));
  }

  /**
   * It must be attached before anything else is asked: tmux 3.3a crashes (seen in 8 of 14 runs) when a control client
   * attaches while sessions are being made. For the same reason a lost listener is not replaced: all is connected anew.
   */
  async #attachListener(connection: ControlConnection) {
    const { transport, tmux, timeoutMs } = this.#options;
    const listener = new ControlConnection({
      transport,
      argv: [...tmux, '-C', 'attach-session', '-t', `=${HIDDEN_SESSION}`],
      nonce: randomBytes(12).toString('hex'),
      timeoutMs,
      onClosed: () => connection[Symbol.dispose](),
    });
    await listener.attached;
    const reply = await listener.request([command('display-message', '-p', '#{client_pid}')]);
    return { listener, listenerPid: reply.lines.at(-1)?.trim() ?? '' };
  }

  /**
   * Ends control clients that a killed controller left on our own session. tmux 3.3a keeps one for ever when its output
   * could not be written any more, gathers what it would be told, and does not end with its last session (detach-client
   * does not move it; ending its process does).
   */
  async #endOrphansSeenBy(connection: ControlConnection): Promise<void> {
    const clients = await connection.request([command('list-clients', '-t', `=${HIDDEN_SESSION}`, '-F', CLIENT)]);
    await this.#endOrphans(clients.lines, this.#own);
  }

  async #endOrphans(clients: readonly string[], own: readonly string[]): Promise<void> {
    const { transport, timeoutMs } = this.#options;
    const others = clients.flatMap((line) => /^1 (\d+)$/.exec(line)?.[1] ?? []).filter((pid) => !own.includes(pid));
    if (others.length === 0) return;
    await transport.run(['sh', '-c', END_ORPHANS, 'sac-orphans', ...others], { timeoutMs }).catch(() => undefined);
  }

  /** Sits in `wait-for`: tmux latches one signal while nobody waits, so no death is lost in between. */
  async #listen(listener: ControlConnection, channel: string): Promise<void> {
    try {
      while (listener.open) {
        await listener.request([command('wait-for', channel)], true);
        await this.#tellDeaths();
      }
    } catch {
      // Its loss closes the other connection, whose loss is told.
      listener[Symbol.dispose]();
    }
  }

  async #tellDeaths(): Promise<void> {
    const reply = await this.#connection?.request([
      together(command('display-message', '-p', `#{${DIED}}`), command('set-environment', '-gu', DIED)),
    ]);
    this.busy();
    if (!reply) return;
    if (!reply.ok) return this.#tell('all');
    const ids = reply.lines
      .flatMap((line) => line.split(' '))
      .map((died) => died.slice(0, Math.max(0, died.lastIndexOf(':'))));
    // What is not an agent's (a pane somebody opened) concerns nobody.
    for (const id of new Set(ids)) if (id !== '') this.#tell(id as InstanceId);
  }

  #lost(connection: ControlConnection): void {
    if (this.#connection !== connection || this.#disposed) return;
    this.#drop();
    this.#lostOnce = true;
    this.#tell('all');
  }

  #drop(): void {
    this.#nudge?.[Symbol.dispose]();
    const ending = [this.#listener, this.#connection];
    this.#listener = undefined;
    this.#connection = undefined;
    for (const connection of ending) connection?.[Symbol.dispose]();
  }

  #tell(id: InstanceId | 'all'): void {
    for (const watcher of this.#watchers) watcher(id);
  }
}

/**
 * Dead panes stay until we have seen how they ended. For all at once, as an option of each pane makes tmux 3.3a go through all
 * sessions at every start (1 ms of its one thread with 1,000 of them); those that are no agents are removed by our hook.
 */
const KEEP_ALL = command('set-option', '-g', 'remain-on-exit', 'on');
/** Of a dead pane that is no agent: what was configured lets it go. Ours stays: its end would be that of our clients. */
const GOES_AT_EXIT = `#{&&:#{!=:#{session_name},${HIDDEN_SESSION}},#{||:#{==:#{${KEPT}},off},#{&&:#{==:#{${KEPT}},failed},#{==:#{pane_dead_status},0}}}}`;
/** One for each connection: what wakes a replaced controller would not wake this one. */
const deathChannel = (nonce: string): string => `sac-died-${nonce}`;

/**
 * Ends those of the processes "$@" that nobody holds any more: whose parent is not a program like ours (a replaced controller
 * that still lives notices by itself, and would otherwise end ours in turn).
 */
const END_ORPHANS = `
read -r ours < "/proc/$PPID/comm" || exit 0
for pid do
  parent= theirs=
  while read -r key value; do
    [ "$key" = PPid: ] && parent=$value && break
  done 2>/dev/null < "/proc/$pid/status"
  read -r theirs 2>/dev/null < "/proc/$parent/comm" || continue
  [ "$theirs" = "$ours" ] || kill -s TERM "$pid" 2>/dev/null
done
exit 0
`;

/** If file "$1" holds the pid of a living tmux server of socket "$2": makes it create its socket anew, and prints the pid. */
const REVIVE_SOCKET = `
read -r pid 2>/dev/null < "$1" || exit 0
case $pid in ''|*[!0-9]*) exit 0 ;; esac
tr '\\0' '\\n' 2>/dev/null < "/proc/$pid/cmdline" | grep -qxF -e "$2" || exit 0
kill -s USR1 "$pid" && echo "$pid"
exit 0
`;

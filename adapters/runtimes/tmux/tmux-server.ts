/**
 * Owns: the connection to one tmux server of ours: made when needed, told when lost, and the pushes that come over it.
 * Never: starts a server just to look at it.
 */
import type { DurationMs } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import { RuntimeError } from '../runtime.ts';
import { ControlConnection } from './control-connection.ts';
import { command } from './language.ts';

/**
 * What the connections are attached to; keeps the server reachable while no agent lives in it. Not a valid agent name.
 * Not `destroy-unattached`: tmux 3.3a crashes, with all agents, when the session of two dying control clients is destroyed
 * (seen at every SIGKILL of a controller).
 */
export const HIDDEN_SESSION = '_sac';
const DEATH_CHANNEL = 'sac-died';
/** Index of our entry in the hook's array, so that a user's own hooks stay. */
const HOOK_INDEX = 4200;

/**
 * tmux built with libutempter (Debian, Fedora, Arch) ignores SIGCHLD for a moment whenever a pane's terminal closes, and so
 * misses about one death in ten: the pane counts as dead, but is not reaped and its hook does not run. A SIGCHLD makes it
 * look for dead children again; sent this often, it bounds how late a death can be told.
 */
const NUDGE_MS = 25;

export interface TmuxServerOptions {
  readonly transport: Transport;
  /** `tmux -L socket [-f config]` */
  readonly tmux: readonly string[];
  readonly pidFile: string;
  readonly timeoutMs: DurationMs;
}

export class TmuxServer implements AsyncDisposable {
  readonly #options: TmuxServerOptions;
  #connection: ControlConnection | undefined;
  #connecting: Promise<ControlConnection> | undefined;
  #listener: ControlConnection | undefined;
  readonly #watchers = new Set<() => void>();
  #nudging: NodeJS.Timeout | undefined;
  #disposed = false;

  constructor(options: TmuxServerOptions) {
    this.#options = options;
  }

  /** The connection if there is one; never makes one. */
  get connection(): ControlConnection | undefined {
    return this.#connecting === undefined && this.#connection?.open ? this.#connection : undefined;
  }

  /** Starts the server when none runs. */
  connect(): Promise<ControlConnection> {
    const open = this.connection;
    if (open) return Promise.resolve(open);
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  watch(onHint: () => void): Disposable {
    this.#watchers.add(onHint);
    return { [Symbol.dispose]: () => void this.#watchers.delete(onHint) };
  }

  /** Lets go of the server; when nothing but our own session is left in it, it ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { transport, tmux, timeoutMs } = this.#options;
    const connection = this.connection;
    this.#disposed = true;
    clearInterval(this.#nudging);
    this.#watchers.clear();
    this.#listener?.[Symbol.dispose]();
    connection?.[Symbol.dispose]();
    if (!connection) return;
    await connection.closed;
    const { code, stdout } = await transport.run([...tmux, 'list-sessions', '-F', '#{session_name}'], { timeoutMs });
    if (code === 0 && stdout.trim() === HIDDEN_SESSION)
      await transport.run([...tmux, 'kill-session', '-t', `=${HIDDEN_SESSION}`], { timeoutMs });
  }

  async #connect(): Promise<ControlConnection> {
    const { transport, tmux, timeoutMs, pidFile } = this.#options;
    const connection = new ControlConnection(
      transport,
      [...tmux, '-C', 'new-session', '-A', '-s', HIDDEN_SESSION, 'tail', '-f', '/dev/null'],
      timeoutMs,
      () => this.#lost(connection),
    );
    const reply = await connection.request([
      // A user's configuration may have these on: then nobody's session would live unwatched.
      command('set-option', '-g', 'destroy-unattached', 'off'),
      command('set-option', '-s', 'exit-unattached', 'off'),
      // A dead agent's pane stays, with its exit status, until it is replaced or removed.
      command('set-option', '-gw', 'remain-on-exit', 'on'),
      command('set-hook', '-g', `pane-died[${HOOK_INDEX}]`, `wait-for -S ${DEATH_CHANNEL}`),
      command('display-message', '-p', '#{pid}'),
    ]);
    if (!reply.ok) {
      connection[Symbol.dispose]();
      throw new RuntimeError(`tmux refused to be set up: ${reply.error}`);
    }
    const pid = Number(reply.lines.at(-1));
    await transport.putFiles([{ path: pidFile, content: `${pid}\n`, mode: 0o600 }]);
    clearInterval(this.#nudging);
    if (transport.signal && Number.isInteger(pid) && !this.#disposed)
      this.#nudging = setInterval(() => transport.signal?.(pid, 'SIGCHLD'), NUDGE_MS).unref();
    this.#connection = connection;
    if (this.#disposed) connection[Symbol.dispose]();
    else await this.#listen(connection);
    return connection;
  }

  /**
   * A second connection sits in `wait-for`: tmux latches the signal while nobody waits, so no death is lost in between.
   * It must be attached before anything else is asked: tmux 3.3a crashes (seen in 8 of 14 runs) when a control client
   * attaches while sessions are being made. For the same reason a lost listener is not replaced: all is connected anew.
   */
  async #listen(connection: ControlConnection): Promise<void> {
    const { transport, tmux, timeoutMs } = this.#options;
    this.#listener?.[Symbol.dispose]();
    const listener = new ControlConnection(
      transport,
      [...tmux, '-C', 'attach-session', '-t', `=${HIDDEN_SESSION}`],
      timeoutMs,
      () => connection[Symbol.dispose](),
    );
    this.#listener = listener;
    await listener.request([command('display-message', '-p', 'attached')]);
    const wait = async () => {
      while (listener.open) {
        await listener.request([`wait-for ${DEATH_CHANNEL}`], true);
        this.#tell();
      }
    };
    // Its loss closes the other connection, whose loss is told.
    wait().catch(() => undefined);
  }

  #lost(connection: ControlConnection): void {
    if (this.#connection !== connection || this.#disposed) return;
    this.#connection = undefined;
    clearInterval(this.#nudging);
    this.#listener?.[Symbol.dispose]();
    this.#listener = undefined;
    this.#tell();
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/**
 * Owns: the connection to one tmux server of ours: made when needed, told when lost, and the pushes that come over it.
 * Never: starts a server just to look at it.
 */
import type { DurationMs } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import { RuntimeError } from '../runtime.ts';
import { ControlConnection } from './control-connection.ts';
import { command } from './language.ts';

/** Keeps the server reachable while no agent lives in it; goes by itself when the last connection ends. Not a valid agent name. */
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

export class TmuxServer implements Disposable {
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
    return this.#connection?.open ? this.#connection : undefined;
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

  [Symbol.dispose](): void {
    this.#disposed = true;
    clearInterval(this.#nudging);
    this.#watchers.clear();
    this.#listener?.[Symbol.dispose]();
    this.#connection?.[Symbol.dispose]();
  }

  async #connect(): Promise<ControlConnection> {
    const { transport, tmux, timeoutMs, pidFile } = this.#options;
    const connection = new ControlConnection(transport, [...tmux, '-C', 'new-session', '-A', '-s', HIDDEN_SESSION, 'tail', '-f', '/dev/null'], timeoutMs, () => this.#lost(connection));
    const reply = await connection.request([
      command('set-option', '-t', `=${HIDDEN_SESSION}:`, 'destroy-unattached', 'on'),
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
    this.#connection = connection;
    clearInterval(this.#nudging);
    if (transport.signal && Number.isInteger(pid) && !this.#disposed) this.#nudging = setInterval(() => transport.signal?.(pid, 'SIGCHLD'), NUDGE_MS).unref();
    if (this.#disposed) connection[Symbol.dispose]();
    else this.#listen();
    return connection;
  }

  /** A second connection sits in `wait-for`: tmux latches the signal while nobody waits, so no death is lost in between. */
  #listen(): void {
    const { transport, tmux, timeoutMs } = this.#options;
    this.#listener?.[Symbol.dispose]();
    const listener = new ControlConnection(transport, [...tmux, '-C', 'attach-session', '-t', `=${HIDDEN_SESSION}`], timeoutMs, () => undefined);
    this.#listener = listener;
    const wait = async () => {
      while (listener.open && this.#listener === listener) {
        await listener.request([`wait-for ${DEATH_CHANNEL}`], true);
        this.#tell();
      }
    };
    wait().catch(() => {
      // Lost on its own while the server lives: listen again. Lost with the server: #lost has told.
      if (this.#listener === listener && this.connection && !this.#disposed) this.#listen();
    });
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

/**
 * Owns: making an old tmux server notice every death soon.
 * Never: does anything where the server needs no help.
 *
 * tmux before 3.5, built with libutempter (Debian, Fedora, Arch), ignores SIGCHLD for a moment whenever a pane's terminal
 * closes, and so misses about one death in ten: the pane counts as dead, but is not reaped and its hook does not run.
 * Any later SIGCHLD makes it look for all dead children; sent regularly, it bounds how late a death can be told.
 */
import type { DurationMs } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import type { ControlConnection } from './control/control-connection.ts';
import { command } from './control/language.ts';

/** While agents come and go; each look for dead children costs the server more the more it has. */
const BUSY_MS: DurationMs = 25;
/** So many of the quick ones after the last time that something happened. */
const BUSY_BEATS = 200;
const QUIET_MS: DurationMs = 250;
/** Where a signal takes a round trip, tmux is made to start and reap a child of its own, less often. */
const FAR_MS: DurationMs = 1_000;

export interface NudgeOptions {
  readonly transport: Transport;
  readonly connection: ControlConnection;
  /** Of the server. */
  readonly pid: number;
  /** As `#{version}` tells it: `3.3a`, `next-3.6`. */
  readonly version: string;
}

export class Nudge implements Disposable {
  readonly #options: NudgeOptions;
  #timer: NodeJS.Timeout | undefined;
  #busyBeats = 0;

  constructor(options: NudgeOptions) {
    this.#options = options;
    if (losesDeaths(options.version)) this.busy();
  }

  /** Something happens on this server: for a while deaths are likely. */
  busy(): void {
    if (!losesDeaths(this.#options.version)) return;
    const wasQuiet = this.#busyBeats === 0;
    this.#busyBeats = BUSY_BEATS;
    if (wasQuiet) this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const near = this.#busyBeats > 0 ? BUSY_MS : QUIET_MS;
    this.#timer = setTimeout(
      () => {
        this.now();
        if (this.#busyBeats > 0) this.#busyBeats--;
        this.#schedule();
      },
      this.#options.transport.signal ? near : FAR_MS,
    ).unref();
  }

  now(): void {
    const { transport, connection, pid } = this.#options;
    if (!connection.open) return;
    if (transport.signal) transport.signal(pid, 'SIGCHLD');
    else connection.request([command('run-shell', '-b', ':')]).catch(() => undefined);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** Unknown spellings are taken for new. */
export function losesDeaths(version: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return major !== undefined && Number(major) * 1000 + Number(minor) < 3005;
}

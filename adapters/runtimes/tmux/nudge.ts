/**
 * Owns: making an old tmux server notice every death soon.
 * Never: does anything where the server needs no help.
 *
 * tmux before 3.5, built with libutempter (Debian, Fedora, Arch), ignores SIGCHLD for a moment whenever a pane's terminal
 * closes, and so misses about one death in ten: the pane counts as dead, but is not reaped and its hook does not run.
 * Any later SIGCHLD makes it look for all dead children; sent this often, it bounds how late a death can be told.
 */
import type { DurationMs } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import type { ControlConnection } from './control-connection.ts';
import { command } from './language.ts';

const NEAR_MS: DurationMs = 25;
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
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(options: NudgeOptions) {
    this.#options = options;
    if (losesDeaths(options.version))
      this.#timer = setInterval(() => this.now(), options.transport.signal ? NEAR_MS : FAR_MS).unref();
  }

  now(): void {
    const { transport, connection, pid } = this.#options;
    if (!connection.open) return;
    if (transport.signal) transport.signal(pid, 'SIGCHLD');
    else connection.request([command('run-shell', '-b', ':')]).catch(() => undefined);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Unknown spellings are taken for new. */
export function losesDeaths(version: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return major !== undefined && Number(major) * 1000 + Number(minor) < 3005;
}

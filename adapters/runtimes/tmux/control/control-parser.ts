/**
 * Owns: tmux's control mode output: which block of lines answers which request. tmux(1), CONTROL MODE.
 * Never: trusts a line inside a block: only an %end or %error with the very numbers of its %begin closes it.
 */

export interface Reply {
  readonly ok: boolean;
  /** Output lines of all commands that succeeded. */
  readonly lines: readonly string[];
  /** Message of the first command that failed. */
  readonly error: string;
  /** Of each line that failed, in their order. */
  readonly errors: readonly string[];
}

interface Waiting {
  readonly sentinel: string;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
  readonly lines: string[];
  readonly errors: string[];
}

/**
 * A request is one or several commands and then one on a line of its own that prints a sentinel: a failing command drops
 * the rest of its own line, so blocks cannot be counted, but the sentinel always comes. It must be unguessable, for a
 * block may hold an agent's screen.
 */
export class ControlParser {
  readonly #waiting: Waiting[] = [];
  readonly #onNotification: (line: string) => void;
  #open: { readonly guard: string; readonly lines: string[]; readonly ours: boolean } | undefined;

  constructor(onNotification: (line: string) => void) {
    this.#onNotification = onNotification;
  }

  /** Resolves when the block with `sentinel` has come; requests are answered in the order they were made. */
  expect(sentinel: string): Promise<Reply> {
    return new Promise((resolve, reject) => this.#waiting.push({ sentinel, resolve, reject, lines: [], errors: [] }));
  }

  /** Nothing more will come: whoever still waits is told. */
  fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  get pending(): number {
    return this.#waiting.length;
  }

  feed(line: string): void {
    const open = this.#open;
    if (!open) {
      // `%begin TIME NUMBER FLAGS`; flags 1: asked for by this client, not by a hook or a configuration file.
      const begin = /^%begin (\d+ \d+) (\d+)$/.exec(line);
      if (begin) this.#open = { guard: begin[1] ?? '', lines: [], ours: begin[2] === '1' };
      else this.#onNotification(line);
      return;
    }
    if (line.startsWith(`%end ${open.guard} `) || line.startsWith(`%error ${open.guard} `)) {
      this.#open = undefined;
      if (open.ours) this.#block(open.lines, line.startsWith('%error'));
      return;
    }
    open.lines.push(line);
  }

  #block(lines: readonly string[], failed: boolean): void {
    const first = this.#waiting[0];
    if (!first) return;
    if (!failed && lines.length === 1 && lines[0] === first.sentinel) {
      this.#waiting.shift();
      const { lines: all, errors } = first;
      first.resolve({ ok: errors.length === 0, lines: all, error: errors[0] ?? '', errors });
      return;
    }
    if (failed) first.errors.push(lines.join(' '));
    else for (const line of lines) first.lines.push(line);
  }
}

/**
 * Owns: one persistent control mode connection to a tmux server: many commands at once, no process a command.
 * Never: knows what the commands mean. When it is closed, whatever was not answered may or may not have happened.
 */
import type { DurationMs } from '../../../api/resources/time.ts';
import { type Conversation, type Transport, TransportError } from '../../transport/transport.ts';
import { ControlParser, type Reply } from './control-parser.ts';

export class ControlConnection implements Disposable {
  readonly #conversation: Conversation;
  readonly #parser: ControlParser;
  readonly #timeoutMs: DurationMs;
  #requests = 0;
  #closedReason: string | undefined;
  readonly #whenClosed: Promise<never>;

  constructor(transport: Transport, argv: readonly string[], timeoutMs: DurationMs, onClosed: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#parser = new ControlParser((line) => {
      if (line.startsWith('%exit')) this.#closedReason ??= line;
    });
    this.#conversation = transport.converse(argv, (line) => this.#parser.feed(line));
    this.#whenClosed = this.#conversation.closed.then(({ reason }) => {
      this.#closedReason ??= reason;
      onClosed();
      throw new TransportError('closed', `the connection to tmux was lost: ${this.#closedReason}`);
    });
    // Also without a request in flight the loss must not surface as an unhandled rejection.
    this.#whenClosed.catch(() => undefined);
  }

  /** Resolves when the client has ended. */
  get closed(): Promise<unknown> {
    return this.#conversation.closed;
  }

  get open(): boolean {
    return this.#closedReason === undefined;
  }

  /**
   * Runs lines of tmux commands (each line: `command ; command`). Lines after a failed one still run. Every word must have
   * been made by `words` in language.ts. With `patient` there is no deadline (wait-for).
   */
  async request(lines: readonly string[], patient = false): Promise<Reply> {
    if (this.#closedReason !== undefined)
      throw new TransportError('closed', `the connection to tmux was lost: ${this.#closedReason}`);
    const sentinel = `sac-end-${++this.#requests}`;
    const reply = this.#parser.expect(sentinel);
    for (const line of lines) this.#conversation.write(line);
    this.#conversation.write(`display-message -p ${sentinel}`);
    if (patient) return Promise.race([reply, this.#whenClosed]);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new TransportError('timeout', `tmux did not answer within ${this.#timeoutMs} ms`)),
        this.#timeoutMs,
      );
    });
    try {
      return await Promise.race([reply, this.#whenClosed, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes it; `onClosed` is called when the client has ended. */
  [Symbol.dispose](): void {
    this.#closedReason ??= 'closed';
    this.#conversation[Symbol.dispose]();
  }
}

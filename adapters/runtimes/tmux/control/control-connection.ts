/**
 * Owns: one persistent control mode connection to a tmux server: many commands at once, no process a command.
 * Never: knows what the commands mean. When it is closed, whatever was not answered may or may not have happened.
 */
import type { DurationMs } from '../../../../api/resources/time.ts';
import { type Conversation, type Transport, TransportError } from '../../../transport/transport.ts';
import { ControlParser, type Reply } from './control-parser.ts';

export interface ControlOptions {
  readonly transport: Transport;
  readonly argv: readonly string[];
  /** Nobody else can know it: what a pane shows can then not be taken for the end of an answer. */
  readonly nonce: string;
  readonly timeoutMs: DurationMs;
  readonly onClosed: () => void;
}

/** Long for tmux; then goes on as if it were. */
const ATTACH_MS: DurationMs = 2_000;

export class ControlConnection implements Disposable {
  /**
   * Resolves when tmux has attached the client, or it has ended. tmux 3.3a carries out what is asked before that too, for no
   * client of its own: `#{client_pid}` is then that of any other one (seen in 9 of 60).
   */
  readonly attached: Promise<void>;
  readonly #conversation: Conversation;
  readonly #parser: ControlParser;
  readonly #options: ControlOptions;
  #requests = 0;
  #closedReason: string | undefined;

  constructor(options: ControlOptions) {
    this.#options = options;
    const { promise, resolve } = waiting(ATTACH_MS);
    this.attached = promise;
    this.#parser = new ControlParser((line) => {
      if (line.startsWith('%session-changed ')) resolve();
      if (line.startsWith('%exit')) this.#closedReason ??= line.slice('%exit '.length) || 'tmux ended it';
    });
    this.#conversation = options.transport.converse(options.argv, (line) => this.#parser.feed(line));
    void this.#conversation.closed.then(({ reason }) => {
      resolve();
      this.#closedReason ??= reason;
      this.#parser.fail(this.#lost());
      options.onClosed();
    });
  }

  /** Resolves when the client has ended. */
  get closed(): Promise<unknown> {
    return this.#conversation.closed;
  }

  get open(): boolean {
    return this.#closedReason === undefined;
  }

  /**
   * Runs lines of tmux commands (each line: `command ; command`, made by `command` in language.ts). Lines after a failed
   * one still run. With `patient` there is no deadline (wait-for). A connection that did not answer in time is given up.
   */
  async request(lines: readonly string[], patient = false): Promise<Reply> {
    if (!this.open) throw this.#lost();
    const sentinel = `${this.#options.nonce}-${++this.#requests}`;
    for (const line of lines) this.#conversation.write(line);
    this.#conversation.write(`display-message -p ${sentinel}`);
    const reply = this.#parser.expect(sentinel);
    if (patient) return reply;
    const { timeoutMs } = this.#options;
    const timer = setTimeout(() => {
      this.#parser.fail(new TransportError('timeout', `tmux did not answer within ${timeoutMs} ms`));
      this[Symbol.dispose]();
    }, timeoutMs);
    try {
      return await reply;
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    this.#closedReason ??= 'it was closed';
    this.#conversation[Symbol.dispose]();
  }

  #lost(): TransportError {
    return new TransportError('closed', `the connection to tmux was lost: ${this.#closedReason}`);
  }
}

function waiting(atMostMs: DurationMs): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let done: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    done = resolve;
  });
  const timer = setTimeout(done, atMostMs);
  return {
    promise,
    resolve() {
      clearTimeout(timer);
      done();
    },
  };
}

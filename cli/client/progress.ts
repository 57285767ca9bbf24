/**
 * Owns: showing how a wait goes on: one line an agent or other thing, redrawn on a terminal, printed once a change elsewhere.
 * Never: writes to standard output; that is for results.
 */
import { oneLine, paint } from '../output/terminal.ts';
import type { Output } from '../verb.ts';
import { labelOf } from './resources.ts';
import { conditionsOf, type Waited } from './waiting.ts';

const MAX_LINES = 12;

export class Progress {
  readonly #out: Output;
  readonly #waiting = new Map<string, string>();
  readonly #total: number;
  #done = 0;
  #drawn = 0;

  constructor(out: Output, total: number) {
    this.#out = out;
    this.#total = total;
  }

  update(thing: Waited): void {
    const { kind, metadata } = thing;
    const phase = thing.kind === 'Agent' ? thing.status.phase : '';
    const conditions = conditionsOf(thing);
    const why =
      // What ended an agent, or that it rests, does not say why it stops now.
      phase === 'Stopping'
        ? undefined
        : (conditions.find(({ type, status }) => type === 'Placed' && status === 'False') ??
          conditions.find(({ type, status }) => type === 'Started' && status !== 'True') ??
          conditions.find(({ type, status }) => type === 'Ready' && status !== 'True'));
    const text = oneLine(
      `${labelOf({ kind, name: metadata.name })}${phase && ` ${phase}`}${why && why.reason !== phase ? `: ${why.message}` : ''}`,
    );
    if (this.#waiting.get(metadata.name) === text) return;
    this.#waiting.set(metadata.name, text);
    if (this.#out.isTerminal) this.#draw();
    else if (this.#total <= 50) this.#out.write(`${text}\n`);
  }

  done(name: string): void {
    this.#waiting.delete(name);
    this.#done++;
    if (this.#out.isTerminal) this.#draw();
  }

  /** Leaves the terminal as if nothing had been drawn. */
  end(): void {
    this.#erase();
  }

  #draw(): void {
    this.#erase();
    const lines = [...this.#waiting.values()]
      .slice(0, MAX_LINES)
      .map((line) => line.slice(0, Math.max(20, this.#out.columns - 1)));
    const more = this.#waiting.size - lines.length;
    const summary = paint(
      this.#out.colour,
      'dim',
      `waiting: ${this.#done} of ${this.#total} done${more > 0 ? `, ${more} more not shown` : ''}`,
    );
    this.#out.write(`${[...lines, summary].join('\n')}\n`);
    this.#drawn = lines.length + 1;
  }

  #erase(): void {
    if (this.#drawn > 0) this.#out.write(`\u001b[${this.#drawn}A\u001b[0J`);
    this.#drawn = 0;
  }
}

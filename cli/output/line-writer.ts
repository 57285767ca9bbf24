/**
 * Owns: chunks of an agent's output as whole lines: prefixed, and stripped of what a terminal would obey.
 * Never: holds more than one line, or a line longer than MAX_LINE.
 */
import type { Output } from '../verb.ts';
import { stripControls } from './terminal.ts';

/** Characters; a longer line goes out in pieces. */
const MAX_LINE = 65_536;

export interface LineOptions {
  readonly prefix: string;
  /** Nothing is stripped; then nothing is prefixed within a line either. */
  readonly raw: boolean;
}

export class LineWriter {
  readonly #out: Output;
  readonly #options: LineOptions;
  #rest = '';
  #midLine = false;

  constructor(out: Output, options: LineOptions) {
    this.#out = out;
    this.#options = options;
  }

  write(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    let text = '';
    for (const line of lines) {
      text += `${this.#piece(line)}\n`;
      this.#midLine = false;
    }
    if (this.#rest.length > MAX_LINE) {
      text += this.#piece(this.#rest);
      this.#rest = '';
      this.#midLine = true;
    }
    if (text !== '') this.#out.write(text);
  }

  /** What came without a newline gets one. */
  end(): void {
    if (this.#rest !== '' || this.#midLine) this.#out.write(`${this.#piece(this.#rest)}\n`);
    this.#rest = '';
    this.#midLine = false;
  }

  #piece(line: string): string {
    const { prefix, raw } = this.#options;
    const shown = raw ? line : overwritten(line).map(stripControls).join(`\n${prefix}`);
    return this.#midLine ? shown : `${prefix}${shown}`;
  }
}

/** A progress bar draws over itself with carriage returns: each drawing is a line, none is lost. */
const overwritten = (line: string): readonly string[] => line.replace(/\r+$/, '').split(/\r+/);

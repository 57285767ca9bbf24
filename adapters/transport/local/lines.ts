/**
 * Owns: cutting a byte stream into lines at "\n" and nowhere else (terminal output may hold "\r" and U+2028).
 * Never: holds more of an unfinished line than its bound.
 */
import { StringDecoder } from 'node:string_decoder';

export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #maxLength: number;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** `maxLength` in UTF-16 units; `feed` throws RangeError when a line is longer. */
  constructor(onLine: (line: string) => void, maxLength: number) {
    this.#onLine = onLine;
    this.#maxLength = maxLength;
  }

  feed(chunk: Uint8Array): void {
    const text = this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      const line = this.#rest + text.slice(from, at);
      this.#rest = '';
      from = at + 1;
      this.#onLine(line);
    }
    this.#rest += text.slice(from);
    if (this.#rest.length > this.#maxLength)
      throw new RangeError(`a line is longer than ${this.#maxLength} characters`);
  }

  /** What came after the last newline is a line too, if there is any. */
  end(): void {
    const line = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (line !== '') this.#onLine(line);
  }
}

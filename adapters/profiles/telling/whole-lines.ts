/**
 * Owns: putting whole lines together from bytes that arrive in parts, each line once.
 * Never: reads anything. Keeps at most one unfinished line.
 */

/** A longer line is passed over: no transcript's line is worth this much memory. */
const LONGEST_LINE_BYTES = 8_388_608;
const NEWLINE = 0x0a;

export class WholeLines {
  #rest: Buffer[] = [];
  #restBytes = 0;
  #skipping = false;

  /** What comes next is of another file. */
  begin(): void {
    this.#drop();
    this.#skipping = false;
  }

  /** Split by bytes: a character of several bytes may lie across two parts. */
  add(part: Buffer): readonly string[] {
    const lines: string[] = [];
    let from = 0;
    for (let at = part.indexOf(NEWLINE); at >= 0; at = part.indexOf(NEWLINE, from)) {
      const end = part.subarray(from, at);
      if (!this.#skipping && this.#restBytes + end.length <= LONGEST_LINE_BYTES)
        lines.push(Buffer.concat([...this.#rest, end]).toString('utf8'));
      this.#skipping = false;
      this.#drop();
      from = at + 1;
    }
    const rest = part.subarray(from);
    if (this.#skipping || rest.length === 0) return lines;
    this.#rest.push(Buffer.from(rest));
    this.#restBytes += rest.length;
    if (this.#restBytes > LONGEST_LINE_BYTES) {
      this.#drop();
      this.#skipping = true;
    }
    return lines;
  }

  #drop(): void {
    this.#rest = [];
    this.#restBytes = 0;
  }
}

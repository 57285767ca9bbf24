/**
 * Owns: what a terminal shows after it was told some bytes: enough of an xterm for reading programs that draw. Pure.
 * Never: colours, or answers to what a program asks its terminal.
 */

export interface Shown {
  /** Rows without what is empty at their right end, one line each. */
  readonly text: string;
  readonly title?: string;
  /** Asked for by the program (DEC private modes 2004 and 1). */
  readonly bracketedPaste: boolean;
  readonly applicationKeys: boolean;
}

type Row = string[];

/** Second half of a wide character. */
const REST = '';
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]$/u;
const ZERO = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
/** CSI, OSC, strings that are not shown (DCS, SOS, PM, APC), other escapes; what is cut off at the end is nothing. */
const SEQUENCE =
  /\u001b(?:\[(?<parameters>[0-?]*)[ -/]*(?<final>[@-~])|\](?<osc>[^\u0007\u001b]*)(?:\u0007|\u001b\\)|[PX^_][\s\S]*?\u001b\\|(?<intermediate>[ -/]+)[0-~]|(?<plain>[0-OQ-WYZ\\`-~])|\[[0-?]*[ -/]*$|\][^\u0007\u001b]*$|[PX^_][\s\S]*$|)|(?<character>[\s\S])/gu;

class Terminal {
  readonly #columns: number;
  readonly #height: number;
  #rows: Row[];
  #kept: Row[] | undefined;
  #x = 0;
  #y = 0;
  #saved = { x: 0, y: 0 };
  #top = 0;
  #bottom: number;
  title: string | undefined;
  bracketedPaste = false;
  applicationKeys = false;

  constructor(columns: number, rows: number) {
    this.#columns = columns;
    this.#height = rows;
    this.#bottom = rows - 1;
    this.#rows = this.#blank();
  }

  get text(): string {
    return `${this.#rows
      .map((row) =>
        Array.from(row, (cell) => cell ?? ' ')
          .join('')
          .trimEnd(),
      )
      .join('\n')}\n`;
  }

  feed(text: string): void {
    for (const { groups = {} } of text.matchAll(SEQUENCE)) {
      const { character, final, parameters = '', osc, plain } = groups;
      if (character !== undefined) this.#put(character);
      else if (final !== undefined) this.#control(final, parameters);
      else if (osc !== undefined) this.title = /^[02];(.*)$/s.exec(osc)?.[1] ?? this.title;
      else if (plain !== undefined) this.#escape(plain);
    }
  }

  #put(character: string): void {
    switch (character) {
      case '\r':
        this.#x = 0;
        return;
      case '\n':
      case '\u000b':
      case '\u000c':
        this.#down();
        return;
      case '\b':
        this.#x = Math.max(0, Math.min(this.#x, this.#columns - 1) - 1);
        return;
      case '\t':
        this.#x = Math.min(this.#columns - 1, (Math.floor(this.#x / 8) + 1) * 8);
        return;
    }
    if (character < ' ' || character === '\u007f') return;
    if (ZERO.test(character)) {
      const row = this.#row();
      const at = Math.max(0, this.#x - 1);
      row[at] = `${row[at] ?? ' '}${character}`;
      return;
    }
    const width = WIDE.test(character) ? 2 : 1;
    // The last column is left only when another character comes.
    if (this.#x + width > this.#columns) {
      this.#x = 0;
      this.#down();
    }
    const row = this.#row();
    // Half of a wide character cannot stay.
    if (row[this.#x] === REST && this.#x > 0) row[this.#x - 1] = ' ';
    if (row[this.#x + width] === REST) row[this.#x + width] = ' ';
    row[this.#x] = character;
    if (width === 2) row[this.#x + 1] = REST;
    this.#x += width;
  }

  #escape(final: string): void {
    switch (final) {
      case '7':
        this.#saved = { x: this.#x, y: this.#y };
        return;
      case '8':
        this.#x = this.#saved.x;
        this.#y = this.#saved.y;
        return;
      case 'D':
        this.#down();
        return;
      case 'E':
        this.#x = 0;
        this.#down();
        return;
      case 'M':
        if (this.#y === this.#top) this.#scroll(this.#top, -1);
        else this.#y = Math.max(0, this.#y - 1);
        return;
      case 'c':
        this.#rows = this.#blank();
        this.#to(0, 0);
        this.#region(0, this.#height - 1);
    }
  }

  #control(final: string, parameters: string): void {
    if (/^[<=>?]/.test(parameters)) {
      this.#mode(final, parameters);
      return;
    }
    const numbers = parameters.split(';').map((text) => Number.parseInt(text, 10) || 0);
    const [first = 0, second = 0] = numbers;
    const count = Math.max(1, first);
    switch (final) {
      case 'A':
        this.#to(this.#x, Math.max(this.#y >= this.#top ? this.#top : 0, this.#y - count));
        return;
      case 'B':
      case 'e':
        this.#to(this.#x, Math.min(this.#y <= this.#bottom ? this.#bottom : this.#height - 1, this.#y + count));
        return;
      case 'C':
      case 'a':
        this.#to(this.#x + count, this.#y);
        return;
      case 'D':
        this.#to(Math.min(this.#x, this.#columns - 1) - count, this.#y);
        return;
      case 'E':
        this.#to(0, this.#y + count);
        return;
      case 'F':
        this.#to(0, this.#y - count);
        return;
      case 'G':
      case '`':
        this.#to(count - 1, this.#y);
        return;
      case 'd':
        this.#to(this.#x, count - 1);
        return;
      case 'H':
      case 'f':
        this.#to(Math.max(1, second) - 1, count - 1);
        return;
      case 'J':
        this.#eraseScreen(first);
        return;
      case 'K':
        this.#eraseLine(this.#y, first);
        return;
      case 'L':
        this.#shift(this.#y, -count);
        return;
      case 'M':
        this.#shift(this.#y, count);
        return;
      case 'S':
        this.#shift(this.#top, count);
        return;
      case 'T':
        this.#shift(this.#top, -count);
        return;
      case '@':
        this.#row().splice(this.#x, 0, ...Array.from({ length: Math.min(count, this.#columns) }, () => ' '));
        this.#row().length = Math.min(this.#row().length, this.#columns);
        return;
      case 'P':
        this.#row().splice(this.#x, count);
        return;
      case 'X':
        for (let x = this.#x; x < Math.min(this.#columns, this.#x + count); x++) this.#row()[x] = ' ';
        return;
      case 's':
        this.#escape('7');
        return;
      case 'u':
        this.#escape('8');
        return;
      case 'r':
        this.#region(count - 1, (second || this.#height) - 1);
        this.#to(0, 0);
        return;
    }
  }

  #mode(final: string, parameters: string): void {
    if (!parameters.startsWith('?') || (final !== 'h' && final !== 'l')) return;
    const on = final === 'h';
    for (const mode of parameters.slice(1).split(';')) {
      switch (mode) {
        case '1':
          this.applicationKeys = on;
          break;
        case '2004':
          this.bracketedPaste = on;
          break;
        case '47':
        case '1047':
        case '1049':
          if (on && !this.#kept) {
            this.#kept = this.#rows;
            this.#saved = { x: this.#x, y: this.#y };
            this.#rows = this.#blank();
          } else if (!on && this.#kept) {
            this.#rows = this.#kept;
            this.#kept = undefined;
            this.#to(this.#saved.x, this.#saved.y);
          }
      }
    }
  }

  #row(): Row {
    const row = this.#rows[this.#y] ?? [];
    this.#rows[this.#y] = row;
    return row;
  }
  #blank(): Row[] {
    return Array.from({ length: this.#height }, () => []);
  }
  #to(x: number, y: number): void {
    this.#x = Math.max(0, Math.min(this.#columns - 1, x));
    this.#y = Math.max(0, Math.min(this.#height - 1, y));
  }
  #region(top: number, bottom: number): void {
    const valid = top < bottom && bottom < this.#height;
    this.#top = valid ? top : 0;
    this.#bottom = valid ? bottom : this.#height - 1;
  }
  #down(): void {
    if (this.#y === this.#bottom) this.#scroll(this.#top, 1);
    else this.#y = Math.min(this.#height - 1, this.#y + 1);
  }
  #shift(from: number, by: number): void {
    if (from < this.#top || from > this.#bottom) return;
    for (let n = 0; n < Math.min(Math.abs(by), this.#height); n++) this.#scroll(from, Math.sign(by));
  }
  /** One row, up (1) or down (-1), between `from` and the end of the region. */
  #scroll(from: number, direction: number): void {
    const [gone, added] = direction > 0 ? [from, this.#bottom] : [this.#bottom, from];
    this.#rows.splice(gone, 1);
    this.#rows.splice(added, 0, []);
  }
  #eraseScreen(how: number): void {
    if (how === 3) return;
    for (let y = 0; y < this.#height; y++) if (how === 2 || (how === 0 ? y > this.#y : y < this.#y)) this.#rows[y] = [];
    if (how !== 2) this.#eraseLine(this.#y, how);
  }
  #eraseLine(y: number, how: number): void {
    const row = this.#rows[y] ?? [];
    if (how === 0) row.length = Math.min(row.length, this.#x);
    else if (how === 1) for (let x = 0; x <= Math.min(this.#x, this.#columns - 1); x++) row[x] = ' ';
    else row.length = 0;
  }
}

/** What a terminal of that size shows after it was told `output`, which may begin anywhere. */
export function shownAfter(output: string, columns: number, rows: number): Shown {
  const terminal = new Terminal(Math.max(1, columns), Math.max(1, rows));
  terminal.feed(output);
  const { text, title, bracketedPaste, applicationKeys } = terminal;
  return { text, bracketedPaste, applicationKeys, ...(title !== undefined && { title }) };
}

/**
 * Owns: drawing a saved screen anew for another width: rules and boxes stretched, prose wrapped, status lines cut. For tests.
 * Never: used by a reader.
 */

const RULE = /^\s*[─━═╌]{8,}\s*$/;
const SIDES = /^(\s*)([│┃]) ?(.*?)\s*[│┃]\s*$/;
const EDGE = /^(\s*)([╭╰┌└])([─━]+)([╮╯┐┘])\s*$/;
const FOOT = /^(\s*╹)▀+\s*$/;
/** Signs and numbers that a wrapped row is aligned behind. */
const LEAD = /^(\s*(?:[❯›●•✦ℹ✕⚠■◦▣△✻✽✶✢] {1,2})?(?:\d{1,2}[.)] ?)?(?:\[.\] )?)/u;

const cut = (line: string, width: number): string =>
  [...line].length <= width ? line : `${[...line].slice(0, width - 1).join('')}…`;

function wrap(line: string, width: number): readonly string[] {
  if ([...line].length <= width) return [line];
  const lead = LEAD.exec(line)?.[1] ?? '';
  const pad = ' '.repeat(lead.length);
  const rows: string[] = [];
  let row = lead;
  for (const word of line.slice(lead.length).split(' ')) {
    if (row.length > lead.length && row.length + 1 + word.length > width) {
      rows.push(row);
      row = pad;
    }
    row += row.length > lead.length ? ` ${word}` : word;
  }
  return [...rows, row];
}

/** A terminal breaks a shell's line where it is full. */
function chop(line: string, width: number): readonly string[] {
  const rows: string[] = [];
  for (let from = 0; from < line.length; from += width) rows.push(line.slice(from, from + width));
  return rows;
}

function redrawLine(line: string, width: number): readonly string[] {
  if (/^\S+@\S+[#$] \S/.test(line)) return chop(line, width);
  if (RULE.test(line)) return [line.trim().slice(0, 1).repeat(width)];
  const edge = EDGE.exec(line);
  if (edge !== null) {
    const [, indent = '', left = '', middle = '', right = ''] = edge;
    return [indent + left + middle.slice(0, 1).repeat(width - 2 - 2 * indent.length) + right];
  }
  const sides = SIDES.exec(line);
  if (sides !== null) {
    const [, indent = '', side = '', inner = ''] = sides;
    const room = width - 4 - 2 * indent.length;
    return redrawLine(inner, room).map((row) => `${indent}${side} ${row.padEnd(room)} ${side}`);
  }
  const foot = FOOT.exec(line);
  if (foot !== null) return [(foot[1] ?? '') + '▀'.repeat(width - 4)];
  // Bars at the left are kept on each row.
  const bar = /^(\s*┃ *)(\S.*|)$/.exec(line);
  if (bar !== null) {
    const lead = (bar[1] ?? '').trimStart().padStart(Math.min(line.indexOf('┃'), Math.floor(width / 6)) + 3);
    return wrap(bar[2] ?? '', width - lead.length).map((row) => lead + row);
  }
  // Status lines have a half at the right edge, which gets a row of its own where both do not fit.
  const halves = /^(\s*\S.*?) {6,}(\S.*)$/.exec(line);
  if (halves !== null) {
    const [, left = '', right = ''] = halves;
    if (left.length + right.length + 3 <= width) return [left + right.padStart(width - left.length)];
    return [cut(left, width), cut(right, width).padStart(width)];
  }
  if (/^ {20,}\S/.test(line)) return [cut(line.trim(), width).padStart(Math.min(width, line.length))];
  if (/^ {2}⏵⏵ /.test(line)) return [cut(line, width)];
  return wrap(line, width);
}

/** The screen as the same program would draw it on `width` columns and `height` rows: the lowest rows are kept. */
export function redraw(text: string, width: number, height: number): string {
  const rows = text
    .replace(/\n+$/, '')
    .split('\n')
    .flatMap((line) => redrawLine(line.trimEnd(), width));
  return rows.slice(-height).join('\n');
}

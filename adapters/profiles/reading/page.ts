/**
 * Owns: a screen as lines to reason about: no escape sequences, no trailing blanks, frames taken off on request.
 * Never: knows what the lines mean to a CLI.
 */
import type { Screen } from '../screen.ts';

export interface Page {
  /** Lines up to the last one with anything on it, without trailing blanks. */
  readonly lines: readonly string[];
}

const ESCAPES = /\u001b(?:\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\[[0-9;?<>=]*[ -/]*[@-~]|[()][0-9A-B]|.)/g;
/** Claude's composer puts a no-break space after its sign; to us a space is a space. */
const SPACES = /[\u00a0\u2007\u202f]/g;

export function layOut(screen: Screen): Page {
  const raw = screen.text.includes('\u001b') ? screen.text.replace(ESCAPES, '') : screen.text;
  const lines = raw
    .replace(SPACES, ' ')
    .split('\n')
    .map((line) => line.trimEnd());
  let end = lines.length;
  while (end > 0 && lines[end - 1] === '') end--;
  return { lines: lines.slice(0, end) };
}

/** The line at an index, '' beyond either end. */
export const at = (page: Page, index: number): string => page.lines[index] ?? '';

export const indentOf = (line: string): number => line.length - line.trimStart().length;

/** A horizontal line with nothing else on it, at least eight columns long. */
const RULE = /^\s*[─━═]{8,}\s*$/;
/** A rule that carries a short title, as `──── name ──`. */
const TITLED_RULE = /^\s*[─━═]{2,} \S.{0,60}? [─━═]{2,}\s*$/;
export const isRule = (line: string): boolean => RULE.test(line) || TITLED_RULE.test(line);

/** Lines made of border signs alone: rules of every kind, tops and bottoms of boxes. */
const BORDER = /^[\s─━═╌┄┈╭╮╰╯┌┐└┘├┤┏┓┗┛│┃║╹╻▀▄]*$/;
export const isBorder = (line: string): boolean => line !== '' && BORDER.test(line) && line.trim().length > 0;

const FRAMED = /^\s*[│┃║]( ?.*?)[│┃║]?\s*$/;
const INNER = /^[\s│┃║]*[╭╰┌└├┏┗]|^\s*[─━═╌┄╹▀]{4,}/;

/** What stands inside a frame: `│ text │` becomes ` text`; a pure border becomes ''. Lines without a frame stay. */
export function unframe(line: string): string {
  if (isBorder(line)) return '';
  let inner = line;
  for (let depth = 0; depth < 3; depth++) {
    const found = FRAMED.exec(inner);
    if (found === null) break;
    inner = (found[1] ?? '').trimEnd();
  }
  return INNER.test(inner) && isBorder(inner) ? '' : inner;
}

/** A box inside a box: the outer frame's sides taken off. */
export const unbar = (line: string): string => /^\s*[│┃]( .*) [│┃]$/.exec(line)?.[1] ?? line;

/** The text of lines `from` to `to` (exclusive) for people: frames off, blank lines dropped. */
export function proseOf(page: Page, from: number, to: number): string {
  const prose: string[] = [];
  for (let i = Math.max(0, from); i < to; i++) {
    const line = unframe(at(page, i)).trim();
    if (line !== '') prose.push(line);
  }
  return prose.join('\n');
}

/**
 * Owns: the box a prompt is typed into, in the shapes CLIs draw: between two rules, in a frame, behind a sign.
 * Never: knows placeholders; the CLI's reader tells them from typed text.
 */
import { at, isBorder, isRule, type Page, unframe } from './page.ts';

export interface Composer {
  /** First and last row that belong to it, borders included. */
  readonly top: number;
  readonly bottom: number;
  /** First row with text. */
  readonly row: number;
  /** What stands in it, placeholders included, rows joined by a newline. */
  readonly text: string;
}

/** Rows a composer may have: pastes are folded by the CLIs, typed text seldom is longer. */
const TALLEST = 30;
/** Rows of status lines and menus that may stand below one. */
const MOST_FOOTER = 34;

/** Status lines and menus stand close together; text with gaps below a box means that the box is part of the scrollback. */
function hasFooterBelow(page: Page, bottom: number): boolean {
  let gaps = 0;
  for (let row = bottom + 1; row < page.lines.length; row++) {
    if (at(page, row) === '' && at(page, row - 1) !== '' && row > bottom + 1) gaps++;
  }
  return gaps <= 1;
}

export interface RuledSigns {
  /** What the first row begins with, e.g. `❯`; without one any text will do. */
  readonly sign?: RegExp;
}

function textOf(page: Page, from: number, to: number, sign: RegExp | undefined): string {
  const rows: string[] = [];
  for (let row = from; row < to; row++) {
    const line = unframe(at(page, row));
    rows.push((row === from && sign !== undefined ? line.replace(sign, '') : line).trim());
  }
  return rows.join('\n').trim();
}

/** The lowest composer drawn as rule, text, rule. Its borders have the same indent and length. */
export function ruledComposer(page: Page, { sign }: RuledSigns): Composer | undefined {
  const lowest = Math.max(0, page.lines.length - 1 - MOST_FOOTER);
  for (let bottom = page.lines.length - 1; bottom > 0 && bottom >= lowest; bottom--) {
    if (!isRule(at(page, bottom)) || !hasFooterBelow(page, bottom)) continue;
    for (let top = bottom - 2; top >= Math.max(0, bottom - TALLEST); top--) {
      if (!isRule(at(page, top))) continue;
      if (sign !== undefined && !sign.test(at(page, top + 1))) break;
      return { top, bottom, row: top + 1, text: textOf(page, top + 1, bottom, sign) };
    }
  }
  return undefined;
}

const TOP = /^\s*[╭┌┏][─━]{6,}.*[╮┐┓]\s*$/;
const BOTTOM = /^\s*[╰└┗][─━]{6,}.*[╯┘┛]\s*$/;

/** The lowest composer drawn as a box whose first row begins with a sign. */
export function boxedComposer(page: Page, sign: RegExp): Composer | undefined {
  const lowest = Math.max(0, page.lines.length - 1 - MOST_FOOTER);
  for (let bottom = page.lines.length - 1; bottom > 0 && bottom >= lowest; bottom--) {
    if (!BOTTOM.test(at(page, bottom)) || !hasFooterBelow(page, bottom)) continue;
    for (let top = bottom - 1; top >= Math.max(0, bottom - TALLEST); top--) {
      if (!TOP.test(at(page, top))) continue;
      if (!sign.test(unframe(at(page, top + 1)))) break;
      return { top, bottom, row: top + 1, text: textOf(page, top + 1, bottom, sign) };
    }
  }
  return undefined;
}

/** Rows below a composer, without borders and blanks. */
export function footerOf(page: Page, composer: Composer): readonly string[] {
  const rows: string[] = [];
  for (let row = composer.bottom + 1; row < page.lines.length; row++) {
    const line = at(page, row);
    if (line !== '' && !isBorder(line)) rows.push(line.trim());
  }
  return rows;
}

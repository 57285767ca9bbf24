/**
 * Owns: finding the dialog that stands at the bottom of a screen: a list, check boxes, yes or no, press a key, a field.
 * Never: names it; never answers it. Text further up is not looked at.
 */
import type { DialogSeen } from '../screen.ts';
import { type Choices, lowestChoices } from './choices.ts';
import { at, isBorder, isRule, type Page, proseOf, unbar, unframe } from './page.ts';

export interface Found {
  /** Row from which on the dialog is what takes keys: its list, or the panel's first row when it has none. */
  readonly liveFrom: number;
  /** First row of its text. */
  readonly top: number;
  /** The row above the options or the last row: what is being asked. */
  readonly question: string;
  /** Rows below the options: which keys do what. */
  readonly hint: string;
  readonly seen: Omit<DialogSeen, 'name'>;
}

export interface DialogSigns {
  /** Signs that mark the selected option. */
  readonly selectors: string;
  /** A row that belongs to the conversation above, so no dialog's text begins before it. */
  readonly conversation: RegExp;
}

/** More rows than this below a list, and it is text in the scrollback. */
const MOST_BELOW = 14;
const MOST_ABOVE = 45;

const BOX_TOP = /^\s*[╭┌┏]/;
const BOX_BOTTOM = /^\s*[╰└┗]/;

/** First row of the panel around `row`: below the nearest rule or top of a box it stands in, or below the conversation. */
export function panelTop(page: Page, row: number, signs: DialogSigns): number {
  let closed = 0;
  for (let i = row; i >= Math.max(0, row - MOST_ABOVE); i--) {
    const line = unbar(at(page, i));
    if (isBorder(line)) {
      // A box that is closed above is part of what the panel shows.
      if (BOX_BOTTOM.test(line) && i < row) closed++;
      else if (BOX_TOP.test(line) && closed > 0) closed--;
      else if (BOX_TOP.test(line)) return i + 1;
    }
    if (closed === 0 && isRule(line)) return i + 1;
    if (i < row && signs.conversation.test(at(page, i))) return i + 1;
  }
  return Math.max(0, row - MOST_ABOVE);
}

function lastSaid(page: Page, before: number): string {
  for (let i = before - 1; i >= Math.max(0, before - 6); i--) {
    const line = unframe(at(page, i)).trim();
    if (line !== '') return line;
  }
  return '';
}

const KEYS = /\b(?:esc(?:ape)?|enter|return|space|tab|ctrl[+-]\w)\b/i;
const DEEDS =
  /\b(?:confirm|cancel|continue|select|submit|exit|back|close|choose|reject|amend|search|quit|dismiss|go back|edit|open|move|approve|skip)\b/i;

/** A row that tells which keys do what, as `Enter to confirm · Esc to cancel`. */
export const isKeyHint = (line: string): boolean => line.length < 260 && KEYS.test(line) && DEEDS.test(line);

const YES_NO = /(?:[([]\s*y(?:es)?\s*[/|]\s*n(?:o)?(?:\s*[/|]\s*\w+)*\s*[)\]]|\(y\)es\s*\/\s*\(n\)o).{0,60}$/i;
const PRESS = /\b(?:press|hit)\s+(?:enter|return|any key|space)\b/i;
const FIELD = /\b(?:paste|enter|type|input)\b.{0,60}(?::|>|here|prompted)\s*>?\s*\S{0,4}$/i;

function fromList(page: Page, list: Choices, signs: DialogSigns): Found | undefined {
  const below: string[] = [];
  // An echoed prompt looks like a chosen line.
  const plain = !list.numbered && !list.boxes;
  if (plain && signs.conversation.test(at(page, list.selectedRow))) return undefined;
  for (let row = list.last + 1; row < page.lines.length; row++) {
    const line = at(page, row);
    if (signs.conversation.test(line)) return undefined;
    const text = unframe(line).trim();
    if (text !== '') below.push(text);
  }
  if (below.length > MOST_BELOW) return undefined;
  const hint = below.join('\n');
  // One line behind a sign is a list only where the keys are told; it might as well be something typed.
  if (plain && !below.some(isKeyHint)) return undefined;
  const top = panelTop(page, list.first, signs);
  return {
    liveFrom: list.selectedRow,
    top,
    question: lastSaid(page, list.first),
    hint,
    seen: {
      selector: list.boxes ? 'checkbox' : 'radio',
      options: list.options,
      text: proseOf(page, top, page.lines.length),
    },
  };
}

function fromLastRows(page: Page, from: number, signs: DialogSigns): Found | undefined {
  const end = page.lines.length;
  const rows: number[] = [];
  for (let row = end - 1; row >= Math.max(from, end - 12) && rows.length < 3; row--) {
    const line = unframe(at(page, row)).trim();
    if (line !== '') rows.push(row);
  }
  const lastRow = rows[0];
  if (lastRow === undefined) return undefined;
  const last = unframe(at(page, lastRow)).trim();
  const tail = rows
    .toReversed()
    .map((row) => unframe(at(page, row)).trim())
    .join(' ');
  const found = (selector: DialogSeen['selector']): Found => {
    const top = panelTop(page, lastRow, signs);
    return {
      liveFrom: top,
      top,
      question: last,
      hint: tail,
      seen: { selector, options: [], text: proseOf(page, top, end) },
    };
  };
  if (YES_NO.test(last)) return found('yes-no');
  if (/\(press enter to (?:submit|confirm)|\benter to submit\b/i.test(tail) || FIELD.test(last)) return found('text');
  if (PRESS.test(tail)) return found('enter');
  if (isKeyHint(last) || isKeyHint(tail)) return found(/search/i.test(tail) ? 'text' : 'enter');
  return undefined;
}

/** The dialog at the bottom, looked for on rows `from` and below. */
export function dialogBelow(page: Page, from: number, signs: DialogSigns): Found | undefined {
  const list = lowestChoices(page, from, signs.selectors);
  const found = list === undefined ? undefined : fromList(page, list, signs);
  return found ?? fromLastRows(page, from, signs);
}

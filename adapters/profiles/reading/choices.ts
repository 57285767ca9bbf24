/**
 * Owns: lists to choose from: numbered or not, with a selector sign or check boxes.
 * Never: decides whether a list is a dialog or just text; that depends on what stands below it.
 */
import type { DialogOption } from '../screen.ts';
import { at, indentOf, isBorder, type Page, unframe } from './page.ts';

export interface Choices {
  /** Rows of the first and the last option, with its continuation. */
  readonly first: number;
  readonly last: number;
  /** Row of the option the selector stands on. */
  readonly selectedRow: number;
  readonly options: readonly DialogOption[];
  readonly boxes: boolean;
  readonly numbered: boolean;
}

interface OptionLine {
  readonly row: number;
  readonly selected: boolean;
  readonly number: number | undefined;
  readonly checked: boolean | undefined;
  readonly label: string;
  /** Column of the number, box or label. */
  readonly column: number;
}

const OPTION =
  /^(\s*)([❯›▶►→⏵>●◉]\s*)?(?:(\[[ xX✔✓*]?\]|[☐☑☒◻◼◯○⬚■□])\s+)?(?:(\d{1,2})[.)](?![\d/])\s*)?(?:(\[[ xX✔✓*]?\]|[☐☑☒])\s+)?(\S.*)$/u;

const isTicked = (box: string): boolean => !/^\[ ?\]$|^[☐◻◯○⬚□]$/u.test(box);

function optionOn(page: Page, row: number, signs: string): OptionLine | undefined {
  const found = OPTION.exec(unframe(at(page, row)));
  if (found === null) return undefined;
  const [, lead = '', sign = '', boxBefore, digits, boxAfter, label = ''] = found;
  const box = boxBefore ?? boxAfter;
  const selected = sign !== '' && signs.includes(sign.trim());
  if (sign !== '' && !selected) return undefined;
  return {
    row,
    selected,
    number: digits === undefined ? undefined : Number(digits),
    checked: box === undefined ? undefined : isTicked(box),
    label: label.trim(),
    column: lead.length + sign.length,
  };
}

/** How many rows an option may take, its description included. */
const REACH = 6;

/** The option with the neighbouring number, a few rows on; text in between belongs to the options. */
function neighbour(page: Page, from: OptionLine, step: 1 | -1, signs: string): OptionLine | undefined {
  if (from.number === undefined) return undefined;
  for (let row = from.row + step; Math.abs(row - from.row) <= REACH; row += step) {
    if (row < 0 || row >= page.lines.length) return undefined;
    const option = optionOn(page, row, signs);
    if (option?.number === from.number + step && Math.abs(option.column - from.column) <= 3) return option;
  }
  return undefined;
}

/** Options without numbers stand on touching rows and have boxes, or the selected one stands out by its sign alone. */
function touching(page: Page, from: OptionLine, step: 1 | -1, signs: string): OptionLine | undefined {
  const row = from.row + step;
  if (row < 0 || row >= page.lines.length || isBorder(at(page, row))) return undefined;
  const option = optionOn(page, row, signs);
  if (option === undefined || option.selected || option.number !== undefined) return undefined;
  if ((option.checked === undefined) !== (from.checked === undefined)) return undefined;
  return Math.abs(option.column - from.column) <= 1 ? option : undefined;
}

/** What ends a list of check boxes: a row of its own right below the last box. */
const BUTTON = /^(?:enable|submit|confirm|continue|done|save|apply)\b.{0,30}$/i;

function buttonBelow(page: Page, last: OptionLine, signs: string): OptionLine | undefined {
  if (last.checked === undefined || last.number !== undefined) return undefined;
  const option = optionOn(page, last.row + 1, signs);
  return option?.checked === undefined && option?.number === undefined && BUTTON.test(option?.label ?? '')
    ? option
    : undefined;
}

/** The list a row belongs to: its own neighbours, or the boxes above it where it is their button. */
function gather(page: Page, chosen: OptionLine, signs: string): readonly OptionLine[] {
  const above = chosen.row > 0 && BUTTON.test(chosen.label) ? optionOn(page, chosen.row - 1, signs) : undefined;
  const boxes = above && buttonBelow(page, above, signs) !== undefined;
  const group = neighbours(page, boxes ? above : chosen, signs);
  const last = group[group.length - 1];
  const button = last && buttonBelow(page, last, signs);
  return button === undefined ? group : [...group, button];
}

function neighbours(page: Page, chosen: OptionLine, signs: string): readonly OptionLine[] {
  const next = chosen.number === undefined ? touching : neighbour;
  const group: OptionLine[] = [chosen];
  for (let option = next(page, chosen, -1, signs); option !== undefined; option = next(page, option, -1, signs)) {
    group.unshift(option);
  }
  for (let option = next(page, chosen, 1, signs); option !== undefined; option = next(page, option, 1, signs)) {
    group.push(option);
  }
  return group;
}

/** The label with the rows it was wrapped onto: those indented at least as far as the label itself. */
function wholeLabel(page: Page, option: OptionLine, until: number): string {
  let label = option.label;
  for (let row = option.row + 1; row < until; row++) {
    const line = unframe(at(page, row));
    if (line.trim() === '' || indentOf(line) <= option.column + 1) break;
    label += ` ${line.trim()}`;
  }
  return label;
}

/**
 * The lowest list on rows `from` and below that carries one of the selector signs.
 * A single numbered line is no list; neither is a numbered list that starts in the middle of nowhere.
 */
export function lowestChoices(page: Page, from: number, signs: string): Choices | undefined {
  for (let row = page.lines.length - 1; row >= from; row--) {
    const chosen = optionOn(page, row, signs);
    if (chosen === undefined || !chosen.selected) continue;
    const group = gather(page, chosen, signs);
    const first = group[0] ?? chosen;
    const last = group[group.length - 1] ?? chosen;
    if (chosen.number !== undefined && group.length < 2) continue;
    const boxes = group.some((option) => option.checked !== undefined);
    return {
      first: first.row,
      last: last.row,
      selectedRow: chosen.row,
      boxes,
      numbered: chosen.number !== undefined,
      options: group.map((option, i) => ({
        ...(option.number === undefined ? {} : { number: option.number }),
        label: wholeLabel(page, option, group[i + 1]?.row ?? Math.min(page.lines.length, option.row + REACH)),
        selected: option.selected,
        ...(option.checked === undefined ? {} : { checked: option.checked }),
      })),
    };
  }
  return undefined;
}

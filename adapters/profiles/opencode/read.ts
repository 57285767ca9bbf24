/**
 * Owns: what a screen of opencode tells.
 * Never: presses keys; never trusts words that stand above the last turn.
 */
import { elapsedIn } from '../reading/busy.ts';
import type { Composer } from '../reading/composer.ts';
import type { Found } from '../reading/dialog.ts';
import { failureIn } from '../reading/failures.ts';
import { at, indentOf, type Page } from '../reading/page.ts';
import { type Anatomy, type Named, readCli } from '../reading/read-cli.ts';
import type { DialogOption, PaneState, Screen } from '../screen.ts';

const BAR = /^\s*┃/;
const FOOT = /^\s*╹▀{6,}/;
const PLACEHOLDER = /^(?:Ask anything|Run a command|What would you like)/i;

/** A notice that floats over the right edge. */
const TOAST = /\s+┃[^┃]*┃$/;

const inBar = (line: string): string => line.replace(/^\s*┃ */, '').trimEnd();

/** Hints, a task list and the status line may stand below the composer; more is something else. */
const MOST_BELOW = 12;

/** Rows behind a bar; the last names agent and model, the foot is half blocks. In mid-screen as long as nothing was asked. */
function composer(page: Page): Composer | undefined {
  if (overlay(page) !== undefined) return undefined;
  let below = 0;
  for (let bottom = page.lines.length - 1; bottom >= 1 && below <= MOST_BELOW; bottom--) {
    if (at(page, bottom) !== '') below++;
    if (!FOOT.test(at(page, bottom))) continue;
    let top = bottom - 1;
    while (top > 0 && BAR.test(at(page, top - 1))) top--;
    const text = page.lines
      .slice(top, bottom - 1)
      .map(inBar)
      .join('\n')
      .trim();
    return { top, row: top, bottom, text };
  }
  return undefined;
}

/** Progress is drawn as a row of squares below the composer, with the key that stops it; a retry is written over both. */
const PROGRESS = /^\s*[■⬝▪·]{3,}|\besc (?:again to )?interrupt\b|\battempt #\d+\]/;

interface Block {
  readonly barred: boolean;
  readonly rows: readonly string[];
}

/** Blocks above the composer from the lowest up, parted by blank rows. */
function blocksAbove(page: Page, before: number): readonly Block[] {
  const blocks: Block[] = [];
  let rows: string[] = [];
  const close = (): void => {
    const first = rows[0];
    if (first !== undefined)
      blocks.push({ barred: BAR.test(first), rows: rows.map(inBar).filter((row) => row !== '') });
    rows = [];
  };
  for (let row = before - 1; row >= Math.max(0, before - 40) && blocks.length < 5; row--) {
    const line = at(page, row).replace(TOAST, '');
    if (line.trim() === '') close();
    else rows.unshift(line);
  }
  close();
  return blocks;
}

const SEAL = /^\s*▣ +\S/;

/** The last turn ended with a seal that has no duration, below a barred message of the CLI itself. */
function failure(page: Page, before: number): string | undefined {
  const [seal, message] = blocksAbove(page, before);
  if (seal === undefined || message === undefined || !SEAL.test(seal.rows[0] ?? '')) return undefined;
  if (/· (?:interrupted|[\d.]+m?s|\d+m)/.test(seal.rows[0] ?? '')) return undefined;
  const above = blocksAbove(page, before)[2];
  // A prompt of the user is barred too; the message of a failure stands below one.
  if (!message.barred || above?.barred !== true) return undefined;
  return message.rows.join(' ');
}

function modelOf(page: Page, box: Composer): string | undefined {
  return /^\S+ · (.+)$/.exec(inBar(at(page, box.bottom - 1)))?.[1]?.trim();
}

function prompt(page: Page, box: Composer): PaneState {
  const footer = page.lines.slice(box.bottom + 1).join('\n');
  const composed = PLACEHOLDER.test(box.text) ? '' : box.text;
  const model = modelOf(page, box);
  const used = /\((\d{1,3})%\)|\b(\d{1,3})% used/.exec(footer);
  const facts: Partial<PaneState> = {
    ...(model === undefined ? {} : { model }),
    ...(used === null ? {} : { contextUsedRatio: Number(used[1] ?? used[2]) / 100 }),
    ...(composed === '' ? {} : { composed }),
  };
  if (PROGRESS.test(footer)) {
    const elapsed = elapsedIn(footer);
    if (/retry/i.test(footer)) return { ...facts, ...failureIn(footer), reason: 'a request failed and is tried again' };
    if (/compact/i.test(footer))
      return { ...facts, activity: 'compacting', reason: 'the conversation is being compacted' };
    return {
      ...facts,
      activity: 'working',
      reason: 'progress is drawn below the composer',
      ...(elapsed === undefined ? {} : { elapsedSeconds: elapsed }),
    };
  }
  if (composed !== '')
    return { ...facts, activity: 'compose_pending', reason: 'text stands in the composer and was not sent' };
  const failed = failure(page, box.top);
  if (failed !== undefined) return { ...facts, ...failureIn(failed) };
  return { ...facts, activity: 'idle', reason: 'the composer is empty and no progress is drawn' };
}

/** Title of a window over the rest, with the key that closes it at its right edge. */
const TITLE = /^\s{4,}(\S.*?)\s{6,}esc\s*$/;
const MOST_OPTIONS = 40;

/** A window that floats over the composer: its title, then a field to search in or its choices. */
function overlay(page: Page): PaneState | undefined {
  const top = page.lines.findLastIndex((line) => TITLE.test(line));
  const title = TITLE.exec(at(page, top))?.[1];
  if (title === undefined || !hasChoices(page, top)) return undefined;
  const left = at(page, top).search(/\S/);
  const rows = page.lines
    .slice(top + 1, top + MOST_OPTIONS)
    .map((line) => /^( *)(.*)$/.exec([...line].slice(Math.max(0, left - 2)).join(''))?.[2]?.trim() ?? '')
    .filter((row) => row !== '' && !/^Search$|[┃╹▀]/.test(row));
  const text = [title, ...rows].join('\n');
  return {
    activity: 'dialog',
    reason: 'a window stands over the composer',
    dialog: {
      name: WINDOWS.find(([, says]) => says.test(title))?.[0] ?? 'unknown',
      selector: 'radio',
      options: rows.map((row) => ({ label: row.replace(/^● /, ''), selected: false })),
      text,
    },
  };
}

const hasChoices = (page: Page, top: number): boolean =>
  page.lines.slice(top + 1, top + 5).some((line) => /^\s{4,}Search\b/.test(line)) ||
  page.lines.slice(top + 1, top + MOST_OPTIONS).some((line) => /\benter\b|\bctrl\+\w\b|⇆/.test(line));

const WINDOWS: readonly (readonly [string, RegExp])[] = [
  ['model-picker', /^select model/i],
  ['connect-provider', /^(?:connect a provider|select provider|add credential)/i],
  ['agent-picker', /^select agent/i],
  ['session-picker', /^sessions/i],
  ['command-palette', /^commands/i],
  ['theme', /^themes/i],
  ['update', /^update available/i],
];

/** Buttons in one row, told by the keys beside them; text alone does not say which is selected. */
const BUTTONS = /^(.*?\S)\s{2,}(?:ctrl\+\w \w+|⇆ select|enter confirm)/;

function panel(page: Page): PaneState | undefined {
  const end = page.lines.length;
  let bottom = end - 1;
  while (bottom > Math.max(0, end - 6) && !BAR.test(at(page, bottom))) bottom--;
  if (!BAR.test(at(page, bottom))) return undefined;
  let top = bottom;
  while (top > 0 && BAR.test(at(page, top - 1))) top--;
  const rows = page.lines.slice(top, bottom + 1).map(inBar);
  const row = rows.findLast((text) => text !== '') ?? '';
  const labels = BUTTONS.exec(row)?.[1]?.split(/\s{2,}/);
  const title = rows.find((text) => text !== '') ?? '';
  const asks = /^△ /.test(title);
  if (labels === undefined && !asks) return undefined;
  const options: readonly DialogOption[] = (labels ?? []).map((label, i) => ({
    label: label.trim(),
    selected: i === 0,
  }));
  const text = rows.filter((line) => line !== '').join('\n');
  const permission = /permission/i.test(title) || options.some(({ label }) => /^allow\b/i.test(label));
  const tool = /^#\s+(.+)$/m.exec(text)?.[1];
  const question = !permission && /\?\s*$/m.test(text);
  return {
    activity: permission ? 'permission_prompt' : question ? 'question' : 'dialog',
    reason: permission ? 'the agent asks for permission' : 'a panel stands where the composer was',
    dialog: { name: permission ? 'permission' : question ? 'question' : 'unknown', selector: 'radio', options, text },
    ...(permission && tool !== undefined ? { tool } : {}),
  };
}

const KNOWN: readonly (readonly [string, RegExp])[] = [
  ['connect-provider', /connect a provider|add (?:a )?credential|select provider/i],
  ['model-picker', /select model/i],
  ['update', /update available/i],
];

const name = (found: Found): Named | undefined => {
  const known = KNOWN.find(([, says]) => says.test(found.seen.text));
  return known === undefined ? undefined : { name: known[0] };
};

const ANATOMY: Anatomy = {
  program: /\bopencode\b/,
  banner: /(?:^\s*[~/]\S*\s{2,}|• OpenCode )(\d+\.\d+\.\d+)$/,
  signs: { selectors: '●❯›▶', conversation: /^\s*▣ / },
  composer,
  name,
  prompt,
  other: (page) => overlay(page) ?? panel(page),
};

/** Columns beyond which nothing of the conversation stands: where the composer's foot ends, once it begins at the left edge. */
function splitSidebar(text: string): { readonly main: string; readonly side: string } {
  const lines = text.split('\n');
  const foot = lines.findLastIndex((line) => FOOT.test(line));
  const end = [...(lines[foot] ?? '').trimEnd()].length;
  if (foot === -1 || indentOf(lines[foot] ?? '') > 4) return { main: text, side: '' };
  const rows = lines.map((line, row) => ({ cells: [...line], cut: row < foot }));
  return {
    main: rows.map(({ cells, cut }) => (cut ? cells.slice(0, end) : cells).join('')).join('\n'),
    side: rows.map(({ cells, cut }) => (cut ? cells.slice(end).join('').trim() : '')).join('\n'),
  };
}

export function readOpencode(screen: Screen): PaneState {
  const { main, side } = splitSidebar(screen.text);
  const state = readCli({ ...screen, text: main }, ANATOMY);
  const used = /^(\d{1,3})% used$/m.exec(side)?.[1];
  return used === undefined || state.contextUsedRatio !== undefined
    ? state
    : { ...state, contextUsedRatio: Number(used) / 100 };
}

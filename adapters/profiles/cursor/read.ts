/**
 * Owns: what a screen of Cursor's CLI tells. Written from its documented looks: no labelled screens of it were at hand.
 * Never: presses keys; never trusts words that stand above the last turn.
 */
import { BRAILLE, elapsedIn } from '../reading/busy.ts';
import { boxedComposer, type Composer } from '../reading/composer.ts';
import type { Found } from '../reading/dialog.ts';
import { failureIn } from '../reading/failures.ts';
import { at, type Page } from '../reading/page.ts';
import { type Anatomy, type Named, readCli } from '../reading/read-cli.ts';
import type { PaneState, Screen } from '../screen.ts';

const SIGN = /^ ?[→>] /;
const PLACEHOLDER = /^(?:Plan, search, build anything|Add a follow-up|Ask Cursor\b|Type a message)/i;

function lastRow(page: Page, before: number): string {
  for (let row = before - 1; row >= Math.max(0, before - 4); row--) {
    const line = at(page, row).trim();
    if (line !== '') return line;
  }
  return '';
}

const SPINNER = /^(?:⬢|⬡)+ *\S.*(?:\.\.|…)|\bctrl\+c to stop\b/;

function prompt(page: Page, box: Composer): PaneState {
  const composed = PLACEHOLDER.test(box.text) ? '' : box.text.replace(/\s{2,}ctrl\+c to stop$/, '');
  const facts: Partial<PaneState> = composed === '' ? {} : { composed };
  const last = lastRow(page, box.top);
  const footer = page.lines.slice(box.bottom + 1).join('\n');
  if (BRAILLE.test(last) || SPINNER.test(last) || SPINNER.test(box.text) || SPINNER.test(footer)) {
    const elapsed = elapsedIn(last);
    return {
      activity: 'working',
      reason: 'a spinner turns above the composer',
      ...(elapsed === undefined ? {} : { elapsedSeconds: elapsed }),
    };
  }
  if (composed !== '')
    return { ...facts, activity: 'compose_pending', reason: 'text stands in the composer and was not sent' };
  if (/^(?:✗|✕|⚠|Error\b|ConnectError)/.test(last)) return { ...facts, ...failureIn(last) };
  return { ...facts, activity: 'idle', reason: 'the composer is empty and nothing turns' };
}

const KNOWN: readonly (readonly [string, RegExp])[] = [
  ['trust', /workspace trust|trust this workspace|do you trust/i],
  ['login', /log ?in|sign in/i],
  ['mcp-approval', /mcp server/i],
];

function name(found: Found): Named | undefined {
  const { text, options } = found.seen;
  const permits = /^(?:run|accept|approve|allow|yes)\b/i.test(options[0]?.label ?? '');
  if (
    permits &&
    options.some(({ label }) => /^(?:skip|reject|no|deny|propose)\b/i.test(label)) &&
    !/trust/i.test(text)
  ) {
    return { name: 'permission', activity: 'permission_prompt', reason: 'the agent asks for permission' };
  }
  const known = KNOWN.find(([, says]) => says.test(text));
  return known === undefined ? undefined : { name: known[0] };
}

/** Trust is asked in a box of keys in brackets: `[a] Trust this workspace`. */
const BRACKETED = /^\s*(?:▶ )?\[(\w)\] +(\S.*)$/;

function keyed(page: Page): PaneState | undefined {
  const inner = page.lines.slice(-16).map((line) =>
    line
      .replace(/^\s*[│┃]/, '')
      .replace(/[│┃]\s*$/, '')
      .trimEnd(),
  );
  const options = inner.flatMap((line) => {
    const found = BRACKETED.exec(line);
    return found === null ? [] : [{ label: (found[2] ?? '').trim(), selected: line.includes('▶') }];
  });
  if (options.length < 2) return undefined;
  const text = inner
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');
  const known = KNOWN.find(([, says]) => says.test(text))?.[0] ?? 'unknown';
  return {
    activity: 'dialog',
    reason: `the dialog ${known} waits for an answer`,
    dialog: { name: known, selector: 'radio', options, text },
  };
}

const ANATOMY: Anatomy = {
  program: /\bcursor-agent\b|\bagent\b/,
  banner: /^\s*Cursor Agent v?(\d+\.\d+\.\d+)\b/i,
  signs: { selectors: '→❯›▶', conversation: /^ ?[⬢⬡✗✓] ?\S/u },
  composer: (page) => boxedComposer(page, SIGN),
  name,
  prompt,
  other: keyed,
};

export function readCursor(screen: Screen): PaneState {
  return readCli(screen, ANATOMY);
}

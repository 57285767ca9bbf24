/**
 * Owns: what a screen of aider tells. It is a line program: whatever waits stands on the last row.
 * Never: presses keys; never trusts words that stand above the last turn.
 */
import type { Composer } from '../reading/composer.ts';
import type { Found } from '../reading/dialog.ts';
import { failureIn } from '../reading/failures.ts';
import { at, isRule, type Page } from '../reading/page.ts';
import { type Anatomy, type Named, readCli } from '../reading/read-cli.ts';
import type { PaneState, Screen } from '../screen.ts';

/** `> `, `ask> `, `architect multi> `: the mode and a sign, at the left edge. */
const PROMPT = /^(?:(?:ask|code|architect|help|context|multi|diff|udiff|whole)(?: multi)?)?> ?(.*)$/;

/** The lowest row with a prompt; typed text may be wrapped below it. A question of aider's ends in its default: no prompt. */
function composer(page: Page): Composer | undefined {
  const last = page.lines.length - 1;
  for (let row = last; row >= Math.max(0, last - 4); row--) {
    const found = PROMPT.exec(at(page, row));
    if (found === null) {
      if (at(page, row) === '' || isRule(at(page, row))) return undefined;
      continue;
    }
    const text = [found[1] ?? '', ...page.lines.slice(row + 1)].join('\n').trim();
    // A prompt that was sent has an answer below it, and every prompt a rule or file names above.
    const fresh = row === last || (text !== '' && row >= last - 2 && aboveIsRule(page, row));
    return fresh ? { top: row, row, bottom: last, text } : undefined;
  }
  return undefined;
}

const aboveIsRule = (page: Page, row: number): boolean => isRule(at(page, row - 1)) || isRule(at(page, row - 2));

const FAILED =
  /^(?:litellm\.\S+|API Error|\w*(?:Authentication|RateLimit|APIConnection|BadRequest|ContextWindow)\w*Error)\b/;

/** The CLI's own message after the last prompt that was sent. */
function failure(page: Page, before: number): string | undefined {
  for (let row = before - 1; row >= Math.max(0, before - 20); row--) {
    const line = at(page, row);
    if (PROMPT.test(line) && line.trim() !== '') return undefined;
    if (/^Tokens: /.test(line)) return undefined;
    if (FAILED.test(line)) return page.lines.slice(row, before).join(' ');
  }
  return undefined;
}

function prompt(page: Page, box: Composer): PaneState {
  if (box.text !== '') {
    return {
      activity: 'compose_pending',
      reason: 'text stands behind the prompt and was not sent',
      composed: box.text,
    };
  }
  const failed = failure(page, box.top);
  if (failed !== undefined) return failureIn(failed);
  return { activity: 'idle', reason: 'the prompt stands on the last row' };
}

const SPINNER =
  /^\s*[░█⠀-⣿]+\s*(?:Waiting for|Thinking|Updating|Scanning|Generating|Applying)|^Retrying in [\d.]+ seconds/;

/** While it works, the last row is a spinner. Streaming text has none: that is not understood, and so unknown. */
function other(page: Page): PaneState | undefined {
  const last = at(page, page.lines.length - 1);
  if (!SPINNER.test(last)) return undefined;
  if (/^Retrying/.test(last)) {
    const above = page.lines.slice(Math.max(0, page.lines.length - 4)).join(' ');
    return { ...failureIn(above), reason: 'a request failed and is tried again' };
  }
  return { activity: 'working', reason: 'a spinner stands on the last row' };
}

const KNOWN: readonly (readonly [string, RegExp])[] = [
  ['gitignore', /\.gitignore/i],
  ['create-git-repo', /git repo/i],
  ['open-docs', /open (?:documentation|the docs|release notes)|release notes/i],
  ['add-to-chat', /add (?:file|url|.{1,60}) to the chat/i],
  ['login-openrouter', /openrouter/i],
  ['analytics', /analytics/i],
];

function name(found: Found): Named | undefined {
  const { text, selector } = found.seen;
  const last = text.split('\n').slice(-3).join('\n');
  if (
    selector === 'yes-no' &&
    /\b(?:run shell command|run .{0,20}command|allow (?:edits|creation)|create new file|edit the files|apply)\b/i.test(
      last,
    )
  ) {
    return { name: 'permission', activity: 'permission_prompt', reason: 'the agent asks for permission' };
  }
  const known = KNOWN.find(([, says]) => says.test(last));
  return known === undefined ? undefined : { name: known[0] };
}

const ANATOMY: Anatomy = {
  program: /\baider\b/,
  banner: /^Aider v(\d+\.\d+\.\d+)\b/,
  signs: { selectors: '❯', conversation: PROMPT },
  composer,
  name,
  prompt,
  other,
};

export function readAider(screen: Screen): PaneState {
  return readCli(screen, ANATOMY);
}

/**
 * Owns: what a screen of Codex tells.
 * Never: presses keys; never trusts words that stand above the last turn.
 */
import { countsIn, elapsedIn } from '../reading/busy.ts';
import { lowestChoices } from '../reading/choices.ts';
import type { Composer } from '../reading/composer.ts';
import type { Found } from '../reading/dialog.ts';
import { failureIn } from '../reading/failures.ts';
import { at, type Page } from '../reading/page.ts';
import { type Anatomy, type Named, readCli } from '../reading/read-cli.ts';
import type { PaneState, Screen } from '../screen.ts';

const SIGN = /^[›▌❯](?: |$)/;
const SELECTORS = '›❯>▌';
const NUMBERED = /^[›▌❯] \d{1,2}[.)]/;

/** Drawn in an empty composer; newer versions have one, older ones pick from a list. */
const PLACEHOLDER =
  /^(?:Ask Codex\b|Explain this codebase$|Summarize recent commits$|Implement \{feature\}$|Find and fix a bug in @filename$|Write tests for @filename$|Improve documentation in @filename$|Run \/review on my current changes$|Use \/skills to list available skills$|send a message$)/i;

/** A row of the conversation: message, tool, notice of the CLI. */
const CONVERSATION = /^(?:[•■⚠✔✗◦] ?\S|› (?!\d{1,2}[.)]))/;

/** The composer is the lowest row behind its sign, if nothing but a status line of a few rows stands below. */
function composer(page: Page): Composer | undefined {
  for (let row = page.lines.length - 1; row >= Math.max(0, page.lines.length - 24); row--) {
    const line = at(page, row);
    if (!SIGN.test(line)) continue;
    // A numbered row with others of its list around it is selected, not typed.
    if (NUMBERED.test(line) && lowestChoices(page, row, SELECTORS)?.selectedRow === row) return undefined;
    let bottom = row;
    while (bottom + 1 < page.lines.length && at(page, bottom + 1) !== '') bottom++;
    const text = page.lines.slice(row, bottom + 1).map((part) => part.slice(2).trim());
    return { top: row, row, bottom, text: text.join('\n').trim() };
  }
  return undefined;
}

/** The block of rows above the composer: its status line, or the last message. */
function lastBlock(page: Page, before: number): string {
  const rows: string[] = [];
  for (let row = before - 1; row >= Math.max(0, before - 40); row--) {
    const line = at(page, row);
    if (line === '') {
      if (rows.length > 0 && CONVERSATION.test(rows[0] ?? '')) break;
      continue;
    }
    rows.unshift(line);
    if (CONVERSATION.test(line)) break;
  }
  return rows.join('\n');
}

const STATUS =
  /^[•◦] (.*)\((?:[^()]*\b\d+s\b[^()]*\besc to interrupt[^()]*|[^()]*esc to interrupt[^()]*\b\d+s[^()]*|\d+s[^)]*)\)?/;

function fromStatus(block: string, facts: Partial<PaneState>): PaneState | undefined {
  const status = STATUS.exec(block);
  if (status === null) return undefined;
  const elapsed = elapsedIn(status[0]);
  const timed = { ...facts, ...countsIn(block), ...(elapsed === undefined ? {} : { elapsedSeconds: elapsed }) };
  if (/reconnecting|retrying|stream error|server is busy/i.test(status[1] ?? '')) {
    return { ...timed, ...failureIn(block), reason: 'a request failed and is tried again' };
  }
  if (/compacting/i.test(status[1] ?? ''))
    return { ...timed, activity: 'compacting', reason: 'the conversation is being compacted' };
  return { ...timed, activity: 'working', reason: 'a status line counts the seconds of a turn' };
}

/** A turn's seal, a failure, or a command, which is echoed without a sign. */
const ENDED = /^ {2}Worked for \S|^─ Worked for \S|^■ |^\/[a-z]|^[\s│]*>_ OpenAI Codex/;

/**
 * Text that streams shows no status line. Where this CLI seals each turn with its duration, one that has begun to answer and
 * has no seal goes on.
 */
function turnGoesOn(page: Page, before: number): boolean {
  let answers = 0;
  for (let row = before - 1; row >= 0; row--) {
    const line = at(page, row);
    if (ENDED.test(line)) return false;
    if (/^• \S/.test(line)) answers++;
    if (/^› \S/.test(line)) return answers > 0 && sealsTurns(page);
  }
  return false;
}

/** A turn of no time has one too; older versions seal long turns alone. From 0.169 on, as far as is known. */
const sealsTurns = ({ lines }: Page): boolean =>
  lines.some((line) => {
    const [, major, minor] = />_ OpenAI Codex \(v(\d+)\.(\d+)\./.exec(line) ?? [];
    if (major === undefined) return /^ {2}Worked for <1s/.test(line);
    return Number(major) > 0 || Number(minor) >= 169;
  });

const MODEL_LINE = /^ {2}(\S+)(?: \S+){0,3} · (?:~|\/|\d+% )/;
const CONTEXT_LEFT = /(\d{1,3})% (?:context )?left/i;

function prompt(page: Page, box: Composer): PaneState {
  const footer = page.lines.slice(box.bottom + 1);
  const footing = footer.join('\n');
  const model = footer.map((line) => MODEL_LINE.exec(line)?.[1]).find((found) => found !== undefined);
  // The hint stands there exactly while nothing is typed.
  const composed = PLACEHOLDER.test(box.text) || /\? for shortcuts/.test(footing) ? '' : box.text;
  const left = CONTEXT_LEFT.exec(footing)?.[1];
  const facts: Partial<PaneState> = {
    ...(model === undefined ? {} : { model }),
    ...(left === undefined ? {} : { contextUsedRatio: (100 - Number(left)) / 100 }),
    ...(composed === '' ? {} : { composed }),
  };
  const block = lastBlock(page, box.top);
  const busy = fromStatus(block, facts);
  if (busy !== undefined) return busy;
  // Only in mid-turn is there anything to queue for.
  if (/^ *tab to queue message\b/im.test(footing) || turnGoesOn(page, box.top))
    return { ...facts, activity: 'working', reason: 'the last turn has begun to answer and has not ended' };
  const begun = page.lines.slice(0, box.top).some((line) => CONVERSATION.test(line));
  if (model === undefined && left === undefined && !begun && composed === '') {
    return { ...facts, activity: 'starting', reason: 'the composer is drawn, but no model is named below it yet' };
  }
  if (composed !== '')
    return { ...facts, activity: 'compose_pending', reason: 'text stands in the composer and was not sent' };
  if (block.startsWith('■') && !/^■ (?:Conversation|Turn|Task) interrupted/i.test(block))
    return { ...facts, ...failureIn(block) };
  if (left !== undefined && Number(left) <= 10)
    return { ...facts, activity: 'context_low', reason: `${left} % of the context is left` };
  return { ...facts, activity: 'idle', reason: 'the composer is empty and no status line counts' };
}

const KNOWN: readonly (readonly [string, RegExp])[] = [
  ['trust', /trust this folder|trust the (?:contents|files)|allow codex to work in this folder/i],
  ['update', /update available|new version/i],
  ['login-method', /sign in with chatgpt|provide your own api key/i],
  ['model-migration', /try new model|use existing model|introducing gpt|codex just got an upgrade/i],
  ['model-picker', /select model|reasoning (?:level|effort)/i],
  ['rate-limit-switch', /approaching rate limits/i],
  ['resume-picker', /resume a (?:previous )?session/i],
  ['full-access', /full access/i],
];

function name(found: Found): Named | undefined {
  const { text, options } = found.seen;
  const known = KNOWN.find(([, says]) => says.test(text));
  const agrees = /^(?:yes|allow|approve|run)\b/i.test(options[0]?.label ?? '');
  const refuses = options.some(({ label }) => /^(?:no|deny|cancel|decline|abort)\b/i.test(label));
  if (options.length > 0 && agrees && refuses && known?.[0] !== 'trust' && known?.[0] !== 'full-access') {
    const tool = /run the following command|allow command/i.test(text)
      ? 'Shell'
      : /make the following edits|apply (?:patch|changes)/i.test(text)
        ? 'ApplyPatch'
        : undefined;
    return {
      name: 'permission',
      activity: 'permission_prompt',
      reason: 'the agent asks for permission',
      ...(tool === undefined ? {} : { tool }),
    };
  }
  if (known !== undefined) return { name: known[0] };
  if (options.length > 0 && /^\s*question \d+/im.test(text))
    return { name: 'question', activity: 'question', reason: 'the agent asks a question' };
  return undefined;
}

/** The list of tasks fills the screen and has its title in the first row. */
function commandCenter(page: Page): PaneState | undefined {
  const title = page.lines.find((line) => line !== '') ?? '';
  if (!/^\s*agent command center\b/i.test(title)) return undefined;
  return {
    activity: 'dialog',
    reason: 'the list of tasks is open instead of a task',
    dialog: {
      name: 'agent-command-center',
      selector: 'enter',
      options: [],
      text: page.lines
        .map((line) => line.trim())
        .filter((line) => line !== '')
        .join('\n'),
    },
  };
}

const ANATOMY: Anatomy = {
  program: /\bcodex\b/,
  banner: /^[\s│]*>_ OpenAI Codex \(v(\d+\.\d+\.\d+)[^)]*\)/,
  signs: { selectors: SELECTORS, conversation: CONVERSATION },
  composer,
  name,
  prompt,
  other: commandCenter,
};

export function readCodex(screen: Screen): PaneState {
  return readCli(screen, ANATOMY);
}

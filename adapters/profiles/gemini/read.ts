/**
 * Owns: what a screen of Gemini CLI tells.
 * Never: presses keys; never trusts words that stand above the last turn.
 */
import { BRAILLE, elapsedIn } from '../reading/busy.ts';
import { boxedComposer, type Composer } from '../reading/composer.ts';
import type { Found } from '../reading/dialog.ts';
import { failureIn } from '../reading/failures.ts';
import { at, isRule, type Page } from '../reading/page.ts';
import { type Anatomy, type Named, readCli } from '../reading/read-cli.ts';
import type { PaneState, Screen } from '../screen.ts';

/** `>` as a rule, `*` in yolo mode, `!` for a shell command. */
const SIGN = /^ ?[>*!] /;
const PLACEHOLDER = /^(?:Type your message\b|Type your shell command\b|Press ['"]?i['"]? |Press Esc to exit shell)/i;
const CONVERSATION = /^(?:[✦✕ℹ⚠✓⊶] ? ?\S| > \S)/u;

/** Below a rule stand the mode, a blank, the composer behind its sign, a blank and the status line. */
function composer(page: Page): Composer | undefined {
  const end = page.lines.length;
  for (let rule = end - 1; rule >= Math.max(0, end - 30); rule--) {
    if (!isRule(at(page, rule))) continue;
    for (let row = rule + 1; row <= Math.min(end - 1, rule + 5); row++) {
      if (!SIGN.test(at(page, row))) continue;
      let bottom = row;
      while (bottom + 1 < end && at(page, bottom + 1) !== '' && !isRule(at(page, bottom + 1))) bottom++;
      const text = page.lines.slice(row, bottom + 1).map((line) => line.slice(3).trim());
      return { top: rule, row, bottom, text: text.join('\n').trim() };
    }
  }
  return boxedComposer(page, SIGN);
}

/** The lowest rows above the composer that say something, without hints at the right edge. */
function lastBlock(page: Page, before: number): string {
  const rows: string[] = [];
  for (let row = before - 1; row >= Math.max(0, before - 30); row--) {
    const line = at(page, row);
    if (/^\s*\? for shortcuts$/.test(line)) continue;
    // The CLI explains a failure below it.
    if (/^ℹ This request failed\b/.test(line)) {
      rows.length = 0;
      continue;
    }
    if (line === '' && rows.length === 0) continue;
    rows.unshift(line);
    if (CONVERSATION.test(line)) break;
  }
  return rows.join('\n').trimEnd();
}

const WAITS = /\(esc to cancel(?:,\s*([^)]*))?\)?/;

function spinnerAbove(page: Page, before: number): string | undefined {
  for (let row = before - 1, seen = 0; row >= 0 && seen < 4; row--) {
    const line = at(page, row).trim();
    if (line === '') continue;
    seen++;
    if (BRAILLE.test(line) || (WAITS.test(line) && !CONVERSATION.test(at(page, row)))) return line;
  }
  return undefined;
}

const SHELL_RUNS = /^\s*│ ⊶ +(\S+)/;

function toolRunning(page: Page, before: number): string | undefined {
  for (let row = before - 1; row >= Math.max(0, before - 20); row--) {
    const tool = SHELL_RUNS.exec(at(page, row))?.[1];
    if (tool !== undefined) return tool;
    if (/^ > \S/.test(at(page, row))) return undefined;
  }
  return undefined;
}

function prompt(page: Page, box: Composer): PaneState {
  const composed = PLACEHOLDER.test(box.text) ? '' : box.text;
  const facts: Partial<PaneState> = composed === '' ? {} : { composed };
  const spinner = spinnerAbove(page, box.top);
  if (spinner !== undefined) {
    const elapsed = elapsedIn(spinner);
    const tool = toolRunning(page, box.top);
    const timed = {
      ...facts,
      ...(elapsed === undefined ? {} : { elapsedSeconds: elapsed }),
      ...(tool === undefined ? {} : { tool }),
    };
    if (/compress/i.test(spinner))
      return { ...timed, activity: 'compacting', reason: 'the conversation is being compressed' };
    if (/initiali[sz]ing|waiting for mcp|connecting to mcp/i.test(spinner))
      return { ...timed, activity: 'starting', reason: 'the CLI is still connecting' };
    return { ...timed, activity: 'working', reason: 'a spinner turns above the composer' };
  }
  if (composed !== '')
    return { ...facts, activity: 'compose_pending', reason: 'text stands in the composer and was not sent' };
  const block = lastBlock(page, box.top);
  if (/^✕ \[?(?:API )?Error|^✕ /.test(block)) return { ...facts, ...failureIn(block) };
  const footer = page.lines.slice(box.bottom + 1).join('\n');
  const left = /(\d{1,3})% context left/i.exec(footer)?.[1];
  const ratio = left === undefined ? {} : { contextUsedRatio: (100 - Number(left)) / 100 };
  if (left !== undefined && Number(left) <= 10) {
    return { ...facts, ...ratio, activity: 'context_low', reason: `${left} % of the context is left` };
  }
  return { ...facts, ...ratio, activity: 'idle', reason: 'the composer is empty and nothing turns' };
}

const KNOWN: readonly (readonly [string, RegExp])[] = [
  ['trust', /trust (?:the files in )?this folder|trust folder\b/i],
  ['auth-api-key', /enter gemini api key/i],
  ['auth', /how would you like to authenticate|login with google/i],
  ['theme', /select theme/i],
  ['ide-connect', /connect .{0,40}to gemini cli|use ide integration/i],
  ['model-picker', /select (?:gemini )?model/i],
];

function name(found: Found): Named | undefined {
  const { text, options } = found.seen;
  const known = KNOWN.find(([, says]) => says.test(text));
  if (known !== undefined && (options.length > 0 || found.seen.selector === 'text')) return { name: known[0] };
  if (/usage limit reached|quota (?:limit )?(?:reached|exceeded)/i.test(text) && options.length > 0) {
    return {
      name: 'quota',
      activity: 'limit_reached',
      reason: 'the usage limit is reached; a dialog offers what to do',
    };
  }
  if (/^(?:allow|yes|apply|approve)\b/i.test(options[0]?.label ?? '')) {
    const tool = /^\? +(\S+)/m.exec(text)?.[1];
    return {
      name: 'permission',
      activity: 'permission_prompt',
      reason: `the agent asks for permission${tool === undefined ? '' : ` to use ${tool}`}`,
      ...(tool === undefined ? {} : { tool }),
    };
  }
  if (/answer questions|^\s*question\b/im.test(text))
    return { name: 'question', activity: 'question', reason: 'the agent asks a question' };
  return known === undefined ? undefined : { name: known[0] };
}

const ANATOMY: Anatomy = {
  program: /\bgemini\b/,
  banner: /^[\s▝▜▄▀▗▟▙]*Gemini CLI v(\d+\.\d+\.\d+)\b/,
  signs: { selectors: '●❯›>▶', conversation: CONVERSATION },
  composer,
  name,
  prompt,
};

export function readGemini(screen: Screen): PaneState {
  return readCli(screen, ANATOMY);
}

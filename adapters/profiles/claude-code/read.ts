/**
 * Owns: what a screen of Claude Code tells.
 * Never: presses keys; never trusts words that stand above the last turn.
 */
import { countsIn, elapsedIn } from '../reading/busy.ts';
import { boxedComposer, type Composer, footerOf, ruledComposer } from '../reading/composer.ts';
import { type Failure, failureIn, resetIn } from '../reading/failures.ts';
import { at, type Page, proseOf } from '../reading/page.ts';
import { type Anatomy, readCli } from '../reading/read-cli.ts';
import { resetTimeIn } from '../reading/reset-time.ts';
import type { PaneState, Screen } from '../screen.ts';
import { nameClaudeDialog } from './known-dialogs.ts';

const SIGN = /^ ?[❯>!#](?: |$)/;
const PLACEHOLDER =
  /^(?:Try "|Press up to edit queued messages|(?:Once fixed, resend your message|Resend your message to try again|Run \/rewind to go back)$|Ask Claude\b|Type (?:a message|to)\b)/;

/** A row at the left edge that is a message, a tool call or an echoed prompt. */
const CONVERSATION = /^(?:[●⏺✻]|[❯>](?! ?\d+[.)]| ?\[)) ?\S/;
const SPINNER = /^ ?[·✢✳✶✻✽✺✹*∗⚒] (?=\S)(.*)$/;

/** The row of the spinner above the composer. Between them may stand its tips, its list of tasks and queued prompts. */
function spinnerAbove(page: Page, composer: Composer): string | undefined {
  for (let row = composer.top - 1; row >= Math.max(0, composer.top - 30); row--) {
    const line = at(page, row);
    const spins = SPINNER.exec(line)?.[1];
    if (spins !== undefined) {
      const whole = [spins];
      // Wrapped where the screen is narrow; what hangs below it is a tip or a task.
      for (let next = row + 1; next < row + 4 && /^ {2,}[^\s⎿❯]/.test(at(page, next)); next++)
        whole.push(at(page, next).trim());
      const text = whole.join(' ');
      return /…|\.\.\.|retry(?:ing)? in /i.test(text) ? text : undefined;
    }
    if (/^ ?[●⏺]/.test(line)) return undefined;
    if (line !== '' && !line.startsWith(' ') && !line.startsWith('❯') && !line.startsWith('>')) return undefined;
  }
  return undefined;
}

interface Turn {
  /** First line of the CLI's last message, and the rest of it. */
  readonly head: string;
  readonly body: string;
  /** The prompt or command it answers. */
  readonly prompt: string;
}

const DONE = /^✻ \S.* for \d/;

/** What a tool printed hangs below its call; what the CLI itself says hangs below the prompt. */
function isToolResult(page: Page, row: number): boolean {
  if (!/^ {2}⎿/.test(at(page, row))) return false;
  for (let above = row - 1; above >= Math.max(0, row - 20); above--) {
    const line = at(page, above);
    if (line !== '' && !line.startsWith(' ')) return /^[●⏺] \S[^(]{0,60}\(/.test(line);
  }
  return false;
}

/** The last message above the composer: at the left edge with ● or hung below the prompt with ⎿. */
function lastTurn(page: Page, composer: Composer): Turn {
  const rows: string[] = [];
  let prompt = '';
  let head = '';
  for (let row = composer.top - 1; row >= Math.max(0, composer.top - 60); row--) {
    const line = at(page, row);
    if (line === '' || DONE.test(line)) continue;
    if (/^[❯>] \S/.test(line)) {
      prompt = line.slice(2);
      break;
    }
    if (head !== '') continue;
    rows.unshift(line.trim());
    if (/^(?:[●⏺] | {2}⎿)/.test(line)) head = isToolResult(page, row) ? '' : line.replace(/^\s*[●⏺⎿]\s*/, '');
    if (head === '' && /^ {2}⎿/.test(line)) break;
    if (head === '' && !line.startsWith(' ')) break;
  }
  return { head, body: rows.join(' '), prompt };
}

/** How the CLI's own messages of failure begin. An answer that quotes one does not begin with it. */
const FAILED =
  /^(?:API Error(?::| \()|Please run \/login ·|Not logged in ·|Invalid API key ·|OAuth token (?:revoked|has expired)|Authentication error ·|Failed to authenticate\.|Your (?:ANTHROPIC_API_KEY belongs|organization has disabled)|Credit balance (?:is )?too low|Prompt is too long|Context limit reached ·|You've (?:hit|reached) your \S+ ?\S* limit|You're out of (?:extra )?usage|Claude (?:AI )?usage limit reached|(?:[\w-]+ ){1,3}limit reached [·∙]|There's an issue with the selected model|Request (?:rejected|timed out)|Repeated 529|\w+ is experiencing high load, please|We are experiencing high demand for)/i;

function failureOf(turn: Turn): Failure | undefined {
  if (!FAILED.test(turn.head)) return undefined;
  return failureIn(turn.body);
}

const CONTEXT_USED = /(\d{1,3})% context used/i;
const CONTEXT_LEFT =
  /context (?:left until auto-compact|low|remaining)[^\d]{0,20}(\d{1,3})%|(\d{1,3})% until auto-compact/i;
/** The share from which on the CLI itself warns. */
const LOW = 0.8;

function contextUsed(footer: string): number | undefined {
  const used = CONTEXT_USED.exec(footer)?.[1];
  if (used !== undefined) return Math.min(100, Number(used)) / 100;
  const found = CONTEXT_LEFT.exec(footer);
  const left = found?.[1] ?? found?.[2];
  return left === undefined ? undefined : Math.max(0, 100 - Number(left)) / 100;
}

const QUOTA_USED = /\byou've used (\d{1,3})% of your (session|weekly) limit\b/i;

/** Shown for some seconds, where it is near its end. */
function quotaUsed(footer: string): Pick<PaneState, 'quotaUsed'> {
  const [, percent, window] = QUOTA_USED.exec(footer) ?? [];
  if (percent === undefined) return {};
  const resets = resetTimeIn(footer);
  const used = { usedRatio: Math.min(100, Number(percent)) / 100, ...(resets && { resets }) };
  return { quotaUsed: { [window?.toLowerCase() === 'session' ? '5h' : '7d']: used } };
}

const MODEL = /^▝▜█████▛▘\s+(.+?)(?: · |$)|^\s*(?:▝▜|▐▛)\S*\s+((?:Opus|Sonnet|Haiku|Fable)[^·]*)/;

function modelOn(page: Page): string | undefined {
  for (let row = 0; row < Math.min(page.lines.length, 25); row++) {
    const line = at(page, row);
    if (!line.includes('▜')) continue;
    const found = MODEL.exec(line);
    const model = found?.[1] ?? found?.[2];
    if (model !== undefined && !/^Claude Code/.test(model)) return model.trim();
  }
  return undefined;
}

/** A tool call that has no result yet. */
function toolRunning(page: Page, composer: Composer): string | undefined {
  for (let row = composer.top - 1; row >= Math.max(0, composer.top - 40); row--) {
    const call = /^[●⏺] ([\w-]+(?: - [\w-]+)?)\(/.exec(at(page, row));
    if (call !== null) {
      const next = at(page, row + 1).trim();
      return next === '' || /^⎿\s+(?:Running|Waiting|Initializing|Searching|Fetching)/.test(next) || /…$/.test(next)
        ? call[1]
        : undefined;
    }
    if (/^[●⏺❯>] /.test(at(page, row))) return undefined;
  }
  return undefined;
}

function working(page: Page, composer: Composer, spinner: string, facts: Partial<PaneState>): PaneState {
  if (/retry(?:ing)? in /i.test(spinner)) {
    const failure = failureIn(spinner);
    return {
      ...facts,
      activity: failure.activity,
      reason: 'a request failed and is tried again; the CLI does not say why',
    };
  }
  if (/compacting/i.test(spinner))
    return { ...facts, activity: 'compacting', reason: 'the conversation is being compacted' };
  const elapsed = elapsedIn(spinner);
  const tool = toolRunning(page, composer);
  return {
    ...facts,
    activity: 'working',
    reason: tool === undefined ? 'a spinner turns above the composer' : `${tool} is running`,
    ...(elapsed === undefined ? {} : { elapsedSeconds: elapsed }),
    ...(tool === undefined ? {} : { tool }),
  };
}

/** What is typed then looks for an earlier prompt. */
const HISTORY_SEARCH: PaneState = {
  activity: 'dialog',
  reason: 'earlier prompts are searched in the composer',
  dialog: { name: 'history-search', selector: 'text', options: [], text: 'search prompts:' },
};

function prompt(page: Page, composer: Composer): PaneState {
  const footer = footerOf(page, composer).join('\n');
  const used = contextUsed(footer);
  const model = modelOn(page);
  if (/^search prompts:/im.test(footer)) return HISTORY_SEARCH;
  const composed = PLACEHOLDER.test(composer.text) ? '' : composer.text;
  const facts: Partial<PaneState> = {
    ...countsIn(footer),
    ...quotaUsed(footer),
    ...(used === undefined ? {} : { contextUsedRatio: used }),
    ...(model === undefined ? {} : { model }),
    ...(composed === '' ? {} : { composed }),
  };
  const spinner = spinnerAbove(page, composer);
  if (spinner !== undefined) return working(page, composer, spinner, facts);
  if (/\besc to interrupt\b/i.test(footer)) return working(page, composer, '', facts);
  const turn = lastTurn(page, composer);
  const failure = failureOf(turn);
  if (composed !== '')
    return { ...facts, activity: 'compose_pending', reason: 'text stands in the composer and was not sent' };
  if (failure !== undefined) return { ...facts, ...failure };
  // Whoever has just left the login dialog is there and knows.
  if (/^not logged in\b|\bnot logged in · run \/login/im.test(footer) && !/^\/log(?:in|out)\b/.test(turn.prompt)) {
    return { ...facts, activity: 'auth_error', reason: 'the status line says that nobody is logged in' };
  }
  if (/\byou've (?:hit|reached) your\b.*\blimit\b|\blimit reached\b/i.test(footer)) {
    return { ...facts, ...failureIn(footer), activity: 'limit_reached' };
  }
  if (used !== undefined && used >= LOW)
    return { ...facts, activity: 'context_low', reason: `${Math.round(used * 100)} % of the context is used` };
  const resetsAt = resetIn(footer);
  return {
    ...facts,
    activity: 'idle',
    reason: 'the composer is empty and nothing turns',
    ...(resetsAt === undefined ? {} : { resetsAt }),
  };
}

const ANATOMY: Anatomy = {
  program: /\bclaude\b/,
  banner: /^[\s▐▛█▜▌╭─]*(?:Welcome to )?Claude Code v(\d+\.\d+\.\d+)\b/,
  signs: { selectors: '❯›>', conversation: CONVERSATION },
  composer: (page) => ruledComposer(page, { sign: SIGN }) ?? boxedComposer(page, SIGN),
  name: (found, page) => nameClaudeDialog(found, proseOf(page, Math.max(0, found.top - 12), found.top)),
  prompt,
};

export function readClaudeCode(screen: Screen): PaneState {
  return readCli(screen, ANATOMY);
}

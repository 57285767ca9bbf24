/**
 * Owns: what a screen of pi tells.
 * Never: presses keys; never trusts words that stand above the last turn.
 */
import { BRAILLE, elapsedIn } from '../reading/busy.ts';
import { type Composer, ruledComposer } from '../reading/composer.ts';
import type { Found } from '../reading/dialog.ts';
import { failureIn } from '../reading/failures.ts';
import { at, type Page } from '../reading/page.ts';
import { type Anatomy, type Named, readCli } from '../reading/read-cli.ts';
import type { PaneState, Screen } from '../screen.ts';

/** `↑1.2k ↓25 1.0%/128k (auto)   model`: share of the context (`?` once compacted), its size, the model at the right edge. */
const USAGE = /(?:^|\s)(\d+(?:\.\d+)?(?=%)|\?)%?\/(\d[\d.]*[kKmM]?)(?:\s*\([^)]*\))?(?:\s+(.*\S))?\s*$/;

/** A menu of completions stands between the composer and the usage line. */
const MOST_BELOW = 16;

interface Usage {
  readonly ratio: number | undefined;
  readonly window: string;
  readonly model: string | undefined;
}

function usageBelow(page: Page, box: Composer): Usage | undefined {
  for (let row = box.bottom + 1; row < Math.min(page.lines.length, box.bottom + MOST_BELOW); row++) {
    const found = USAGE.exec(at(page, row));
    if (found === null) continue;
    const ratio = found[1] === '?' ? undefined : Number(found[1]) / 100;
    return { ratio, window: found[2] ?? '', model: found[3] };
  }
  return undefined;
}

/** Two rules with text between them and the usage line below: without that line it may be anything. */
function composer(page: Page): Composer | undefined {
  const box = ruledComposer(page, {});
  return box !== undefined && usageBelow(page, box) !== undefined ? box : undefined;
}

function lastRows(page: Page, before: number): readonly string[] {
  const rows: string[] = [];
  for (let row = before - 1; row >= Math.max(0, before - 20); row--) {
    const line = at(page, row).trim();
    if (line !== '') rows.unshift(line);
    else if (rows.length > 0) break;
  }
  return rows;
}

function spinnerRow(page: Page, before: number): number {
  for (let row = before - 1; row > 0; row--) if (BRAILLE.test(at(page, row).trim())) return row;
  return 0;
}

function prompt(page: Page, box: Composer): PaneState {
  const usage = usageBelow(page, box);
  const composed = box.text;
  const facts: Partial<PaneState> = {
    ...(usage?.ratio === undefined ? {} : { contextUsedRatio: usage.ratio }),
    ...(usage?.model === undefined || usage.model === 'unknown' ? {} : { model: usage.model }),
    ...(composed === '' ? {} : { composed }),
  };
  const rows = lastRows(page, box.top);
  const last = rows.join(' ');
  const spinner = rows.find((row) => BRAILLE.test(row));
  if (spinner !== undefined) {
    const elapsed = elapsedIn(spinner);
    const timed = { ...facts, ...(elapsed === undefined ? {} : { elapsedSeconds: elapsed }) };
    if (/compacting/i.test(spinner))
      return { ...timed, activity: 'compacting', reason: 'the conversation is being compacted' };
    if (/retrying/i.test(spinner)) {
      // What failed stands in the block above the one that counts down.
      const failed = lastRows(page, spinnerRow(page, box.top)).join(' ');
      return {
        ...timed,
        ...failureIn(`${failed} ${last}`),
        reason: 'a request failed and is tried again',
      };
    }
    return { ...timed, activity: 'working', reason: 'a spinner turns above the composer' };
  }
  if (REPLACED.test(composed)) return selectorBetweenRules(composed);
  if (composed !== '')
    return { ...facts, activity: 'compose_pending', reason: 'text stands in the composer and was not sent' };
  if (usage?.model === 'unknown' && usage.window === '0') {
    return { ...facts, activity: 'auth_error', reason: 'no model is available: no provider has a credential' };
  }
  if (/^(?:Error|✗|\d{3} )/.test(rows[0] ?? '')) return { ...facts, ...failureIn(last) };
  if (usage?.ratio !== undefined && usage.ratio >= 0.9) {
    return { ...facts, activity: 'context_low', reason: `${Math.round(usage.ratio * 100)} % of the context is used` };
  }
  return { ...facts, activity: 'idle', reason: 'the composer is empty and nothing turns' };
}

/** What stands between the rules instead of the composer: a list with its selector, a search, or what ends it. */
const REPLACED =
  /^ *→ .*\n|\n *→ \S|^ *(?:Resume Session|Session Tree)\b|\besc(?:ape)?(?:\/ctrl\+c)? (?:to )?cancel\b|\n *\(\d+\/\d+\)$/i;

function selectorBetweenRules(text: string): PaneState {
  const rows = text.split('\n');
  const chosen = rows.findIndex((row) => /^ *→ /.test(row));
  const options = chosen === -1 ? [] : rows.slice(chosen).filter((row) => /^ *(?:→ | {2}\S)/.test(row));
  return {
    activity: 'dialog',
    reason: 'a list stands where the composer was',
    dialog: {
      name: KNOWN.find(([, says]) => says.test(text))?.[0] ?? 'unknown',
      selector: 'radio',
      options: options.map((label) => ({
        label: label.replace(/^ *→ /, '').trim(),
        selected: /^ *→ /.test(label),
      })),
      text,
    },
  };
}

const KNOWN: readonly (readonly [string, RegExp])[] = [
  ['model-picker', /select model|only showing models/i],
  ['resume-picker', /resume session/i],
  ['login-method', /select provider|login to|select authentication method/i],
  ['session-tree', /session tree/i],
  ['settings', /enter\/space to change/i],
];

const name = (found: Found): Named | undefined => {
  const known = KNOWN.find(([, says]) => says.test(found.seen.text));
  return known === undefined ? undefined : { name: known[0] };
};

const ANATOMY: Anatomy = {
  program: /\bpi\b/,
  banner: /^ pi v(\d+\.\d+\.\d+)$/,
  signs: { selectors: '→❯›', conversation: /^ [⠀-⣿]/ },
  composer,
  name,
  prompt,
};

export function readPi(screen: Screen): PaneState {
  return readCli(screen, ANATOMY);
}

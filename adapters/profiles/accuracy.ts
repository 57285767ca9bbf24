/**
 * Owns: measuring the readers against labelled screens: a directory with INDEX.tsv (file, cli, version, size, state, …).
 * Never: knows a CLI. Run: npx tsx adapters/profiles/accuracy.ts DIR
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ProfileName } from '../../api/resources/agent/agent.ts';
import { PROFILES as CLIS } from './profiles.ts';
import type { Screen } from './screen.ts';

export interface Labelled {
  readonly file: string;
  readonly profile: ProfileName;
  /** `dialog:<name>` or an activity. */
  readonly expected: string;
  readonly screen: Screen;
}

export interface Verdict {
  readonly file: string;
  readonly expected: string;
  readonly got: string;
}

const PROFILES: Readonly<Record<string, ProfileName>> = {
  claude: 'claude-code',
  'claude-code': 'claude-code',
  codex: 'codex',
  gemini: 'gemini',
  opencode: 'opencode',
  pi: 'pi',
  aider: 'aider',
  cursor: 'cursor',
};

/** Labelled screens of a directory. Throws when a file is missing or a CLI is not known. */
export function loadLabelled(directory: string): readonly Labelled[] {
  const [, ...rows] = readFileSync(join(directory, 'INDEX.tsv'), 'utf8').split('\n');
  return rows
    .filter((row) => row.trim() !== '')
    .map((row) => {
      const [file = '', cli = '', , size = '', state = ''] = row.split('\t');
      const profile = PROFILES[cli];
      if (profile === undefined) throw new Error(`${file}: the CLI ${cli} is not known`);
      const [width, height] = size.split('x').map(Number);
      return {
        file,
        profile,
        expected: state === 'running' ? 'working' : state,
        screen: {
          text: readFileSync(join(directory, file), 'utf8'),
          ...(width === undefined || Number.isNaN(width) ? {} : { width }),
          ...(height === undefined || Number.isNaN(height) ? {} : { height }),
        },
      };
    });
}

export function judge(labelled: readonly Labelled[]): readonly Verdict[] {
  return labelled.map(({ file, profile, expected, screen }) => {
    const state = CLIS[profile].read(screen);
    const got = state.activity === 'dialog' ? `dialog:${state.dialog?.name ?? 'unknown'}` : state.activity;
    return { file, expected, got };
  });
}

const BLOCKING =
  /^(?:dialog:|permission_prompt$|question$|auth_error$|rate_limited$|limit_reached$|error$|context_low$)/;
const ASKING = /^(?:dialog:|permission_prompt$|question$)/;

export interface Accuracy {
  readonly total: number;
  readonly right: number;
  readonly wrong: readonly Verdict[];
  readonly dialogsReadAsIdle: readonly Verdict[];
  readonly idleReadAsBlocked: readonly Verdict[];
}

export function measure(verdicts: readonly Verdict[]): Accuracy {
  const wrong = verdicts.filter(({ expected, got }) => expected !== got);
  return {
    total: verdicts.length,
    right: verdicts.length - wrong.length,
    wrong,
    dialogsReadAsIdle: wrong.filter(({ expected, got }) => ASKING.test(expected) && got === 'idle'),
    idleReadAsBlocked: wrong.filter(({ expected, got }) => expected === 'idle' && BLOCKING.test(got)),
  };
}

/** Share that must be read right. */
export const DEMANDED = 0.98;

export const isGoodEnough = ({ total, right, dialogsReadAsIdle, idleReadAsBlocked }: Accuracy): boolean =>
  total > 0 && right / total >= DEMANDED && dialogsReadAsIdle.length === 0 && idleReadAsBlocked.length === 0;

/** Accuracy and the confusion table as markdown. Dialogs are one row; which one was mistaken is listed below. */
export function report(verdicts: readonly Verdict[]): string {
  const accuracy = measure(verdicts);
  const kind = (state: string): string => state.replace(/^dialog:.*/, 'dialog');
  const kinds = [...new Set(verdicts.flatMap(({ expected, got }) => [kind(expected), kind(got)]))].sort();
  const cell = (row: string, column: string): string =>
    String(verdicts.filter(({ expected, got }) => kind(expected) === row && kind(got) === column).length || '');
  const percent = accuracy.total === 0 ? 0 : (100 * accuracy.right) / accuracy.total;
  return [
    `${accuracy.right} of ${accuracy.total} screens read as labelled: ${percent.toFixed(1)} % (at least ${DEMANDED * 100} % demanded).`,
    `Dialogs read as idle: ${accuracy.dialogsReadAsIdle.length}. Idle read as blocked: ${accuracy.idleReadAsBlocked.length}.`,
    '',
    `| labelled \\ read | ${kinds.join(' | ')} |`,
    `|---|${kinds.map(() => '--:|').join('')}`,
    ...kinds.map((row) => `| **${row}** | ${kinds.map((column) => cell(row, column)).join(' | ')} |`),
    ...(accuracy.wrong.length === 0 ? [] : ['', '| mistaken screen | labelled | read |', '|---|---|---|']),
    ...accuracy.wrong.map(({ file, expected, got }) => `| ${file} | ${expected} | ${got} |`),
    '',
  ].join('\n');
}

const [, script, directory] = process.argv;
if (script !== undefined && import.meta.url === pathToFileURL(script).href) {
  if (directory === undefined) {
    process.stderr.write('usage: npx tsx adapters/profiles/accuracy.ts DIR\n');
    process.exitCode = 2;
  } else {
    const labelled = loadLabelled(directory);
    for (let warm = 0; warm < 5; warm++) judge(labelled);
    const before = process.cpuUsage();
    let read = 0;
    while (read < 1000) read += judge(labelled).length;
    const used = process.cpuUsage(before);
    const verdicts = judge(labelled);
    process.stdout.write(report(verdicts));
    process.stdout.write(`\n${((used.user + used.system) / read).toFixed(0)} ms of CPU for 1,000 screens.\n`);
    process.exitCode = isGoodEnough(measure(verdicts)) ? 0 : 1;
  }
}

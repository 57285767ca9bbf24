/**
 * Owns: the order in which a screen is judged: gone, composer, dialog, nothing drawn, not understood.
 * Never: knows one CLI; each describes its anatomy.
 */
import type { Activity } from '../../../api/resources/agent/agent.ts';
import type { PaneState, Screen } from '../screen.ts';
import { titleTells } from './busy.ts';
import type { Composer } from './composer.ts';
import { type DialogSigns, dialogBelow, type Found } from './dialog.ts';
import { isBorder, layOut, type Page } from './page.ts';
import { isDeadPane, isShell, lastPrompt, type ShellPrompt } from './shell.ts';

export interface Named {
  readonly name: string;
  /** `dialog` unless it is one of the kinds that have an activity of their own. */
  readonly activity?: Extract<Activity, 'dialog' | 'permission_prompt' | 'question' | 'limit_reached' | 'auth_error'>;
  readonly reason?: string;
  readonly tool?: string;
  readonly resetsAt?: string;
}

/** What one CLI's screen is made of. */
export interface Anatomy {
  /** Its program, as it stands in a command line. */
  readonly program: RegExp;
  /** The row in which it names itself; group 1: its version. */
  readonly banner: RegExp;
  readonly signs: DialogSigns;
  composer(page: Page): Composer | undefined;
  /** What a dialog is called; undefined for one nobody described. */
  name(found: Found, page: Page): Named | undefined;
  /** What is told by a screen whose composer takes keys. */
  prompt(page: Page, composer: Composer): PaneState;
  /** Screens of another shape than composer or list, such as buttons in a row. */
  other?(page: Page): PaneState | undefined;
}

const unknown = (reason: string): PaneState => ({ activity: 'unknown', reason });

function tellDialog(found: Found, page: Page, anatomy: Anatomy): PaneState {
  const named = anatomy.name(found, page);
  const activity = named?.activity ?? 'dialog';
  const name = named?.name ?? 'unknown';
  return {
    activity,
    reason:
      named?.reason ??
      (named === undefined
        ? 'a dialog that is not known waits for an answer'
        : `the dialog ${name} waits for an answer`),
    dialog: { name, ...found.seen },
    ...(named?.tool === undefined ? {} : { tool: named.tool }),
    ...(named?.resetsAt === undefined ? {} : { resetsAt: named.resetsAt }),
  };
}

/** Rows that a CLI which is gone may have left below the prompt. */
const MOST_STALE = 12;

/** Something on these rows was drawn by a full-screen program. */
const DRAWN = /[❯›│┃●✻⏺]/;

/** What the lowest shell prompt tells, when nothing below it takes keys. */
function fromShell(page: Page, shell: ShellPrompt, liveFrom: number, program: RegExp): PaneState | undefined {
  const gone: PaneState = { activity: 'exited', reason: 'a shell prompt stands where the program was' };
  const below = page.lines.slice(shell.row + 1).filter((line) => line !== '');
  if (shell.command === '') return below.length <= MOST_STALE ? gone : undefined;
  if (liveFrom !== -1) return below.length === 0 ? gone : undefined;
  if (below.length > MOST_STALE || below.some((line) => isBorder(line) || DRAWN.test(line))) return undefined;
  // A long command is wrapped by the terminal.
  if (program.test(shell.command + below.slice(0, 4).join(''))) {
    return { activity: 'starting', reason: 'started, and nothing is drawn yet' };
  }
  return gone;
}

/** The title is surer than what the text leaves open, and never speaks against a dialog. */
function withTitle(state: PaneState, title: string | undefined): PaneState {
  const { busy, waits } = titleTells(title);
  if (busy && (state.activity === 'idle' || state.activity === 'unknown' || state.activity === 'compose_pending')) {
    return { ...state, activity: 'working', reason: 'the title of the pane shows a spinner' };
  }
  if (waits && (state.activity === 'idle' || state.activity === 'unknown')) {
    return {
      ...state,
      activity: 'dialog',
      reason: 'the title of the pane asks for action',
      dialog: { name: 'unknown', selector: 'text', options: [], text: '' },
    };
  }
  return state;
}

function judge(page: Page, screen: Screen, anatomy: Anatomy): PaneState {
  const foreground = screen.foreground;
  const cliRuns = foreground !== undefined && foreground !== '' && !isShell(foreground);
  if (isDeadPane(page)) return { activity: 'exited', reason: 'the pane is dead' };
  if (page.lines.length === 0) {
    return cliRuns ? { activity: 'starting', reason: 'nothing is drawn yet' } : unknown('the screen is empty');
  }
  const composer = anatomy.composer(page);
  const found = dialogBelow(page, composer === undefined ? 0 : composer.bottom + 1, anatomy.signs);
  const listed = found !== undefined && found.seen.options.length > 0;
  const other = composer === undefined && !listed ? anatomy.other?.(page) : undefined;
  // Below a composer only a list with its selector is a dialog; a footer also tells keys.
  const dialog = (composer === undefined && other === undefined) || listed ? found : undefined;
  const shell = lastPrompt(page);
  if (shell !== undefined && !cliRuns && other === undefined) {
    const liveFrom = dialog?.liveFrom ?? composer?.row ?? -1;
    // A status line may look like a prompt, but is indented.
    const statusLine = composer !== undefined && shell.row > composer.bottom && shell.indent > 0;
    if (shell.row >= liveFrom && !statusLine) {
      const told = fromShell(page, shell, liveFrom, anatomy.program);
      if (told !== undefined) return told;
    }
  }
  if (dialog !== undefined) return tellDialog(dialog, page, anatomy);
  if (composer !== undefined) return anatomy.prompt(page, composer);
  if (other !== undefined) return other;
  if (cliRuns && shell !== undefined && shell.row >= page.lines.length - 3) {
    return { activity: 'starting', reason: 'started, and nothing is drawn yet' };
  }
  return unknown('neither a composer nor a dialog stands at the bottom');
}

export function readCli(screen: Screen, anatomy: Anatomy): PaneState {
  const page = layOut(screen);
  const state = withTitle(judge(page, screen, anatomy), screen.title);
  const cliVersion = versionOn(page, anatomy.banner);
  return cliVersion === undefined ? state : { ...state, cliVersion };
}

function versionOn({ lines }: Page, banner: RegExp): string | undefined {
  for (const line of lines) {
    const version = banner.exec(line)?.[1];
    if (version !== undefined) return version;
  }
  return undefined;
}

/**
 * Owns: telling that a shell's prompt stands on the screen, which means that the CLI has gone or has not drawn yet.
 * Never: knows one CLI beyond the name of its program.
 */
import { at, indentOf, type Page } from './page.ts';

export interface ShellPrompt {
  readonly row: number;
  /** What is typed behind the prompt, '' for none. Leftovers of a border are not typed. */
  readonly command: string;
  readonly indent: number;
}

/** `user@host:dir# `, `[user@host dir]$ `, `(venv) user@host dir % `, fish's `user@host dir> `. */
const USER_AT_HOST =
  /^ {0,4}(?:\([^)\s]+\) ?)?\[?[A-Za-z_][\w.-]*@[\w.-]+(?::[^\s#$%>]*|[ ][^\s#$%>@]*)?\]? ?[#$%>](?:\s(.*))?$/;
/** `bash-5.2# ` and kin. */
const NAMED = /^(?:ba|z|da|k|fi)?sh-[\d.]+[a-z]?[#$%](?:\s(.*))?$/;
/** oh-my-zsh's arrow with a directory. */
const ARROW = /^➜ {1,2}\S+(?: git:\([^)]*\))?(?: ✗)?(?:\s(.*))?$/;
/** A lone sign. Too common in text to be trusted anywhere but on the last line. */
const LONE = /^[#$%]$/;
const LEFTOVERS = /[─━═╌╭╮╰╯│]{3,}.*$/;

const SHELLS = new Set(['bash', 'sh', 'zsh', 'dash', 'ksh', 'fish', 'ash', 'busybox']);

export const isShell = (foreground: string): boolean => SHELLS.has(foreground.replace(/^-/, ''));

function promptOn(line: string): string | undefined {
  // Cheap first: nearly no line has a prompt's signs.
  if (!/[@➜-]/.test(line)) return undefined;
  const found = USER_AT_HOST.exec(line) ?? NAMED.exec(line) ?? ARROW.exec(line);
  return found === null ? undefined : (found[1] ?? '').replace(LEFTOVERS, '').trim();
}

/** The lowest shell prompt on the screen. */
export function lastPrompt(page: Page): ShellPrompt | undefined {
  const last = page.lines.length - 1;
  if (LONE.test(at(page, last))) return { row: last, command: '', indent: 0 };
  for (let row = last; row >= 0; row--) {
    const command = promptOn(at(page, row));
    if (command !== undefined) return { row, command, indent: indentOf(at(page, row)) };
  }
  return undefined;
}

/** tmux's own words in a pane that outlives its program. */
export const isDeadPane = (page: Page): boolean => /^Pane is dead\b/.test(at(page, page.lines.length - 1).trim());

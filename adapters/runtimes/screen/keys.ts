/**
 * Owns: the bytes of keys as an xterm sends them. Pure.
 * Never: guesses a key nobody named.
 */
import { type Keystroke, RuntimeError } from '../runtime.ts';

/** xterm in application mode, which is what terminfo's xterm-256color tells screen to expect: it translates them for the program. */
const THROUGH_DISPLAY: Readonly<Record<string, string>> = {
  Up: '\u001bOA',
  Down: '\u001bOB',
  Right: '\u001bOC',
  Left: '\u001bOD',
  Home: '\u001bOH',
  End: '\u001bOF',
  PageUp: '\u001b[5~',
  PageDown: '\u001b[6~',
};
const NAMED: Readonly<Record<string, string>> = {
  Enter: '\r',
  Escape: '\u001b',
  Tab: '\t',
  BTab: '\u001b[Z',
  Space: ' ',
  BSpace: '\u007f',
};

export interface Typed {
  /** `paste` goes to the window as it is; `process` through the display, where cursor keys are translated. */
  readonly how: 'paste' | 'process';
  readonly bytes: string;
}

/**
 * Screen cannot tell whether a program asked for bracketed paste. Text of more than one line is bracketed all the same, for each of
 * its line breaks would submit it otherwise; a single line is typed.
 */
export function typed(stroke: Keystroke): Typed {
  if ('paste' in stroke) {
    const text = stroke.paste.replaceAll('\u001b', '').replaceAll(/\r?\n/g, '\r');
    return { how: 'paste', bytes: text.includes('\r') ? `\u001b[200~${text}\u001b[201~` : text };
  }
  const { key } = stroke;
  const through = THROUGH_DISPLAY[key];
  if (through !== undefined) return { how: 'process', bytes: through };
  const control = /^C-([a-z])$/.exec(key)?.[1];
  const bytes =
    NAMED[key] ??
    (control === undefined ? undefined : String.fromCharCode(control.charCodeAt(0) - 96)) ??
    (/^[!-~]$/.test(key) ? key : undefined);
  if (bytes === undefined) throw new RuntimeError(`"${key}" is not a key`);
  return { how: 'paste', bytes };
}

/**
 * Owns: reading what SCREENS prints. Pure.
 * Never: guesses: what is not whole is no screen.
 */
import type { Instant } from '../../../api/resources/time.ts';
import type { Screen } from '../../profiles/screen.ts';

export interface Shown {
  readonly name: string;
  readonly incarnation: Instant;
  readonly rows: readonly string[];
  readonly screen: Screen;
}

/** `=NAME INCARNATION FOREGROUND (column,row)/(columns,rows)`; the foreground's name may hold spaces. */
const HEAD = /^=(\S+) (\d+) (.+?) ?(?:\(\d+,\d+\)\/\((\d+),(\d+)\))?$/;

export function parseScreens(text: string): readonly Shown[] {
  const shown: { head: RegExpExecArray; rows: string[] }[] = [];
  for (const line of text.split('\n')) {
    const head = HEAD.exec(line);
    if (head) shown.push({ head, rows: [] });
    else if (line.startsWith('|')) shown.at(-1)?.rows.push(line.slice(1));
  }
  return shown.map(({ head: [, name = '', incarnation, foreground, width, height], rows }) => ({
    name,
    incarnation: Number(incarnation),
    rows,
    screen: {
      text: `${rows.join('\n')}\n`,
      ...(foreground !== '-' && foreground !== undefined && { foreground }),
      ...(width !== undefined && { width: Number(width), height: Number(height) }),
    },
  }));
}

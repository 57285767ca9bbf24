/**
 * Owns: tables as kubectl prints them: headers in capitals, columns three spaces apart.
 * Never: wraps or cuts; a narrow terminal is the terminal's business.
 */
import { oneLine } from './terminal.ts';

/** `kept`: widths that are kept from one call to the next and only grow: rows that follow later stand below the first. */
export function table(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  showHeaders = true,
  kept: number[] = [],
): string {
  const cells = [...(showHeaders ? [headers] : []), ...rows.map((row) => row.map(oneLine))];
  const widths = headers.map((_, column) =>
    cells.reduce((widest, row) => Math.max(widest, (row[column] ?? '').length), kept[column] ?? 0),
  );
  kept.splice(0, kept.length, ...widths);
  return cells
    .map(
      (row) =>
        `${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 3))).join('')}\n`,
    )
    .join('');
}

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

/** `45s`, `12m`, `3h`, `5d`: how long ago, in the largest unit, as kubectl does. */
export function age(iso: string | undefined, now: number): string {
  if (iso === undefined) return '<unknown>';
  const seconds = Math.max(0, Math.floor((now - Date.parse(iso)) / 1000));
  if (Number.isNaN(seconds)) return '<unknown>';
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 600)
    return seconds % 60 === 0 ? `${Math.floor(seconds / 60)}m` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  if (seconds < 10_800) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

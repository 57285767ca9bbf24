/**
 * Owns: which rows of a terminal are new between two looks at it. Pure.
 * Never: tells a row twice that did not change.
 */

export interface Capture {
  /** Number of the first row: rows are counted from where the scrollback began. */
  readonly base: number;
  /** Rows that have scrolled off the screen; they never change again. */
  readonly history: number;
  /** From `base`, without the empty rest of the screen. */
  readonly rows: readonly string[];
}

/** So many equal rows tell where one look ended within the next. */
const ANCHOR = 8;

/**
 * `kept`: how many of the `history` scrollback rows `rows` begins with. The row with the cursor is still being written and is left
 * out if it is the last; without a cursor nothing is being written.
 */
export function parseCapture(
  rows: readonly string[],
  history: number,
  kept: number,
  cursor: number | undefined,
): Capture {
  let end = rows.length;
  // What has scrolled off was printed, also when it is empty.
  while (end > kept && rows[end - 1] === '') end--;
  if (cursor !== undefined && end === kept + cursor + 1) end--;
  return { base: history - kept, history, rows: rows.slice(0, end) };
}

/** Rows of `next` that `before` did not have, and those that have changed in place. */
export function newRows(before: Capture | undefined, next: Capture): readonly string[] {
  if (!before) return next.rows;
  if (isAligned(before, next)) {
    return next.rows.filter((row, i) => {
      const old = before.rows[next.base + i - before.base];
      return old === undefined ? next.base + i >= before.base : old !== row && row !== '';
    });
  }
  // The scrollback was full and has dropped its oldest rows, or was cleared: the numbers are others now.
  const anchor = before.rows.slice(-ANCHOR);
  for (let end = next.rows.length; anchor.length > 0 && end >= anchor.length; end--) {
    if (anchor.every((row, i) => next.rows[end - anchor.length + i] === row)) return next.rows.slice(end);
  }
  return next.rows.slice(Math.max(0, next.history - next.base));
}

/** Numbers mean the same in both when the last rows that had scrolled off are still where they were. */
function isAligned(before: Capture, next: Capture): boolean {
  if (next.history < before.history) return false;
  const from = Math.max(before.base, next.base, before.history - ANCHOR);
  for (let row = from; row < before.history; row++) {
    if (before.rows[row - before.base] !== next.rows[row - next.base]) return false;
  }
  return true;
}

/**
 * Owns: comparing what scripts rely on with the files in `golden/`, and making unstable values the same every time.
 * Never: writes a golden file by itself: `npx vitest run --project e2e e2e/contracts -u` does, and the diff is reviewed.
 */
import { join } from 'node:path';
import { expect } from 'vitest';

const FOLDER = join(import.meta.dirname, 'golden');

/** Fails when the file differs, or does not exist (`update: 'none'` in vitest.config.ts). */
export const golden = (file: string, text: string): Promise<void> =>
  expect(text).toMatchFileSnapshot(join(FOLDER, file));

export const goldenJson = (file: string, value: unknown): Promise<void> =>
  golden(file, `${JSON.stringify(value, undefined, 2)}\n`);

/** `known` are texts of this very run (a directory, a fleet's id), replaced by their names first. */
export function tidy(text: string, known: Readonly<Record<string, string>>): string {
  let tidied = text;
  for (const [name, value] of Object.entries(known)) if (value !== '') tidied = tidied.replaceAll(value, `<${name}>`);
  return tidied
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>')
    .replaceAll(/("?(?:pid|resourceVersion|eventsSeen)"?: )"?\d+"?/g, '$1<number>')
    .replaceAll(/("?(?:launchHash|revision|lastAppliedRevision)"?: )"?[0-9a-f]{8,}"?/g, '$1<hash>')
    .replaceAll(/\b(web\.)\d+\b/g, '$1<number>')
    .replaceAll(/\bv?\d+\.\d+\.\d+[\w.+-]*/g, '<version>')
    .replaceAll(/(?<=\btmux )\d+\.\d+\w*/g, '<version>');
}

/** A table with its widths, ages and numbers that change taken out. */
export const tidyTable = (text: string, known: Readonly<Record<string, string>>): string =>
  tidy(text, known)
    .replaceAll(/(?<=^|\s)(?:\d+(?:ms|s|m|h|d))+(?=\s|$)/gm, '<age>')
    .replaceAll(/(?<=\s)\d{3,}(?=\s)/g, '<pid>')
    .replaceAll(/ {2,}/g, '   ')
    .replaceAll(/ +$/gm, '');

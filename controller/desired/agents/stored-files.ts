/**
 * Owns: files of an agent on their way into its record: as text where they are text, each with its hash.
 * Never: lets anybody else say what the hash is.
 */
import { createHash } from 'node:crypto';
import type { AgentFile, StoredFile } from '../../../api/resources/agent/agent-files.ts';

type Files = readonly StoredFile[] | undefined;

/** What the record has from now on: what was brought along, or else what it had. */
export function nextFiles(before: Files, brought: readonly AgentFile[] | undefined): Files {
  if (brought === undefined || (brought.length === 0 && before === undefined)) return before;
  const had = new Map(before?.map((file) => [file.name, file]));
  return brought.map((file) => store(file, had.get(file.name))).sort((a, b) => (a.name < b.name ? -1 : 1));
}

export const sameFiles = (a: Files, b: Files): boolean =>
  a === b ||
  (a?.length === b?.length &&
    (a ?? []).every((file, i) => {
      const other = b?.[i];
      return file.name === other?.name && file.mode === other.mode && file.sha256 === other.sha256;
    }));

export const fileHashes = (files: Files): Readonly<Record<string, string>> =>
  Object.fromEntries((files ?? []).map(({ name, sha256 }) => [name, sha256]));

function store({ name, mode, content }: AgentFile, before: StoredFile | undefined): StoredFile {
  const bytes = Buffer.from(content, 'base64');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (before?.sha256 === sha256) return before.mode === mode ? before : { ...before, mode };
  const text = textOf(bytes);
  return { name, mode, sha256, ...(text === undefined ? { base64: content } : { text }) };
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/**
 * Owns: files that come with an agent: which names there may be, how large they may be, how they are carried and stored.
 * Never: reads a file, or knows where one is put.
 */
import { z } from 'zod';

/** Bytes of one file; bytes of all files of one agent. */
export const MAX_AGENT_FILE_BYTES = 1_048_576;
export const MAX_AGENT_FILES_BYTES = 10_485_760;
export const MAX_AGENT_FILES = 1_000;

/** As it travels: `src_CLAUDE.md`, `to_home/.config/tool/settings.toml`. */
export interface AgentFile {
  readonly name: string;
  /** Permission bits. */
  readonly mode: number;
  /** Base64. */
  readonly content: string;
}

/** As it is stored: text where it is text, so that nobody decodes what is not asked for. */
export interface StoredFile {
  readonly name: string;
  readonly mode: number;
  /** Of the content, hexadecimal. */
  readonly sha256: string;
  readonly text?: string;
  readonly base64?: string;
}

export const SRC_PREFIX = 'src_';
export const HOME_FOLDER = 'to_home';

/** No control characters, no backslash: such names are spelled differently by every tool that prints them. */
const PLAIN = /^[^\p{Cc}\\\u2028\u2029]+$/u;

/** What is wrong with a path below some folder, as a predicate; undefined: it stays in the folder. */
export function pathFault(path: string): string | undefined {
  if (!PLAIN.test(path) || !path.isWellFormed()) return 'has a control character or backslash in its name';
  if (path.startsWith('/')) return 'is an absolute path';
  if (path.length > 1_000) return 'has a name longer than 1000 characters';
  const parts = path.split('/');
  if (parts.some((part) => part === '..')) return 'leaves its folder (..)';
  if (parts.some((part) => part === '' || part === '.')) return 'is not a plain path';
  if (parts.some((part) => part.length > 240)) return 'has a name longer than 240 characters';
  if (parts[0]?.toLowerCase() === '.sac') return "is in .sac, which is sac's own folder";
  if (parts.some((part) => part.toLowerCase() === '.git')) return 'is in .git, which belongs to git';
  return undefined;
}

/** What is wrong with the name of an agent's file; undefined: nothing. */
export function fileNameFault(name: string): string | undefined {
  if (name.startsWith(`${HOME_FOLDER}/`)) return pathFault(name.slice(HOME_FOLDER.length + 1));
  if (!name.startsWith(SRC_PREFIX)) return `is neither ${SRC_PREFIX}NAME nor below ${HOME_FOLDER}/`;
  if (name.includes('/')) return `is ${SRC_PREFIX}NAME in a folder; only ${HOME_FOLDER}/ has folders`;
  return pathFault(name.slice(SRC_PREFIX.length));
}

const bytesOf = (base64: string): number =>
  Math.floor((base64.length * 3) / 4) - (base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0);
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export const agentFilesSchema = z
  .array(
    z.strictObject({
      name: z.string().refine((name) => fileNameFault(name) === undefined, {
        error: ({ input }) => (typeof input === 'string' ? fileNameFault(input) : undefined) ?? 'is not a file name',
      }),
      mode: z.int().min(0).max(0o777),
      content: z
        .string()
        .refine((content) => content.length % 4 === 0 && BASE64.test(content), { message: 'is not base64' })
        .refine((content) => bytesOf(content) <= MAX_AGENT_FILE_BYTES, { message: 'is larger than 1 MiB' }),
    }),
  )
  .max(MAX_AGENT_FILES)
  .refine((files) => files.reduce((sum, { content }) => sum + bytesOf(content), 0) <= MAX_AGENT_FILES_BYTES, {
    message: 'are larger than 10 MiB together',
  })
  .refine((files) => new Set(files.map(({ name }) => name)).size === files.length, { message: 'name one file twice' });

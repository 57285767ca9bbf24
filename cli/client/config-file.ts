/**
 * Owns: the CLI's configuration: named contexts, and which one is current. YAML, 0600, written whole.
 * Never: takes a token from a file that others can read.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse, stringify, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { BadRequestError, DeniedError, InvalidError } from '../../api/resources/errors.ts';

const contextSchema = z
  .strictObject({
    server: z.string().refine(isServerUrl, { error: 'is not an http:// or https:// URL' }).optional(),
    socket: z.string().min(1).optional(),
    'token-file': z.string().min(1).optional(),
    /** Better kept in a file of its own; `config view` never shows it. */
    token: z.string().min(1).optional(),
    'ca-file': z.string().min(1).optional(),
  })
  .refine(({ server, socket }) => (server === undefined) !== (socket === undefined), {
    error: 'needs either server or socket',
  });
const configSchema = z.strictObject({
  'current-context': z.string().optional(),
  contexts: z.record(z.string(), contextSchema).default({}),
});
export type Config = z.output<typeof configSchema>;
export type ConfigContext = z.output<typeof contextSchema>;

/** The context that always exists and is nowhere written: this machine's socket. */
export const LOCAL_CONTEXT = 'local';

/** Userinfo would end in logs and process lists. */
export function isServerUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password } = new URL(value);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}

export const contextNamed = ({ contexts }: Config, name: string): ConfigContext | undefined =>
  Object.hasOwn(contexts, name) ? contexts[name] : undefined;

/** An absent file is an empty configuration. Throws InvalidError naming file, place and field of all that is wrong. */
export function readConfig(path: string): Config {
  const text = readText(path);
  if (text === undefined) return { contexts: {} };
  const result = configSchema.safeParse(parsed(text, path) ?? {});
  if (!result.success)
    throw new InvalidError(
      result.error.issues.map(
        ({ path: at, message }) => `${path}: ${at.length > 0 ? `${at.map(String).join('.')}: ` : ''}${message}`,
      ),
    );
  const holdsToken = Object.values(result.data.contexts).some(({ token }) => token !== undefined);
  const mode = statSync(path).mode & 0o777;
  if (holdsToken && (mode & 0o077) !== 0)
    throw new DeniedError(
      `${path} holds a token and others can read it (mode ${mode.toString(8)}); run \`chmod 600 ${path}\``,
    );
  return result.data;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new BadRequestError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parsed(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw new InvalidError([`${path}: ${String(error)}`]);
    const [start] = error.linePos ?? [];
    const [what = error.message] = error.message.split('\n');
    throw new InvalidError([`${path}:${start?.line ?? 1}:${start?.col ?? 1}: ${what.replace(/:$/, '')}`]);
  }
}

/** Whoever reads sees the old one or the new one, never a part. */
export function writeConfig(path: string, config: Config): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, stringify(config), { mode: 0o600, flag: 'wx' });
  renameSync(temporary, path);
}

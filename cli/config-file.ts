/**
 * Owns: the CLI's configuration: named contexts, and which one is current. YAML, 0600, written whole.
 * Never: holds a token itself; it names the file that does.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { InvalidError } from '../api/resources/errors.ts';

const contextSchema = z.strictObject({
  server: z.url().optional(),
  socket: z.string().optional(),
  'token-file': z.string().optional(),
  'ca-file': z.string().optional(),
});
const configSchema = z.strictObject({
  'current-context': z.string().optional(),
  contexts: z.record(z.string(), contextSchema).default({}),
});
export type Config = z.output<typeof configSchema>;
export type ConfigContext = z.output<typeof contextSchema>;

export function readConfig(path: string): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return { contexts: {} };
  }
  const result = configSchema.safeParse(parse(text) ?? {});
  if (!result.success)
    throw new InvalidError(result.error.issues.map(({ path: at, message }) => `${path}: ${at.join('.')}: ${message}`));
  return result.data;
}

export function writeConfig(path: string, config: Config): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, stringify(config), { mode: 0o600 });
  renameSync(temporary, path);
}

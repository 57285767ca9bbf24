/**
 * Owns: the controller program's flags.
 * Never: defaults that open a door: without --listen there is no TCP.
 */

import { resolve } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { BadRequestError } from '../api/resources/errors.ts';
import { type DurationMs, durationMs, durationSchema } from '../api/resources/time.ts';

export interface Flags {
  readonly agentsDirs: readonly string[] | undefined;
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly resyncMs: DurationMs;
  readonly takeover: boolean;
}

const OPTIONS = {
  'agents-dir': { type: 'string', multiple: true },
  listen: { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  resync: { type: 'string', default: '10m' },
  takeover: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options'];

export const USAGE = `Usage: node controller.js [--agents-dir DIR]... [--listen HOST:PORT [--tls-cert FILE --tls-key FILE]] [--resync DURATION] [--takeover]
The controller itself; \`sac controller run\` and \`sac controller start\` run it, and tell more of its flags with --help.
`;

/** undefined: what was asked for is help. Throws BadRequestError. */
export function parseFlags(argv: readonly string[]): Flags | undefined {
  const values = valuesOf(argv);
  if (values.help) return undefined;
  const cert = values['tls-cert'];
  const key = values['tls-key'];
  if ((cert === undefined) !== (key === undefined)) throw new BadRequestError('--tls-cert and --tls-key go together');
  const resync = durationSchema.safeParse(values.resync);
  if (!resync.success) throw new BadRequestError(`--resync "${values.resync}" is not a duration (30s, 10m, 1h)`);
  return {
    agentsDirs: values['agents-dir']?.map((path) => resolve(path)),
    listen: values.listen === undefined ? undefined : parseListen(values.listen),
    tls: cert !== undefined && key !== undefined ? { cert, key } : undefined,
    resyncMs: durationMs(resync.data),
    takeover: values.takeover,
  };
}

function valuesOf(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS }).values;
  } catch (error) {
    throw new BadRequestError(`${error instanceof Error ? error.message : String(error)}; see --help`);
  }
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535)
    throw new BadRequestError(`--listen "${text}" is not HOST:PORT (for example 127.0.0.1:9640)`);
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port };
}

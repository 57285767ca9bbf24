/**
 * Owns: what stands at an agent's place where files are deployed: hashes, what is in the way, what was deployed last.
 * Never: trusts what it reads there: the agent can write all of it.
 */
import { z } from 'zod';
import type { Transport } from '../../adapters/transport/transport.ts';
import { pathFault } from '../../api/resources/agent/agent-files.ts';
import type { PlannedFile, WorkspacePlan } from '../plan/workspace/workspace-plan.ts';
import { LOOK } from './scripts.ts';

export type FileName = Pick<PlannedFile, 'root' | 'path'>;

export interface Remembered {
  readonly sha256: string;
  readonly mode: number;
}

/** By `x` below the workspace, `~/x` below the home. */
export interface PlaceLook {
  /** Absolute. */
  readonly home: string;
  readonly hashes: ReadonlyMap<string, string>;
  /** Names that cannot be written to, and why. */
  readonly blocked: ReadonlyMap<string, string>;
  readonly remembered: ReadonlyMap<string, Remembered>;
  /** Of the paths that ought to exist. */
  readonly missing: readonly string[];
}

/** The place answered that nothing can be deployed there. For people. */
export class RefusedFiles extends Error {
  override readonly name = 'RefusedFiles';
}

/** Relative to the workspace. */
export const MEMORY = '.sac/files.json';

/** One round trip. Throws RefusedFiles, TransportError. */
export async function lookAt(
  { cwd, home, skills }: WorkspacePlan,
  names: readonly FileName[],
  transport: Transport,
): Promise<PlaceLook> {
  const of = (root: FileName['root']) => names.filter((name) => name.root === root).map(({ path }) => path);
  const inHome = of('home');
  const sections = [[...of('workspace'), MEMORY], inHome, skills];
  const { code, stdout, stderr } = await transport.run(
    ['sh', '-c', LOOK, 'sac-look', cwd, home ?? '', inHome.length > 0 ? 'home' : ''],
    { stdin: sections.map((lines) => `${lines.map((line) => `${line}\n`).join('')}\n`).join('') },
  );
  if (code !== 0) throw new RefusedFiles(stderr.trim().slice(-300) || `looking at ${cwd} ended with code ${code}`);
  return parseLook(stdout);
}

const FAULTS: Readonly<Record<string, string>> = {
  L: 'is a symbolic link there, or below one; nothing is written through links',
  D: 'cannot be a file there: something else has its name, or that of its folder',
};

export function parseLook(text: string): PlaceLook {
  const hashes = new Map<string, string>();
  const blocked = new Map<string, string>();
  const missing: string[] = [];
  const marker = '\nremembered\n';
  const end = text.indexOf(marker);
  let home = '';
  let prefix = '';
  for (const line of (end < 0 ? text : text.slice(0, end)).split('\n')) {
    const hash = /^([0-9a-f]{64})[ *]{2}\.\/(.*)$/.exec(line);
    const fault = /^([LD]) (.*)$/.exec(line);
    if (hash) hashes.set(prefix + (hash[2] ?? ''), hash[1] ?? '');
    else if (fault) blocked.set(prefix + (fault[2] ?? ''), FAULTS[fault[1] ?? ''] ?? '');
    else if (line.startsWith('home ')) {
      home = line.slice(5);
      prefix = '~/';
    } else if (line.startsWith('missing ')) missing.push(line.slice(8));
  }
  return { home, hashes, blocked, missing, remembered: parseMemory(end < 0 ? '' : text.slice(end + marker.length)) };
}

const memorySchema = z.object({
  files: z.record(
    z.string(),
    z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), mode: z.int().min(0).max(0o777) }),
  ),
});

/** What cannot be read is nothing: then what differs is taken for changed, and kept. */
function parseMemory(text: string): ReadonlyMap<string, Remembered> {
  try {
    const { files } = memorySchema.parse(JSON.parse(text));
    return new Map(Object.entries(files).filter(([name]) => pathFault(nameOf(name).path) === undefined));
  } catch {
    return new Map();
  }
}

export const renderMemory = (files: ReadonlyMap<string, Remembered>): string =>
  `${JSON.stringify({ note: 'Written by sac: what it deployed here.', files: Object.fromEntries(files) }, undefined, 1)}\n`;

export const nameOf = (name: string): FileName =>
  name.startsWith('~/') ? { root: 'home', path: name.slice(2) } : { root: 'workspace', path: name };

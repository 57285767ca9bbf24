/**
 * Owns: manifests named on the command line: files, directories, standard input; problems told all at once.
 * Never: lets a broken document stop the healthy ones.
 */
import { resolve } from 'node:path';
import type { ManifestDocument, ObjectDocument } from '../api/manifests/read.ts';
import type { ApplyItem } from '../api/protocol.ts';
import type { AgentFile } from '../api/resources/agent/agent-files.ts';
import { BadRequestError } from '../api/resources/errors.ts';
import { oneLine, paint } from './output/terminal.ts';
import { type Context, flag, type Options, texts } from './verb.ts';

export interface ReadManifests {
  readonly documents: readonly ManifestDocument[];
  /** What is no agent. */
  readonly objects: readonly ObjectDocument[];
  readonly problems: readonly string[];
  /** By agent, of those whose manifest lies in a folder of their own. */
  readonly files: ReadonlyMap<string, readonly AgentFile[]>;
}

/** What is sent to apply it. */
export const itemOf = (document: ManifestDocument | ObjectDocument, files: ReadManifests['files']): ApplyItem => {
  const { origin, manifest } = document;
  if (document.kind !== 'Agent') return { origin, manifest };
  const own = files.get(document.name);
  return { origin, manifest, ...(own && { files: own }), ...(document.lines && { lines: document.lines }) };
};

export async function readFiles(
  options: Options,
  context: Context,
  more: readonly string[] = [],
): Promise<ReadManifests> {
  const paths = [...texts(options, 'filename'), ...more];
  if (paths.length === 0)
    throw new BadRequestError('name the manifests: -f FILE, -f DIRECTORY or -f - for standard input');
  const { readPath } = await import('../api/manifests/files.ts');
  const documents: ManifestDocument[] = [];
  const objects: ObjectDocument[] = [];
  const problems: string[] = [];
  const files = new Map<string, readonly AgentFile[]>();
  for (const path of paths) {
    const found =
      path === '-'
        ? await readPath('-', { stdin: await context.stdin() })
        : await readPath(asNamed(path, context), { recursive: flag(options, 'recursive') });
    documents.push(...found.documents);
    objects.push(...found.objects);
    for (const [name, own] of found.files) files.set(name, files.get(name) ?? own);
    problems.push(...found.problems.map(({ text }) => text));
  }
  return { documents: once(documents, problems), objects: once(objects, problems), problems, files };
}

/** Each thing once; the others are problems. */
function once<T extends { readonly kind: string; readonly name: string; readonly origin: string }>(
  found: readonly T[],
  problems: string[],
): readonly T[] {
  const byName = new Map<string, T>();
  for (const document of found) {
    const { kind, name, origin } = document;
    const before = byName.get(`${kind}/${name}`);
    if (before)
      problems.push(
        `${origin} ${kind.toLowerCase()} "${name}" is declared a second time; the first is at ${before.origin}`,
      );
    else byName.set(`${kind}/${name}`, document);
  }
  return [...byName.values()];
}

/** Problems name files as the user did. */
const asNamed = (path: string, { cwd }: Context): string =>
  resolve(path) === resolve(cwd, path) ? path : resolve(cwd, path);

export function tellProblems({ err }: Context, problems: readonly string[]): void {
  for (const problem of problems) err.write(`${paint(err.colour, 'red', 'sac:')} ${oneLine(problem)}\n`);
}

export function tellWarnings({ err }: Context, documents: readonly ManifestDocument[]): void {
  for (const warning of documents.flatMap(({ warnings }) => warnings))
    err.write(`${paint(err.colour, 'yellow', 'warning:')} ${oneLine(warning)}\n`);
}

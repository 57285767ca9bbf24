/**
 * Owns: manifests named on the command line: files, directories, standard input; problems told all at once.
 * Never: lets a broken document stop the healthy ones.
 */
import { resolve } from 'node:path';
import type { ManifestDocument } from '../api/manifests/read.ts';
import { BadRequestError } from '../api/resources/errors.ts';
import { oneLine, paint } from './output/terminal.ts';
import { type Context, flag, type Options, texts } from './verb.ts';

export interface ReadManifests {
  readonly documents: readonly ManifestDocument[];
  readonly problems: readonly string[];
}

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
  const problems: string[] = [];
  for (const path of paths) {
    const found =
      path === '-'
        ? await readPath('-', { stdin: await context.stdin() })
        : await readPath(asNamed(path, context), { recursive: flag(options, 'recursive') });
    documents.push(...found.documents);
    problems.push(...found.problems.map(({ text }) => text));
  }
  const byName = new Map<string, ManifestDocument>();
  for (const document of documents) {
    const before = byName.get(document.name);
    if (before)
      problems.push(
        `${document.origin} agent "${document.name}" is declared a second time; the first is at ${before.origin}`,
      );
    else byName.set(document.name, document);
  }
  return { documents: [...byName.values()], problems };
}

/** Problems name files as the user did. */
const asNamed = (path: string, { cwd }: Context): string =>
  resolve(path) === resolve(cwd, path) ? path : resolve(cwd, path);

export function tellProblems({ err }: Context, problems: readonly string[]): void {
  for (const problem of problems) err.write(`${paint(err.colour, 'red', 'sac:')} ${oneLine(problem)}\n`);
}

export function tellWarnings({ err }: Context, documents: readonly ManifestDocument[]): void {
  for (const { origin, warnings } of documents)
    for (const warning of warnings)
      err.write(
        `${paint(err.colour, 'yellow', 'warning:')} ${oneLine(warning.startsWith(origin) ? warning : `${origin} ${warning}`)}\n`,
      );
}

/**
 * Owns: `sac edit`: the agent in the user's editor, checked, sent back.
 * Never: loses what was typed: on any failure the file stays, and its path is told.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { readManifests } from '../../../api/manifests/read.ts';
import { BadRequestError, EXIT, SacError } from '../../../api/resources/errors.ts';
import { agentNames } from '../../resources.ts';
import { type Context, flag, type Run } from '../../verb.ts';

const INTRO = '# Edit, save and leave. Lines beginning with # are ignored; an unchanged file changes nothing.\n';

export const run: Run = async (args, options, context) => {
  const [name, ...more] = agentNames(args);
  if (name === undefined || more.length > 0) throw new BadRequestError('name one agent: `sac edit NAME`');
  const client = await context.client();
  const { metadata, spec } = await client.get('agents', name);
  const original = stringify(
    {
      apiVersion: 'sac/v1',
      kind: 'Agent',
      metadata: { name, labels: metadata.labels, annotations: metadata.annotations },
      spec,
    },
    { lineWidth: 0 },
  );
  const folder = mkdtempSync(join(tmpdir(), 'sac-edit-'));
  const file = join(folder, `${name}.yaml`);
  let text = original;
  let problems: readonly string[] = [];
  for (;;) {
    writeFileSync(file, `${INTRO}${problems.map((problem) => `# PROBLEM ${problem}\n`).join('')}${text}`, {
      mode: 0o600,
    });
    await openEditor(file, context);
    const typed = withoutComments(readFileSync(file, 'utf8'));
    if (
      typed.trim() === '' ||
      typed === withoutComments(original) ||
      (problems.length > 0 && typed === withoutComments(text))
    ) {
      context.out.write(
        problems.length > 0 ? `Edit cancelled; what you typed is in ${file}\n` : 'Edit cancelled, no changes made.\n',
      );
      if (problems.length === 0) rmSync(folder, { recursive: true });
      return problems.length > 0 ? EXIT.usage : EXIT.done;
    }
    text = typed;
    const read = readManifests(typed, file);
    problems = read.problems.map((problem) => problem.text);
    const [document] = read.documents;
    if (problems.length > 0 || !document) continue;
    if (document.name !== name) {
      problems = [`metadata.name: an agent cannot be renamed (it is "${name}")`];
      continue;
    }
    try {
      const { labels = {}, annotations = {} } = document.parsed.metadata;
      await client.replace(name, {
        metadata: { name, labels, annotations, resourceVersion: metadata.resourceVersion },
        spec: parse(typed).spec,
        ...(flag(options, 'force') && { force: true }),
      });
    } catch (error) {
      if (!(error instanceof SacError)) throw error;
      context.err.write(`sac: ${error.message}\nsac: what you typed is in ${file}\n`);
      return error.exitCode;
    }
    rmSync(folder, { recursive: true });
    context.out.write(`agent/${name} edited\n`);
    return EXIT.done;
  }
};

const withoutComments = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');

function openEditor(file: string, { env }: Context): Promise<void> {
  // Split on spaces, without a shell, as git and kubectl users write it: EDITOR="code --wait".
  const [program = 'vi', ...args] = (env['SAC_EDITOR'] || env['VISUAL'] || env['EDITOR'] || 'vi')
    .split(/\s+/)
    .filter(Boolean);
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, file], { stdio: 'inherit' });
    child.on('error', () =>
      reject(new BadRequestError(`editor "${program}" cannot be started; set EDITOR to one that is installed`)),
    );
    child.on('exit', (code) =>
      code === 0
        ? resolve()
        : reject(new BadRequestError(`editor "${program}" ended with code ${code}; what you typed is in ${file}`)),
    );
  });
}

/**
 * Owns: `sac delete`.
 * Never: deletes what was not named.
 */
import type { Client } from '../../../api/client.ts';
import { BadRequestError, EXIT, type ExitCode, NotFoundError, SacError } from '../../../api/resources/errors.ts';
import { OBJECT_KINDS } from '../../../api/resources/kinds/kind-names.ts';
import type { Source } from '../../../api/resources/meta.ts';
import { concernsAll } from '../../client/each-agent.ts';
import { followUp } from '../../client/follow-up.ts';
import { findType, type Named, parseResources, typeOf } from '../../client/resources.ts';
import { selectAgents } from '../../client/selection.ts';
import { asked, dryRunOf, told } from '../../dry-run.ts';
import { readFiles, tellProblems } from '../../manifest-files.ts';
import { type Context, flag, type Options, type Run, texts } from '../../verb.ts';

export const run: Run = async (words, options, context) => {
  const { waits, strayed } = waiting(options);
  const args = [...words, ...strayed];
  const dryRun = dryRunOf(options);
  const client = await context.client();
  const fromFiles = texts(options, 'filename').length > 0;
  if (fromFiles && args.length > 0) throw new BadRequestError('names and -f exclude each other');
  let code: ExitCode = EXIT.done;
  let names: readonly string[];
  const others = new Map<Named['plural'], readonly string[]>();
  if (fromFiles) {
    const { documents, objects, problems } = await readFiles(options, context);
    tellProblems(context, problems);
    if (problems.length > 0) code = EXIT.usage;
    names = documents.map(({ name }) => name);
    for (const { kind, name } of objects) {
      const { plural } = OBJECT_KINDS[kind];
      others.set(plural, [...(others.get(plural) ?? []), name]);
    }
  } else if (args.length > 0 && namesObjects(args)) {
    for (const { plural, names: wanted } of parseResources(args)) others.set(plural, wanted);
    names = others.get('agents') ?? [];
    others.delete('agents');
  } else {
    names = await selectAgents(client, args, options, 'delete');
    if (names.length === 0) context.err.write('No agents found.\n');
  }
  const deleted: string[] = [];
  const request = { ...(flag(options, 'force') && { force: true }), ...asked(dryRun) };
  const wanted = [
    ...names.map((name) => ({ plural: 'agents' as const, name })),
    ...[...others].flatMap(([plural, all]) => all.map((name) => ({ plural, name }))),
  ];
  for (const { plural, name } of wanted) {
    try {
      if (dryRun === 'client') await client.get(plural, name);
      else {
        const { metadata } =
          plural === 'agents' ? await client.remove(name, request) : await client.removeObject(plural, name, request);
        await noteSource(client, { label: `${typeOf(plural).singular}/${name}`, source: metadata.source }, context);
      }
      if (dryRun !== undefined) context.out.write(`${typeOf(plural).singular}/${name} deleted${told(dryRun)}\n`);
      else if (plural === 'agents') deleted.push(name);
      else context.out.write(`${typeOf(plural).singular}/${name} deleted\n`);
    } catch (error) {
      // What is refused for one agent does not keep the others, which were asked to go too, from going.
      if (!(error instanceof SacError) || concernsAll(error)) throw error;
      if (error instanceof NotFoundError && flag(options, 'ignoreNotFound')) continue;
      tellProblems(context, [error.message]);
      if (code === EXIT.done) code = error.exitCode;
    }
  }
  if (!waits) {
    context.out.write(deleted.map((name) => `agent/${name} is being deleted\n`).join(''));
    return code;
  }
  if (deleted.length === 0) return code;
  const waited = await followUp(
    client,
    { names: deleted, goals: [{ kind: 'delete' }], told: 'deleted' },
    options,
    context,
  );
  return waited === EXIT.done ? code : waited;
};

/** What a git source or a watched directory still declares comes back: whoever deletes it should know, and how it would stay away. */
async function noteSource(
  client: Client,
  { label, source }: { readonly label: string; readonly source: Source | undefined },
  context: Context,
): Promise<void> {
  if (source?.kind === 'directory')
    context.err.write(
      `note: ${label} is declared in the watched directory ${source.name} and comes back at once; to be rid of it remove its manifest\n`,
    );
  if (source?.kind !== 'git') return;
  const owner = await client.get('gitsources', source.name).catch((error: unknown) => {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  });
  if (owner?.kind !== 'GitSource' || !('driftPolicy' in owner.spec)) return;
  const { driftPolicy, suspend } = owner.spec;
  const what = suspend
    ? `comes back when that is resumed`
    : driftPolicy === 'warn'
      ? `comes back with the next commit or \`sac sync ${source.name} --force\``
      : 'comes back';
  context.err.write(
    `note: ${label} is declared by git source ${source.name} and ${what}; to be rid of it remove it from the repository${suspend ? '' : `, to be without it for a while \`sac suspend ${source.name}\` first`}\n`,
  );
}

/** `host gpu1`, `host/gpu1 agent/web`: something that is no agent is named. */
const namesObjects = (words: readonly string[]): boolean =>
  words.some((word, i) => {
    const type = i === 0 || word.includes('/') ? findType(word.split('/')[0] ?? '') : undefined;
    return type !== undefined && type.plural !== 'agents' && type.verbs.includes('delete');
  });

/** kubectl's `--wait`, `--wait=false`, and `--no-wait`. A name right behind `--wait` is a name. */
function waiting(options: Options): { readonly waits: boolean; readonly strayed: readonly string[] } {
  const asked = options['wait'];
  if (typeof asked !== 'string') return { waits: asked !== false, strayed: [] };
  return asked === 'true' || asked === 'false'
    ? { waits: asked === 'true', strayed: [] }
    : { waits: true, strayed: [asked] };
}

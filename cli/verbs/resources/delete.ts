/**
 * Owns: `sac delete`.
 * Never: deletes what was not named.
 */
import { BadRequestError, EXIT, type ExitCode, NotFoundError, SacError } from '../../../api/resources/errors.ts';
import { concernsAll } from '../../each-agent.ts';
import { followUp } from '../../follow-up.ts';
import { readFiles, tellProblems } from '../../manifest-files.ts';
import { selectAgents } from '../../selection.ts';
import { flag, type Options, type Run, texts } from '../../verb.ts';

export const run: Run = async (words, options, context) => {
  const { waits, strayed } = waiting(options);
  const args = [...words, ...strayed];
  const client = await context.client();
  const fromFiles = texts(options, 'filename').length > 0;
  if (fromFiles && args.length > 0) throw new BadRequestError('names and -f exclude each other');
  let code: ExitCode = EXIT.done;
  let names: readonly string[];
  if (fromFiles) {
    const { documents, problems } = await readFiles(options, context);
    tellProblems(context, problems);
    if (problems.length > 0) code = EXIT.usage;
    names = documents.map(({ name }) => name);
  } else names = await selectAgents(client, args, options, 'delete');
  const deleted: string[] = [];
  for (const name of names) {
    try {
      await client.remove(name, flag(options, 'force') ? { force: true } : {});
      deleted.push(name);
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

/** kubectl's `--wait`, `--wait=false`, and `--no-wait`. A name right behind `--wait` is a name. */
function waiting(options: Options): { readonly waits: boolean; readonly strayed: readonly string[] } {
  const asked = options['wait'];
  if (typeof asked !== 'string') return { waits: asked !== false, strayed: [] };
  return asked === 'true' || asked === 'false'
    ? { waits: asked === 'true', strayed: [] }
    : { waits: true, strayed: [asked] };
}

/**
 * Owns: `sac delete`.
 * Never: deletes what was not named.
 */
import { BadRequestError, EXIT, NotFoundError } from '../../../api/resources/errors.ts';
import { followUp } from '../../follow-up.ts';
import { readFiles, tellProblems } from '../../manifest-files.ts';
import { oneLine } from '../../output/terminal.ts';
import { selectAgents } from '../../selection.ts';
import { flag, type Run, texts } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const client = await context.client();
  const fromFiles = texts(options, 'filename').length > 0;
  if (fromFiles && args.length > 0) throw new BadRequestError('names and -f exclude each other');
  let code: number = EXIT.done;
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
      if (!(error instanceof NotFoundError)) throw error;
      if (flag(options, 'ignoreNotFound')) continue;
      context.err.write(`sac: agent "${oneLine(name)}" not found\n`);
      code = EXIT.notFound;
    }
  }
  if (options['wait'] === false) {
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

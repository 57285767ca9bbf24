/**
 * Owns: `sac label` and `sac annotate`.
 * Never: overwrites a value without being told to.
 */
import { BadRequestError, ConflictError, EXIT } from '../../../api/resources/errors.ts';
import { selectAgents } from '../../selection.ts';
import { flag, type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const what = text(options, 'verb') === 'annotate' ? 'annotations' : 'labels';
  const isChange = (word: string) => /^[^=]+=/.test(word) || /^[^=]*[^=/]-$/.test(word);
  const changes = args.filter(isChange);
  const words = args.filter((word) => !isChange(word));
  if (changes.length === 0) throw new BadRequestError(`name the ${what}: key=value sets, key- removes`);
  const client = await context.client();
  for (const name of await selectAgents(client, words, options, text(options, 'verb') ?? 'label')) {
    const { metadata } = await client.get('agents', name);
    const patch: Record<string, string | null> = {};
    for (const change of changes) {
      const at = change.indexOf('=');
      const key = at < 0 ? change.slice(0, -1) : change.slice(0, at);
      const value = at < 0 ? null : change.slice(at + 1);
      const before = metadata[what][key];
      if (value !== null && before !== undefined && before !== value && !flag(options, 'overwrite'))
        throw new ConflictError(`agent/${name} has ${key}=${before} already; use --overwrite to change it`);
      patch[key] = value;
    }
    const after = await client.patch(name, { metadata: { [what]: patch } });
    context.out.write(
      `agent/${name} ${after.metadata.resourceVersion === metadata.resourceVersion ? 'unchanged' : what === 'labels' ? 'labeled' : 'annotated'}\n`,
    );
  }
  return EXIT.done;
};

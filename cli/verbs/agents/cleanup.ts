/**
 * Owns: `sac cleanup`: agents that have ended for good and only take up room.
 * Never: deletes without --terminal.
 */
import { EXIT } from '../../../api/resources/errors.ts';
import { flag, type Run } from '../../verb.ts';

export const run: Run = async (_args, options, context) => {
  const client = await context.client();
  const { items } = await client.list('agents');
  const ended = items.filter(
    ({ status, metadata }) =>
      (status.phase === 'Succeeded' || status.phase === 'Failed') && metadata.deletionTimestamp === undefined,
  );
  const remove = flag(options, 'terminal') && !flag(options, 'dryRun');
  if (ended.length === 0) context.err.write('Nothing to clean up: no agent has ended for good.\n');
  for (const {
    metadata: { name },
    status: { phase },
  } of ended) {
    if (remove) await client.remove(name);
    context.out.write(`agent/${name} ${phase}${remove ? ', deleted' : ''}\n`);
  }
  if (ended.length > 0 && !remove) context.err.write('Nothing was deleted; `sac cleanup --terminal` deletes these.\n');
  return EXIT.done;
};

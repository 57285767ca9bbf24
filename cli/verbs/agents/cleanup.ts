/**
 * Owns: `sac cleanup`: agents that have ended for good and only take up room.
 * Never: deletes without --terminal, or an agent that still has something to do.
 */
import type { Agent } from '../../../api/resources/agent/agent.ts';
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { eachAgent } from '../../client/each-agent.ts';
import { dryRunOf } from '../../dry-run.ts';
import { flag, type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  if (args.length > 0) throw new BadRequestError('cleanup takes no names; `sac delete NAME` deletes an agent');
  // Both places of other verbs' --dry-run are the same here.
  const dryRun = options['dryRun'] === true || dryRunOf(options) !== undefined;
  const client = await context.client();
  const selector = text(options, 'selector');
  const { items } = await client.list('agents', selector === undefined ? {} : { labelSelector: selector });
  const phases = new Map(items.filter(hasEnded).map(({ metadata, status }) => [metadata.name, status.phase]));
  if (phases.size === 0) {
    context.err.write('Nothing to clean up: no agent has ended for good.\n');
    return EXIT.done;
  }
  const remove = flag(options, 'terminal') && !dryRun;
  const { code } = await eachAgent([...phases.keys()], context, async (name) => {
    const phase = phases.get(name) ?? '';
    if (!remove) return `${phase}${dryRun ? ', would be deleted' : ''}`;
    // It may have been started again since it was listed.
    if (!hasEnded(await client.get('agents', name))) return 'kept: it no longer is at its end';
    await client.remove(name);
    return `${phase}, deleted`;
  });
  if (!remove) context.err.write('Nothing was deleted; `sac cleanup --terminal` deletes these.\n');
  return code;
};

const hasEnded = ({ status, metadata }: Agent): boolean =>
  (status.phase === 'Succeeded' || status.phase === 'Failed') &&
  status.observedGeneration === metadata.generation &&
  metadata.deletionTimestamp === undefined;

/**
 * Owns: `sac scale`.
 * Never: scales without a number.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { followUp, READY } from '../../follow-up.ts';
import { agentNames } from '../../resources.ts';
import { flag, type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const replicas = text(options, 'replicas');
  if (replicas === undefined || !/^\d+$/.test(replicas)) throw new BadRequestError('say how many: --replicas=3');
  const names = agentNames(args);
  if (names.length === 0) throw new BadRequestError('name the agents: `sac scale NAME --replicas=3`');
  const client = await context.client();
  for (const name of names) {
    await client.patch(name, { spec: { replicas: Number(replicas) } });
    context.out.write(`agent/${name} scaled to ${replicas}\n`);
  }
  return flag(options, 'wait') && Number(replicas) > 0
    ? followUp(client, { names, goals: [READY] }, options, context)
    : EXIT.done;
};

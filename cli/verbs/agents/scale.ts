/**
 * Owns: `sac scale`.
 * Never: scales without a number.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { eachAgent } from '../../client/each-agent.ts';
import { followUp, READY } from '../../client/follow-up.ts';
import { selectAgents } from '../../client/selection.ts';
import type { Goal } from '../../client/waiting.ts';
import { asked, dryRunOf, told } from '../../dry-run.ts';
import { flag, type Run, text } from '../../verb.ts';

const AT_REST: Goal = { kind: 'jsonpath', path: '{.status.phase}', value: 'Stopped' };

export const run: Run = async (args, options, context) => {
  const count = text(options, 'replicas');
  if (count === undefined) throw new BadRequestError('say how many: --replicas=3');
  if (!/^\d+$/.test(count)) throw new BadRequestError(`--replicas "${count}" is not a whole number from 0`);
  const replicas = Number(count);
  const dryRun = dryRunOf(options);
  const client = await context.client();
  const names = await selectAgents(client, args, options, 'scale');
  const { code, done } = await eachAgent(names, context, async (name) => {
    const before = await client.get('agents', name);
    if (before.spec.replicas === replicas) return `has ${replicas} already`;
    if (dryRun !== 'client')
      await client.patch(name, {
        spec: { replicas },
        ...(flag(options, 'force') && { force: true }),
        ...asked(dryRun),
      });
    return `scaled from ${before.spec.replicas} to ${replicas}${told(dryRun)}`;
  });
  if (!flag(options, 'wait') || dryRun !== undefined || done.length === 0) return code;
  const waited = await followUp(client, { names: done, goals: [replicas === 0 ? AT_REST : READY] }, options, context);
  return code === EXIT.done ? waited : code;
};

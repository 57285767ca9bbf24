/**
 * Owns: `sac scale`.
 * Never: scales without a number.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { eachAgent } from '../../each-agent.ts';
import { followUp, READY } from '../../follow-up.ts';
import { selectAgents } from '../../selection.ts';
import { flag, type Run, text } from '../../verb.ts';
import type { Goal } from '../../waiting.ts';

const AT_REST: Goal = { kind: 'jsonpath', path: '{.status.phase}', value: 'Stopped' };

export const run: Run = async (args, options, context) => {
  const asked = text(options, 'replicas');
  if (asked === undefined || !/^\d+$/.test(asked)) throw new BadRequestError('say how many: --replicas=3');
  const replicas = Number(asked);
  const client = await context.client();
  const names = await selectAgents(client, args, options, 'scale');
  const { code, done } = await eachAgent(names, context, async (name) => {
    const before = await client.get('agents', name);
    if (before.spec.replicas === replicas) return `has ${replicas} already`;
    await client.patch(name, { spec: { replicas }, ...(flag(options, 'force') && { force: true }) });
    return `scaled from ${before.spec.replicas} to ${replicas}`;
  });
  if (!flag(options, 'wait') || done.length === 0) return code;
  const waited = await followUp(client, { names: done, goals: [replicas === 0 ? AT_REST : READY] }, options, context);
  return code === EXIT.done ? waited : code;
};

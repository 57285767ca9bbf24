/**
 * Owns: `sac rollout undo`, `pause`, `resume` and `restart`.
 * Never: waits; `sac rollout status` does.
 */
import type { RolloutRequest } from '../../../api/protocol.ts';
import { BadRequestError } from '../../../api/resources/errors.ts';
import { eachAgent } from '../../client/each-agent.ts';
import { selectAgents } from '../../client/selection.ts';
import { type Run, text } from '../../verb.ts';

const act =
  (action: RolloutRequest['action'], told: string): Run =>
  async (args, options, context) => {
    const asked = text(options, 'toRevision');
    if (asked !== undefined && !/^[1-9]\d{0,8}$/.test(asked))
      throw new BadRequestError(`--to-revision: "${asked}" is not the number of a revision`);
    const client = await context.client();
    const names = await selectAgents(client, args, options, `rollout ${action}`);
    const { code } = await eachAgent(names, context, async (name) => {
      const { status } = await client.rollout(name, {
        action,
        ...(asked !== undefined && { revision: Number(asked) }),
      });
      return `${told}; ${status.rollout?.message ?? 'it has had no change yet'}`;
    });
    return code;
  };

export const undo = act('undo', 'rolled back');
export const pause = act('pause', 'paused');
export const resume = act('resume', 'resumed');
export const restart = act('restart', 'restarts in turn');

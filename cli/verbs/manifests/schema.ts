/**
 * Owns: `sac schema`.
 * Never: needs a controller.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { agentJsonSchema } from '../../../api/resources/schema.ts';
import type { Run } from '../../verb.ts';

export const run: Run = async ([kind = 'agent'], _options, { out }) => {
  if (kind.toLowerCase() !== 'agent') throw new BadRequestError(`there is no schema "${kind}"; known: agent`);
  out.write(`${JSON.stringify(agentJsonSchema(), undefined, 2)}\n`);
  return EXIT.done;
};

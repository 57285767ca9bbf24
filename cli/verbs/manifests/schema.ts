/**
 * Owns: `sac schema`.
 * Never: needs a controller.
 */
import { EXIT } from '../../../api/resources/errors.ts';
import { jsonSchemaOf } from '../../../api/resources/schema.ts';
import type { Run } from '../../verb.ts';

export const run: Run = async ([kind = 'agent'], _options, { out }) => {
  out.write(`${JSON.stringify(jsonSchemaOf(kind), undefined, 2)}\n`);
  return EXIT.done;
};

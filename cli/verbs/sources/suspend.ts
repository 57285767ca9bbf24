/**
 * Owns: `sac suspend` and `sac resume`: whether git sources rest.
 * Never: touches what they applied.
 */
import { EXIT } from '../../../api/resources/errors.ts';
import type { Run } from '../../verb.ts';
import { sourceNames } from './names.ts';

const set =
  (suspend: boolean): Run =>
  async (args, _options, context) => {
    const client = await context.client();
    for (const name of sourceNames(args)) {
      await client.patchObject('gitsources', name, { spec: { suspend } });
      context.out.write(`gitsource/${name} ${suspend ? 'suspended' : 'resumed'}\n`);
    }
    return EXIT.done;
  };

export const suspend = set(true);
export const resume = set(false);

/**
 * Owns: `sac suspend` and `sac resume`: whether git sources and budgets rest, and who goes on although a budget holds it.
 * Never: touches what a source applied.
 */

import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { RESUMED_ANNOTATION } from '../../../api/resources/kinds/budget.ts';
import { parseResources } from '../../client/resources.ts';
import type { Run } from '../../verb.ts';

const set =
  (suspend: boolean): Run =>
  async (args, _options, context) => {
    const asked = parseResources(args, 'gitsources').flatMap(({ plural, names }) =>
      names.map((name) => ({ plural, name })),
    );
    if (asked.length === 0) throw new BadRequestError('name a git source; `sac get sources` lists what there is');
    for (const { plural } of asked)
      if (plural !== 'gitsources' && plural !== 'budgets' && !(plural === 'agents' && !suspend))
        throw new BadRequestError(
          plural === 'agents'
            ? 'agents are put to rest by `sac stop`'
            : `only git sources and budgets can be named here${suspend ? '' : ', and agents that a budget holds'}, not ${plural}`,
        );
    const client = await context.client();
    const resumed = { metadata: { annotations: { [RESUMED_ANNOTATION]: new Date().toISOString() } } };
    for (const { plural, name } of asked) {
      if (plural === 'agents') {
        await client.patch(name, resumed);
        context.out.write(`agent/${name} resumed; no budget holds it until its next window\n`);
        continue;
      }
      const more = plural === 'budgets' && !suspend ? resumed : {};
      await client.patchObject(plural, name, { spec: { suspend }, ...more });
      const until = plural === 'budgets' && !suspend ? '; it holds nobody until its next window' : '';
      context.out.write(`${plural.slice(0, -1)}/${name} ${suspend ? 'suspended' : 'resumed'}${until}\n`);
    }
    return EXIT.done;
  };

export const suspend = set(true);
export const resume = set(false);

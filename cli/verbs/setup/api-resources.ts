/**
 * Owns: `sac api-resources`.
 * Never: needs a controller.
 */
import { EXIT } from '../../../api/resources/errors.ts';
import { RESOURCE_TYPES } from '../../client/resources.ts';
import { table } from '../../output/table.ts';
import type { Run } from '../../verb.ts';

export const run: Run = async (_args, _options, { out }) => {
  out.write(
    table(
      ['NAME', 'SHORTNAMES', 'APIVERSION', 'KIND', 'VERBS'],
      RESOURCE_TYPES.map(({ plural, short, kind, verbs }) => [
        plural,
        short.join(','),
        'sac/v1',
        kind,
        verbs.join(','),
      ]),
    ),
  );
  return EXIT.done;
};

/**
 * Owns: which git sources are meant: `fleet`, `source fleet`, `source/fleet`.
 * Never: asks the server.
 */
import { BadRequestError } from '../../../api/resources/errors.ts';
import { parseResources } from '../../client/resources.ts';

export function sourceNames(words: readonly string[]): readonly string[] {
  const names = parseResources(words, 'gitsources').flatMap(({ plural, names: found }) => {
    if (plural !== 'gitsources') throw new BadRequestError(`only git sources can be named here, not ${plural}`);
    return found;
  });
  if (names.length === 0) throw new BadRequestError('name a git source; `sac get sources` lists what there is');
  return names;
}

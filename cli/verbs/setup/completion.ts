/**
 * Owns: `sac completion`: prints the script for a shell.
 * Never: needs a controller.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { completionScript } from '../../completion/scripts.ts';
import type { Run } from '../../verb.ts';

export const run: Run = async ([shell, ...more], _options, { out }) => {
  if (shell === undefined || more.length > 0) throw new BadRequestError('name one shell: bash, zsh or fish');
  out.write(completionScript(shell));
  return EXIT.done;
};

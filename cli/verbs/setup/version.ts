/**
 * Owns: `sac version`.
 * Never: starts a controller to ask it.
 */
import { BadRequestError, EXIT, NoControllerError } from '../../../api/resources/errors.ts';
import { VERSION } from '../../../api/version.ts';
import { type Run, text } from '../../verb.ts';

export const run: Run = async (_args, options, context) => {
  const format = text(options, 'output');
  if (format !== undefined && format !== 'json') throw new BadRequestError(`-o "${format}" is not json`);
  let controller: string | null = null;
  try {
    controller = (await (await context.running()).version()).version;
  } catch (error) {
    if (!(error instanceof NoControllerError)) throw error;
  }
  if (format === 'json') context.out.write(`${JSON.stringify({ client: VERSION, controller }, undefined, 2)}\n`);
  else context.out.write(`client: ${VERSION}\ncontroller: ${controller ?? 'none runs'}\n`);
  return EXIT.done;
};

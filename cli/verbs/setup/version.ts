/**
 * Owns: `sac version`.
 * Never: starts a controller to ask it.
 */
import { BadRequestError, EXIT, NoControllerError } from '../../../api/resources/errors.ts';
import { BUILD, VERSION } from '../../../api/version.ts';
import { type Run, text } from '../../verb.ts';

export const run: Run = async (_args, options, context) => {
  const format = text(options, 'output');
  if (format !== undefined && format !== 'json') throw new BadRequestError(`-o "${format}" is not json`);
  let controller: { readonly version: string; readonly build?: string } | undefined;
  try {
    controller = await (await context.running()).version();
  } catch (error) {
    if (!(error instanceof NoControllerError)) throw error;
  }
  // Two installations may bear one version and hold other code.
  const differ = controller !== undefined && controller.build !== BUILD;
  const named = (version: string, build: string | undefined) =>
    build === undefined ? version : `${version} (${build})`;
  if (format === 'json') {
    const builds = { client: BUILD, controller: controller?.build ?? null };
    const said = { client: VERSION, controller: controller?.version ?? null, builds, differ };
    context.out.write(`${JSON.stringify(said, undefined, 2)}\n`);
    return EXIT.done;
  }
  const running = controller ? named(controller.version, controller.build) : 'none runs';
  context.out.write(`client: ${named(VERSION, BUILD)}\ncontroller: ${running}\n`);
  if (differ)
    context.err.write('The controller was built from other code than this program: start it anew from here.\n');
  return EXIT.done;
};

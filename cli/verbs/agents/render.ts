/**
 * Owns: `sac render`: the job script an agent would get, or with what it would be started.
 * Never: starts anything.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { agentNames } from '../../client/resources.ts';
import { escapeControls, stripControls } from '../../output/terminal.ts';
import { type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const [name, ...more] = args.length > 0 ? agentNames(args) : [];
  if (name === undefined || more.length > 0) throw new BadRequestError('name one agent: `sac render NAME`');
  const format = text(options, 'output');
  if (format !== undefined && format !== 'json' && format !== 'yaml')
    throw new BadRequestError(`output format "${format}" does not exist here; use json or yaml`);
  const client = await context.client();
  const shown = await client.render(name, text(options, 'instance'));
  if (format === 'json') context.out.write(`${escapeControls(JSON.stringify(shown, undefined, 2))}\n`);
  else if (format === undefined && shown.script !== undefined) context.out.write(stripControls(shown.script));
  else {
    const { toYaml } = await import('../../output/yaml.ts');
    context.out.write(stripControls(toYaml(shown)));
  }
  return EXIT.done;
};

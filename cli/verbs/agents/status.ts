/**
 * Owns: `sac list`, `status` and `inspect`.
 * Never: changes anything.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { stripControls } from '../../output/terminal.ts';
import { agentNames } from '../../resources.ts';
import { flag, type Options, type Run, text } from '../../verb.ts';

const LAST_LINES = 20;

export const run: Run = async (args, options, context) => {
  const verb = text(options, 'verb');
  const asJson: Options = flag(options, 'json') ? { ...options, output: 'json' } : options;
  const names = args.length > 0 ? agentNames(args) : [];
  if (verb === 'list' || names.length === 0 || text(asJson, 'output') !== undefined) {
    if (verb === 'inspect' && names.length === 0) throw new BadRequestError('name an agent: `sac inspect NAME`');
    const { run: get } = await import('../resources/get.ts');
    return get(['agents', ...names], asJson, context);
  }
  const { run: describe } = await import('../resources/describe.ts');
  const code = await describe(['agents', ...names], {}, context);
  if (verb !== 'inspect' || code !== EXIT.done) return code;
  const client = await context.client();
  for (const name of names) {
    context.out.write('Last output:\n');
    let output = '';
    for await (const chunk of client.logs(name, { tail: LAST_LINES, signal: context.signal })) output += chunk;
    context.out.write(stripControls(output).replace(/^(?=.)/gm, '  '));
  }
  return code;
};

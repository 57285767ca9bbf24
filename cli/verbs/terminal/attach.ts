/**
 * Owns: `sac attach`.
 * Never: attaches what has no terminal.
 */
import { BadRequestError } from '../../../api/resources/errors.ts';
import { agentNames } from '../../client/resources.ts';
import { assertLocal, handOver } from '../../client/terminal-session.ts';
import { type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const [name, ...more] = args.length > 0 ? agentNames(args) : [];
  if (name === undefined || more.length > 0) throw new BadRequestError('name one agent: `sac attach NAME`');
  await assertLocal(context, 'attach');
  if (!context.stdinIsTerminal || !context.out.isTerminal)
    throw new BadRequestError(
      `attach needs a terminal on standard input and output; \`sac logs ${name} -f\` works without`,
    );
  const client = await context.client();
  const { argv } = await client.attach(name, text(options, 'instance'));
  if (argv.length === 0)
    throw new BadRequestError(
      `agent "${name}" lives in a runtime without a terminal; \`sac logs ${name} -f\` shows its output`,
    );
  return handOver(argv, { env: context.env });
};

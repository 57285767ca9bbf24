/**
 * Owns: `sac exec`: a command in an agent's working directory.
 * Never: passes it through a shell.
 */
import { BadRequestError } from '../../../api/resources/errors.ts';
import { agentNames } from '../../resources.ts';
import { assertLocal, handOver } from '../../terminal-session.ts';
import { type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const [target = '', ...rest] = args;
  const command = rest[0] === '--' ? rest.slice(1) : rest;
  const [name] = agentNames([target]);
  if (name === undefined || command.length === 0)
    throw new BadRequestError('say which agent and what to run: `sac exec NAME -- COMMAND ARGS`');
  await assertLocal(context, 'exec');
  const client = await context.client();
  const { cwd } = await client.attach(name, text(options, 'instance'));
  return handOver(command, cwd === undefined ? {} : { cwd });
};

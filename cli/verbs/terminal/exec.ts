/**
 * Owns: `sac exec`: a command in an agent's working directory.
 * Never: passes it through a shell.
 */
import { statSync } from 'node:fs';
import { BadRequestError } from '../../../api/resources/errors.ts';
import { LOCAL_HOST } from '../../../api/resources/names.ts';
import { agentNames } from '../../client/resources.ts';
import { assertLocal, handOver, NotStartedError } from '../../client/terminal-session.ts';
import { tellProblems } from '../../manifest-files.ts';
import { type Options, type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const { target, instance, command } = parseWords(args, options);
  const [name] = agentNames([target]);
  if (name === undefined) throw new BadRequestError(USAGE);
  await assertLocal(context, 'exec');
  const client = await context.client();
  const { cwd, host } = await client.attach(name, instance);
  if (host !== LOCAL_HOST)
    throw new BadRequestError(`agent "${name}" lives on host ${host}; exec runs on this machine only, so far`);
  if (cwd !== undefined && statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new BadRequestError(`the working directory of agent "${name}", ${cwd}, does not exist (yet)`);
  try {
    return await handOver(command, { env: context.env, ...(cwd !== undefined && { cwd }) });
  } catch (error) {
    if (!(error instanceof NotStartedError)) throw error;
    tellProblems(context, [error.message]);
    return error.code;
  }
};

const USAGE = 'say which agent and what to run: `sac exec NAME -- COMMAND ARGS`';

interface Words {
  readonly target: string;
  readonly instance: string | undefined;
  readonly command: readonly string[];
}

/** `web -- CMD`, `web CMD`, `web --instance web-1 -- CMD`: what follows the name is ours only up to `--`. */
function parseWords(args: readonly string[], options: Options): Words {
  const [target, ...rest] = args;
  const end = rest.indexOf('--');
  const ours = end < 0 ? [] : rest.slice(0, end);
  const command = end < 0 ? rest : rest.slice(end + 1);
  if (target === undefined || command.length === 0) throw new BadRequestError(USAGE);
  const [word, value, ...more] = ours;
  if (word === undefined) return { target, instance: text(options, 'instance'), command };
  if (word.startsWith('--instance=') && value === undefined)
    return { target, instance: word.slice('--instance='.length), command };
  if (word === '--instance' && value !== undefined && more.length === 0) return { target, instance: value, command };
  // A command may have a `--` of its own: `sac exec web git log -- src`.
  return { target, instance: text(options, 'instance'), command: rest };
}

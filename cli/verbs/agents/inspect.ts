/**
 * Owns: `sac inspect`: how each instance of an agent is now, with the end of its output.
 * Never: changes anything.
 */
import type { Client } from '../../../api/client.ts';
import type { InstanceStatus } from '../../../api/resources/agent/agent.ts';
import { BadRequestError, EXIT, SacError } from '../../../api/resources/errors.ts';
import { agentNames } from '../../client/resources.ts';
import { escapeControls, stripControls } from '../../output/terminal.ts';
import { type Context, flag, type Run, text } from '../../verb.ts';
import { summarize } from './summary.ts';

const LAST_LINES = 20;

interface Output {
  readonly lines: readonly string[];
  /** Why there are none. */
  readonly unavailable?: string;
}

export const run: Run = async (args, options, context) => {
  const screen = text(options, 'screen');
  if (screen !== undefined)
    return (await import('../terminal/inspect-screen.ts')).inspectScreen(screen, args, options, context);
  const [name, ...more] = args.length > 0 ? agentNames(args) : [];
  if (name === undefined || more.length > 0) throw new BadRequestError('name one agent: `sac inspect NAME`');
  const format = text(options, 'output');
  if (format !== undefined && format !== 'json') throw new BadRequestError(`-o "${format}" is not json`);
  const client = await context.client();
  const agent = await client.get('agents', name);
  const seen = await Promise.all(
    agent.status.instances.map(async (instance) => ({
      instance,
      output: await lastOutput(client, name, instance, context),
    })),
  );
  if (format === 'json' || flag(options, 'json')) {
    const instances = seen.map(({ instance, output }) => ({ ...instance, lastOutput: output.lines }));
    context.out.write(
      `${escapeControls(JSON.stringify({ ...agent, status: { ...agent.status, instances } }, undefined, 2))}\n`,
    );
    return EXIT.done;
  }
  context.out.write(
    [
      summarize(agent, Date.now()),
      ...seen.map(({ instance, output }) => `\nLast output of ${instance.name}:\n${shown(output)}`),
    ].join(''),
  );
  return EXIT.done;
};

async function lastOutput(
  client: Client,
  name: string,
  instance: InstanceStatus,
  { signal }: Context,
): Promise<Output> {
  let all = '';
  try {
    for await (const chunk of client.logs(name, { tail: LAST_LINES, instance: instance.name, signal })) all += chunk;
  } catch (error) {
    if (!(error instanceof SacError) || error.exitCode === EXIT.noController) throw error;
    return { lines: [], unavailable: error.message };
  }
  return { lines: stripControls(all).trimEnd().split('\n').slice(-LAST_LINES) };
}

const shown = ({ lines, unavailable }: Output): string =>
  unavailable !== undefined
    ? `  (${stripControls(unavailable)})\n`
    : lines.length === 1 && lines[0] === ''
      ? '  (none)\n'
      : lines.map((line) => `  ${line}`.trimEnd().concat('\n')).join('');

/**
 * Owns: `sac logs`.
 * Never: lets an agent's output obey the reader's terminal, or shows secrets in it, unless --raw asks for it.
 */
import type { Client } from '../../../api/client.ts';
import type { LogQuery } from '../../../api/protocol.ts';
import type { Agent } from '../../../api/resources/agent/agent.ts';
import { BadRequestError, EXIT, type ExitCode, SacError } from '../../../api/resources/errors.ts';
import { agentNames } from '../../client/resources.ts';
import { tellProblems } from '../../manifest-files.ts';
import { LineWriter } from '../../output/line-writer.ts';
import { oneLine } from '../../output/terminal.ts';
import { type Context, flag, type Options, type Run, text } from '../../verb.ts';

/** Per instance, when several are shown and nobody said how much; kubectl's. */
const TAIL_OF_MANY = 10;

export const run: Run = async (args, options, context) => {
  const selector = text(options, 'selector');
  const query = queryFrom(options, selector === undefined ? undefined : TAIL_OF_MANY);
  if (selector !== undefined) {
    if (args.length > 0 || query.instance !== undefined)
      throw new BadRequestError('a name or --instance and -l exclude each other');
    const client = await context.client();
    const { items } = await client.list('agents', { labelSelector: selector });
    if (items.length === 0) context.err.write('No agents found.\n');
    return showMany(client, items, query, options, context);
  }
  const [name, ...more] = args.length > 0 ? agentNames(args) : [];
  if (name === undefined || more.length > 0)
    throw new BadRequestError('name one agent: `sac logs NAME`, or several with -l');
  const client = await context.client();
  if (query.instance === undefined) tellWhich(await client.get('agents', name), context);
  await show(client, name, query, '', options, context);
  return EXIT.done;
};

function queryFrom(options: Options, defaultTail: number | undefined): LogQuery {
  const asked = text(options, 'tail');
  if (asked !== undefined && !/^(?:\d+|-1)$/.test(asked))
    throw new BadRequestError(`--tail "${asked}" is not a number of lines (-1: all)`);
  const tail = asked === undefined ? defaultTail : asked === '-1' ? undefined : Number(asked);
  const instance = text(options, 'instance');
  return {
    ...(tail !== undefined && { tail }),
    ...(flag(options, 'previous') && { previous: true }),
    ...(flag(options, 'follow') && { follow: true }),
    ...(instance !== undefined && { instance }),
    ...(flag(options, 'raw') && { raw: true }),
  };
}

/** The server shows the instance that has the agent's name, or the first. */
function tellWhich({ metadata: { name }, status }: Agent, { err }: Context): void {
  const names = status.instances.map((instance) => instance.name).sort();
  const shown = names.includes(name) ? name : names[0];
  if (shown === undefined || names.length < 2) return;
  const others = names.filter((one) => one !== shown);
  err.write(
    oneLine(
      `sac: agent/${name} has ${names.length} instances; this is ${shown}, --instance shows ${others.join(', ')}`,
    ),
  );
  err.write('\n');
}

/** Each instance with its name before every line; one that cannot be shown does not end the others. */
async function showMany(
  client: Client,
  agents: readonly Agent[],
  query: LogQuery,
  options: Options,
  context: Context,
): Promise<ExitCode> {
  const codes = await Promise.all(
    agents.flatMap(({ metadata: { name }, status }) =>
      status.instances.map(async (instance) => {
        try {
          await show(client, name, { ...query, instance: instance.name }, `[${instance.name}] `, options, context);
          return EXIT.done;
        } catch (error) {
          if (!(error instanceof SacError)) throw error;
          tellProblems(context, [error.message]);
          return error.exitCode;
        }
      }),
    ),
  );
  return codes.find((code) => code !== EXIT.done) ?? EXIT.done;
}

async function show(
  client: Client,
  name: string,
  query: LogQuery,
  prefix: string,
  options: Options,
  { out, signal }: Context,
): Promise<void> {
  const writer = new LineWriter(out, { prefix, raw: flag(options, 'raw') });
  for await (const chunk of client.logs(name, { ...query, signal })) writer.write(chunk);
  writer.end();
}

/**
 * Owns: `sac logs`.
 * Never: lets an agent's output obey the reader's terminal, unless --raw asks for it.
 */

import type { Client } from '../../../api/client.ts';
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { stripControls } from '../../output/terminal.ts';
import { agentNames } from '../../resources.ts';
import { type Context, flag, type Options, type Run, text } from '../../verb.ts';

export const run: Run = async (args, options, context) => {
  const client = await context.client();
  const selector = text(options, 'selector');
  if (selector === undefined) {
    const [name, ...more] = args.length > 0 ? agentNames(args) : [];
    if (name === undefined || more.length > 0)
      throw new BadRequestError('name one agent: `sac logs NAME`, or several with -l');
    await show(client, name, '', options, context);
    return EXIT.done;
  }
  const { items } = await client.list('agents', { labelSelector: selector });
  if (items.length === 0) context.err.write('No agents found.\n');
  await Promise.all(items.map(({ metadata: { name } }) => show(client, name, `[${name}] `, options, context)));
  return EXIT.done;
};

async function show(
  client: Client,
  name: string,
  prefix: string,
  options: Options,
  { out, signal }: Context,
): Promise<void> {
  const tail = text(options, 'tail');
  if (tail !== undefined && !/^\d+$/.test(tail)) throw new BadRequestError(`--tail "${tail}" is not a number of lines`);
  const instance = text(options, 'instance');
  const query = {
    ...(tail !== undefined && { tail: Number(tail) }),
    ...(flag(options, 'previous') && { previous: true }),
    ...(flag(options, 'follow') && { follow: true }),
    ...(instance !== undefined && { instance }),
  };
  const clean = flag(options, 'raw') ? (line: string) => line : (line: string) => stripControls(line);
  let rest = '';
  for await (const chunk of client.logs(name, { ...query, signal })) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    out.write(lines.map((line) => `${prefix}${clean(line)}\n`).join(''));
  }
  if (rest !== '') out.write(`${prefix}${clean(rest)}\n`);
}

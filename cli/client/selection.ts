/**
 * Owns: which agents a verb is about: names, -l, --all.
 * Never: falls back to all when nothing was named.
 */
import type { Client } from '../../api/client.ts';
import { BadRequestError } from '../../api/resources/errors.ts';
import { flag, type Options, text } from '../verb.ts';
import { agentNames } from './resources.ts';

export async function selectAgents(
  client: Client,
  words: readonly string[],
  options: Options,
  verb: string,
): Promise<readonly string[]> {
  const selector = text(options, 'selector');
  const all = flag(options, 'all');
  const names = words.length > 0 ? agentNames(words) : [];
  if (names.length > 0) {
    if (selector !== undefined || all) throw new BadRequestError('names, -l and --all exclude each other');
    return [...new Set(names)];
  }
  if (selector === undefined && !all)
    throw new BadRequestError(`name the agents: \`sac ${verb} NAME...\`, -l SELECTOR or --all`);
  const { items } = await client.list('agents', selector === undefined ? {} : { labelSelector: selector });
  return items.map(({ metadata }) => metadata.name);
}

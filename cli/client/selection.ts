/**
 * Owns: which agents, or things of another kind, a verb is about: names, -l, --all.
 * Never: falls back to all when nothing was named.
 */
import type { Client } from '../../api/client.ts';
import type { Plural } from '../../api/protocol.ts';
import { BadRequestError } from '../../api/resources/errors.ts';
import { flag, type Options, text } from '../verb.ts';
import { agentNames, typeOf } from './resources.ts';

export async function selectAgents(
  client: Client,
  words: readonly string[],
  options: Options,
  verb: string,
): Promise<readonly string[]> {
  return selectOf(client, 'agents', words.length > 0 ? agentNames(words) : [], options, verb);
}

export async function selectOf(
  client: Client,
  plural: Plural,
  names: readonly string[],
  options: Options,
  verb: string,
): Promise<readonly string[]> {
  const selector = text(options, 'selector');
  const all = flag(options, 'all');
  if (names.length > 0) {
    if (selector !== undefined || all) throw new BadRequestError('names, -l and --all exclude each other');
    return [...new Set(names)];
  }
  if (selector === undefined && !all)
    throw new BadRequestError(
      plural === 'agents'
        ? `name the agents: \`sac ${verb} NAME...\`, -l SELECTOR or --all`
        : `name the ${plural}: \`sac ${verb} ${typeOf(plural).singular}/NAME...\`, -l SELECTOR or --all`,
    );
  const { items } = await client.list(plural, selector === undefined ? {} : { labelSelector: selector });
  return items.map(({ metadata }) => metadata.name);
}

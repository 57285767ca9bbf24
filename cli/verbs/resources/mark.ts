/**
 * Owns: `sac label` and `sac annotate`.
 * Never: overwrites a value without being told to.
 */
import type { Client } from '../../../api/client.ts';
import type { Plural } from '../../../api/protocol.ts';
import { BadRequestError, ConflictError, EXIT } from '../../../api/resources/errors.ts';
import { eachAgent } from '../../client/each-agent.ts';
import { findType, parseResources, typeOf } from '../../client/resources.ts';
import { selectAgents } from '../../client/selection.ts';
import { asked, type DryRun, dryRunOf, told } from '../../dry-run.ts';
import { flag, type Run, text } from '../../verb.ts';

type What = 'labels' | 'annotations';
/** `null` removes. */
type Changes = ReadonlyMap<string, string | null>;

export const run: Run = async (args, options, context) => {
  const verb = text(options, 'verb') === 'annotate' ? 'annotate' : 'label';
  const what: What = verb === 'annotate' ? 'annotations' : 'labels';
  const changes = parseChanges(args.filter(isChange), what);
  const client = await context.client();
  const words = args.filter((word) => !isChange(word));
  const settings: Settings = {
    what,
    changes,
    overwrite: flag(options, 'overwrite'),
    force: flag(options, 'force'),
    dryRun: dryRunOf(options),
  };
  const type = findType((words[0] ?? '').split('/')[0] ?? '');
  if (type && type.plural !== 'agents' && type.verbs.includes('patch')) {
    for (const { plural, names } of parseResources(words))
      for (const name of names)
        context.out.write(`${typeOf(plural).singular}/${name} ${await mark(client, plural, name, settings)}\n`);
    return EXIT.done;
  }
  const names = await selectAgents(client, words, options, verb);
  return (await eachAgent(names, context, (name) => mark(client, 'agents', name, settings))).code;
};

/** No name of an agent holds `=` or ends in `-`. */
const isChange = (word: string) => word.includes('=') || word.endsWith('-');

function parseChanges(words: readonly string[], what: What): Changes {
  if (words.length === 0) throw new BadRequestError(`name the ${what}: key=value sets, key- removes`);
  const changes = new Map<string, string | null>();
  for (const word of words) {
    const at = word.indexOf('=');
    const key = at < 0 ? word.slice(0, -1) : word.slice(0, at);
    if (key === '') throw new BadRequestError(`"${word}" names no key: key=value sets, key- removes`);
    if (changes.has(key)) throw new BadRequestError(`"${key}" is changed twice; say which change is meant`);
    changes.set(key, at < 0 ? null : word.slice(at + 1));
  }
  return changes;
}

interface Settings {
  readonly what: What;
  readonly changes: Changes;
  readonly overwrite: boolean;
  readonly force: boolean;
  readonly dryRun: DryRun;
}

async function mark(
  client: Client,
  plural: Plural,
  name: string,
  { what, changes, overwrite, force, dryRun }: Settings,
): Promise<string> {
  const { metadata } = await client.get(plural, name);
  const before = 'labels' in metadata ? metadata[what] : {};
  const differing = [...changes].filter(([key, value]) => (entryOf(before, key) ?? null) !== value);
  const taken = overwrite
    ? undefined
    : differing.find(([key, value]) => value !== null && entryOf(before, key) !== undefined)?.[0];
  if (taken !== undefined)
    throw new ConflictError(
      `${typeOf(plural).singular}/${name} has ${taken}=${entryOf(before, taken)} already; use --overwrite to change it`,
    );
  if (differing.length === 0) return 'unchanged';
  const { resourceVersion } = metadata;
  const patch = {
    // What was read is what may be overwritten: with --overwrite that no longer matters.
    metadata: { [what]: Object.fromEntries(differing), ...(!overwrite && { resourceVersion }) },
    ...(force && { force: true }),
    ...asked(dryRun),
  };
  if (dryRun !== 'client')
    await (plural === 'agents' ? client.patch(name, patch) : client.patchObject(plural, name, patch));
  const past = what === 'labels' ? 'labeled' : 'annotated';
  return `${differing.every(([, value]) => value === null) ? `un${past}` : past}${told(dryRun)}`;
}

const entryOf = (map: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(map, key) ? map[key] : undefined;

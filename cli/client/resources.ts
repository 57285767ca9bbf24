/**
 * Owns: how resources are named on the command line: `agents`, `agents,hosts`, `agent web`, `agent/web`, `ag`.
 * Never: asks the server.
 */
import { PLURALS, type Plural } from '../../api/protocol.ts';
import { BadRequestError } from '../../api/resources/errors.ts';
import { OBJECT_KIND_NAMES, OBJECT_KINDS } from '../../api/resources/kinds/kind-names.ts';
import { closest } from '../../api/resources/suggest.ts';

export interface ResourceType {
  readonly plural: Plural;
  readonly singular: string;
  readonly kind: string;
  readonly short: readonly string[];
  readonly verbs: readonly string[];
}
export const RESOURCE_TYPES: readonly ResourceType[] = [
  {
    plural: 'agents',
    singular: 'agent',
    kind: 'Agent',
    short: ['ag'],
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  },
  { plural: 'instances', singular: 'instance', kind: 'Instance', short: ['inst'], verbs: ['get', 'list', 'watch'] },
  { plural: 'events', singular: 'event', kind: 'Event', short: ['ev'], verbs: ['get', 'list', 'watch'] },
  ...OBJECT_KIND_NAMES.map((kind) => {
    const { plural, singular, short } = OBJECT_KINDS[kind];
    return { plural, singular, kind, short, verbs: ['create', 'delete', 'get', 'list', 'patch', 'watch'] };
  }),
];

export const typeOf = (plural: Plural): ResourceType => {
  const found = RESOURCE_TYPES.find((type) => type.plural === plural);
  if (!found) throw new Error(`no resource type ${plural}`);
  return found;
};

export function findType(word: string): ResourceType | undefined {
  const asked = word.toLowerCase();
  return RESOURCE_TYPES.find(
    ({ plural, singular, short }) => plural === asked || singular === asked || short.includes(asked),
  );
}

/** `agent/web`, `host/gpu1`. */
export const labelOf = ({ kind, name }: { readonly kind: string; readonly name: string }): string =>
  `${RESOURCE_TYPES.find((type) => type.kind === kind)?.singular ?? kind.toLowerCase()}/${name}`;

export interface Named {
  readonly plural: Plural;
  readonly names: readonly string[];
}

/** `agents`, `agents,hosts`, `agent a b`, `agent/a instance/b` ... With `fallback`, a word that is no type is a name of that type. */
export function parseResources(words: readonly string[], fallback?: Plural): readonly Named[] {
  const [first, ...rest] = words;
  if (first === undefined) {
    if (fallback) return [{ plural: fallback, names: [] }];
    throw new BadRequestError(`name a resource type: ${PLURALS.join(', ')} (for example \`sac get agents\`)`);
  }
  if (words.some((word) => word.includes('/'))) {
    const groups = new Map<Plural, string[]>();
    for (const word of words) {
      const [typeName = '', name = '', more] = word.split('/');
      const type = findType(typeName);
      if (!type || name === '' || more !== undefined)
        throw new BadRequestError(`"${word}" is not TYPE/NAME (for example agent/web)`);
      groups.set(type.plural, [...(groups.get(type.plural) ?? []), name]);
    }
    return [...groups].map(([plural, names]) => ({ plural, names }));
  }
  const type = findType(first);
  if (type) return [{ plural: type.plural, names: rest }];
  const types = first.split(',').map(findType);
  if (rest.length === 0 && types.every((one) => one !== undefined))
    return [...new Set(types)].map(({ plural }) => ({ plural, names: [] }));
  if (fallback) return [{ plural: fallback, names: words }];
  throw new BadRequestError(
    `there is no resource type "${first}"${nearest(first)}; known: ${RESOURCE_TYPES.map(({ plural, short }) => `${plural} (${short.join(', ')})`).join(', ')}; an agent of that name is agent/${first}`,
  );
}

function nearest(word: string): string {
  const near = closest(
    word,
    RESOURCE_TYPES.flatMap(({ plural, singular }) => [plural, singular]),
  );
  return near === undefined ? '' : ` (did you mean ${near}?)`;
}

/** Names of agents: `web`, `agent/web`, `agent web`. */
export function agentNames(words: readonly string[]): readonly string[] {
  return parseResources(words, 'agents').flatMap(({ plural, names }) => {
    if (plural !== 'agents') throw new BadRequestError(`only agents can be named here, not ${plural}`);
    return names;
  });
}

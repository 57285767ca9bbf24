/**
 * Owns: which values an option or a positional word can have.
 * Never: knows where names come from.
 */
import { ROLES } from '../../api/protocol.ts';
import { CONDITION_TYPES } from '../../api/resources/conditions.ts';
import { findType, RESOURCE_TYPES } from '../client/resources.ts';
import type { OptionDefinition, Verb } from '../verb.ts';
import type { Candidate, Names } from './candidates.ts';

export interface Expected {
  readonly values?: readonly Candidate[];
  /** Offered once a dash was typed. */
  readonly flags?: readonly OptionDefinition[];
  /** The shell's own file names too. */
  readonly files?: boolean;
}

const plain = (values: readonly string[]): Expected => ({ values: values.map((value) => ({ value })) });

/** By `sac top`. */
const LOOKED_AT: readonly string[] = ['agents', 'instances', 'hosts'];

/** `option` absent: the next positional word, of which `current` is typed already. */
export async function expectedFor(
  option: OptionDefinition | undefined,
  verb: Verb | undefined,
  positional: readonly string[],
  names: Names,
  current = '',
): Promise<Expected> {
  return option
    ? optionValue(option, positional, names)
    : verb
      ? positionalValue(verb, positional, current, names)
      : {};
}

async function optionValue(
  { flags, description }: OptionDefinition,
  positional: readonly string[],
  names: Names,
): Promise<Expected> {
  const flag = /--([a-z-]+)/.exec(flags)?.[1] ?? '';
  switch (flag) {
    case 'output':
      return plain([...new Set(description.match(/\b(?:jsonpath=|custom-columns=|wide|json\b|yaml\b|name\b)/g))]);
    case 'sort-by':
      return /cpu/.test(description) ? plain(['cpu', 'memory', 'tokens', 'name']) : {};
    case 'role':
      return plain(ROLES);
    case 'dry-run':
      return /[<[]/.test(flags) ? plain(['client', 'server']) : {};
    case 'to':
      return description.includes('commit') ? {} : plain(['sac/v1', 'original']);
    case 'for':
      return /condition/.test(description) ? plain(await goals()) : typeSlashName('', names);
    case 'context':
      return plain(await names.contexts());
    case 'instance': {
      const of = (positional[0] ?? '').replace(/^[a-z]+\//, '');
      return plain((await names.of('instances')).filter((name) => name === of || name.startsWith(`${of}-`)));
    }
    case 'filename':
    case 'agents-dir':
    case 'token-file':
    case 'ca-file':
    case 'tls-cert':
    case 'tls-key':
    case 'socket':
      return { files: true };
    default:
      return {};
  }
}

async function goals(): Promise<readonly string[]> {
  return [...CONDITION_TYPES.map((type) => `condition=${type}`), 'delete', 'create', 'jsonpath='];
}

/** By the name that the verb's usage gives the word: `<type>`, `[names...]`, `<shell>`. */
async function positionalValue(
  verb: Verb,
  positional: readonly string[],
  current: string,
  names: Names,
): Promise<Expected> {
  const slots = (verb.args ?? '').match(/[a-z-]+(?:\.\.\.)?/g) ?? [];
  const last = slots.at(-1);
  const slot = slots[positional.length] ?? (last?.endsWith('...') ? last : undefined);
  switch (slot?.replace('...', '')) {
    case 'type':
      return current.includes('/')
        ? typeSlashName(current, names)
        : { values: RESOURCE_TYPES.map(({ plural, short }) => ({ value: plural, description: short.join(', ') })) };
    case 'name':
      if (verb.name.endsWith('-context')) return plain(await names.contexts());
      return agentNames(positional, current, names);
    case 'account':
    case 'accounts':
      return plain(await names.accounts());
    case 'names-or-changes':
    case 'names-or-sources':
      return agentNames(positional, current, names);
    case 'names': {
      const of = positional[0] === undefined ? undefined : findType(positional[0]);
      if (of) return plain(await names.of(of.plural));
      const agents = await agentNames(positional, current, names);
      return verb.name === 'start' ? { ...agents, files: true } : agents;
    }
    case 'what':
      return { ...(await agentNames(positional, current, names)), files: true };
    case 'what-and-names': {
      const of = positional[0] === undefined ? undefined : findType(positional[0]);
      if (of) return plain(await names.of(of.plural));
      const { values = [] } = await agentNames(positional, current, names);
      return { values: [...(positional.length === 0 ? (plain(LOOKED_AT).values ?? []) : []), ...values] };
    }
    case 'source':
      return current.includes('/') ? typeSlashName(current, names) : plain(await names.of('gitsources'));
    case 'path':
      return { values: await names.fieldsBelow(current) };
    case 'paths':
      return { files: true };
    case 'shell':
      return plain(['bash', 'zsh', 'fish']);
    case 'kind':
      return plain(['agent']);
    case 'command':
      return { files: true };
    default:
      return {};
  }
}

async function agentNames(positional: readonly string[], current: string, names: Names): Promise<Expected> {
  if (current.includes('/')) return typeSlashName(current, names);
  const taken = new Set(positional.map((word) => word.replace(/^[a-z]+\//, '')));
  return plain((await names.of('agents')).filter((name) => !taken.has(name)));
}

async function typeSlashName(current: string, names: Names): Promise<Expected> {
  const typed = current.split('/')[0] ?? '';
  const type = findType(typed === '' ? 'agent' : typed);
  if (!type) return {};
  const prefix = typed === '' ? type.singular : typed;
  return plain((await names.of(type.plural)).map((name) => `${prefix}/${name}`));
}

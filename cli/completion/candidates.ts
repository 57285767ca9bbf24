/**
 * Owns: what could come next on a command line, from the table of verbs alone; names are asked of whoever calls.
 * Never: opens a connection or a file.
 */
import { findType, RESOURCE_TYPES } from '../client/resources.ts';
import type { OptionDefinition, Verb } from '../verb.ts';
import { GLOBAL_FLAGS, GLOBAL_SWITCHES, verbFirst } from '../word-order.ts';
import { type Expected, expectedFor } from './values.ts';

export interface Candidate {
  readonly value: string;
  readonly description?: string;
}
export interface Completion {
  /** Those that begin with the word under the cursor. */
  readonly candidates: readonly Candidate[];
  /** The shell's own file names too. */
  readonly files: boolean;
  /** No space behind: more of the word is to come. */
  readonly nospace: boolean;
}

/** Whoever asks the controller and the configuration; answers [] when it cannot. */
export interface Names {
  of(plural: string): Promise<readonly string[]>;
  contexts(): Promise<readonly string[]>;
  accounts(): Promise<readonly string[]>;
  fieldsBelow(path: string): Promise<readonly Candidate[]>;
}

/** `sac agent start`: a noun may stand first; offered once something was typed, for the verbs alone are many. */
const NOUNS: readonly Candidate[] = RESOURCE_TYPES.map(({ singular, kind }) => ({
  value: singular,
  description: `${kind}: a verb follows`,
}));
const HELP: OptionDefinition = { flags: '-h, --help', description: 'show help' };
const GLOBALS: readonly OptionDefinition[] = [
  ...GLOBAL_FLAGS.map((flags) => `${flags} <value>`),
  GLOBAL_SWITCHES.join(', '),
].map((flags) => ({ flags, description: 'of every verb' }));

/** `words`: what stands behind `sac`, the last one being completed (maybe empty). */
export async function complete(words: readonly string[], verbs: readonly Verb[], names: Names): Promise<Completion> {
  const current = words.at(-1) ?? '';
  const before = withoutGlobals(verbFirst(words.slice(0, -1), verbs));
  if (before === 'value') return answer(await expectedValue(words.at(-2) ?? '', names), current);
  const [first, ...rest] = before;
  if (first === undefined)
    return answer({ values: [...visible(verbs), ...(current === '' ? [] : NOUNS)], flags: GLOBALS }, current);
  const verb = verbs.find(({ name, aliases }) => name === first || aliases?.includes(first));
  if (!verb) {
    // `sac agent <TAB>`: the noun before the verb.
    const isNoun = rest.length === 0 && findType(first) !== undefined;
    return answer(isNoun ? { values: visible(verbs) } : {}, current);
  }
  if (!verb.subverbs) return completeVerb(verb, rest, current, names);
  const [second, ...behind] = rest;
  const subverb = verb.subverbs.find(({ name }) => name === second);
  if (subverb) return completeVerb(subverb, behind, current, names);
  return answer(second === undefined ? { values: visible(verb.subverbs) } : {}, current);
}

const visible = (verbs: readonly Verb[]): readonly Candidate[] =>
  verbs.filter(({ hidden }) => hidden !== true).map(({ name, summary }) => ({ value: name, description: summary }));

/** The words of the verb alone; `value` when the word under the cursor is the value of a global flag. */
function withoutGlobals(words: readonly string[]): readonly string[] | 'value' {
  const rest: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (GLOBAL_FLAGS.includes(word)) {
      if (at === words.length - 1) return 'value';
      at++;
    } else if (!GLOBAL_SWITCHES.includes(word) && !GLOBAL_FLAGS.some((flag) => word.startsWith(`${flag}=`)))
      rest.push(word);
  }
  return rest;
}

const expectedValue = async (flag: string, names: Names): Promise<Expected> =>
  expectedFor({ flags: `${flag} <value>`, description: '' }, undefined, [], names);

async function completeVerb(verb: Verb, words: readonly string[], current: string, names: Names): Promise<Completion> {
  const options = [...(verb.options ?? []), HELP];
  const { given, positional, open } = parse(words, options);
  if (open === 'foreign') return answer({ files: true }, current);
  if (open) return answer(await expectedFor(open, verb, positional, names), current);
  const assigned = /^(--[a-z-]+)=(.*)$/s.exec(current);
  const [, flag = '', part = ''] = assigned ?? [];
  if (assigned) {
    const option = [...options, ...GLOBALS].find(({ flags }) => flagsOf(flags).includes(flag));
    const { candidates, ...how } = answer(option ? await expectedFor(option, verb, positional, names) : {}, part);
    return { ...how, candidates: candidates.map((one) => ({ ...one, value: `${flag}=${one.value}` })) };
  }
  if (current.startsWith('-')) {
    const left = [...options, ...GLOBALS].filter(
      ({ flags, repeat }) => repeat || !flagsOf(flags).some((one) => given.has(one)),
    );
    return answer({ flags: left }, current);
  }
  return answer(await expectedFor(undefined, verb, positional, names, current), current);
}

export const flagsOf = (flags: string): readonly string[] => flags.match(/(?<![\w-])--?[A-Za-z][A-Za-z-]*/g) ?? [];
const takesValue = ({ flags }: OptionDefinition): boolean => /[<[]/.test(flags);

interface Parsed {
  readonly given: ReadonlySet<string>;
  readonly positional: readonly string[];
  /** The option whose value is under the cursor; `foreign` behind `--`, where another program's words stand. */
  readonly open: OptionDefinition | 'foreign' | undefined;
}

function parse(words: readonly string[], options: readonly OptionDefinition[]): Parsed {
  const given = new Set<string>();
  const positional: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') return { given, positional, open: 'foreign' };
    if (!word.startsWith('-')) {
      positional.push(word);
      continue;
    }
    const [flag = word] = word.split('=');
    const option = options.find(({ flags }) => flagsOf(flags).includes(flag));
    if (!option) continue;
    for (const one of flagsOf(option.flags)) given.add(one);
    if (!takesValue(option) || word.includes('=')) continue;
    if (at === words.length - 1) return { given, positional, open: option };
    at++;
  }
  return { given, positional, open: undefined };
}

function answer({ values = [], flags = [], files = false }: Expected, current: string): Completion {
  const long = flags.flatMap(({ flags: text, description }) =>
    flagsOf(text)
      .filter((one) => one.startsWith('--'))
      .map((value) => ({ value, description })),
  );
  const candidates = [...values, ...(current.startsWith('-') ? long : [])].filter(({ value }) =>
    value.startsWith(current),
  );
  return {
    candidates,
    files,
    nospace: candidates.length > 0 && candidates.every(({ value }) => /[=/.]$/.test(value)),
  };
}

/**
 * Owns: the order of words before commander sees them: global flags first, then the verb, whatever noun stood before it.
 * Never: knows what a verb does.
 */
import { findType } from './client/resources.ts';
import type { Verb } from './verb.ts';

/** These take a value. */
export const GLOBAL_FLAGS: readonly string[] = [
  '--context',
  '--socket',
  '--server',
  '--token-file',
  '--request-timeout',
];
export const GLOBAL_SWITCHES: readonly string[] = ['-v', '--verbose'];

/**
 * Global flags may stand anywhere, as with kubectl. Not behind `--`, not in a command that `exec` is given, and not after
 * `config`, whose verbs have flags of these names.
 */
export function withGlobalsFirst(argv: readonly string[]): readonly string[] {
  const globals: string[] = [];
  const rest: string[] = [];
  let words = 0;
  for (let at = 0; at < argv.length; at++) {
    const token = argv[at] ?? '';
    const verb = rest.find((word) => !word.startsWith('-'));
    if (token === '--' || verb === 'config' || (verb === 'exec' && words > 2)) {
      rest.push(...argv.slice(at));
      break;
    }
    if (GLOBAL_FLAGS.includes(token)) {
      globals.push(token, ...argv.slice(at + 1, at + 2));
      at++;
    } else if (GLOBAL_SWITCHES.includes(token) || GLOBAL_FLAGS.some((flag) => token.startsWith(`${flag}=`)))
      globals.push(token);
    else {
      rest.push(token);
      if (!token.startsWith('-')) words++;
    }
  }
  return [...globals, ...rest];
}

const namesType = ({ args = '' }: Verb): boolean => /^[<[]type[\]>.]/.test(args);

/**
 * `sac agent start web` is `sac start web`, `sac agents get -o json` is `sac get agents -o json`, `sac hosts list` is
 * `sac get hosts`. Only a verb right behind a resource type is moved, so agents may be called like verbs.
 */
export function verbFirst(argv: readonly string[], verbs: readonly Verb[]): readonly string[] {
  let at = 0;
  while (at < argv.length && argv[at]?.startsWith('-')) at += GLOBAL_FLAGS.includes(argv[at] ?? '') ? 2 : 1;
  const [noun, word] = argv.slice(at, at + 2);
  const type = noun === undefined ? undefined : findType(noun);
  const verb = verbs.find(({ name, aliases }) => word !== undefined && (name === word || aliases?.includes(word)));
  // `sac host check gpu1`: a verb that has the word as a verb of its own.
  const own = verbs.find(({ name }) => name === noun)?.subverbs?.some(({ name }) => name === word);
  if (noun === undefined || word === undefined || !type || !verb || own) return argv;
  const [before, behind] = [argv.slice(0, at), argv.slice(at + 2)];
  if (namesType(verb)) return [...before, word, noun, ...behind];
  if (type.plural === 'agents') return [...before, word, ...behind];
  // Of the other types there is nothing but to list them; any other verb gets the noun and refuses it in its own words.
  return verb.name === 'list' ? [...before, 'get', noun, ...behind] : [...before, word, noun, ...behind];
}

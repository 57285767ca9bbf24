/**
 * Owns: `sac completion`: scripts for bash, zsh and fish, made from the table of verbs.
 * Never: asks the network while the user types, but for agents' names, and those with a short wait.
 */
import { BadRequestError, EXIT } from '../../../api/resources/errors.ts';
import { RESOURCE_TYPES } from '../../resources.ts';
import type { Run, Verb } from '../../verb.ts';
import { VERBS } from '../index.ts';

export const run: Run = async ([shell], _options, { out }) => {
  switch (shell) {
    case 'bash':
      out.write(bash());
      return EXIT.done;
    case 'zsh':
      out.write(`#compdef sac\nautoload -U +X bashcompinit && bashcompinit\n${bash()}`);
      return EXIT.done;
    case 'fish':
      out.write(fish());
      return EXIT.done;
    default:
      throw new BadRequestError(`there is no completion for "${shell ?? ''}"; known: bash, zsh, fish`);
  }
};

const longFlags = (verb: Verb): readonly string[] =>
  (verb.options ?? []).flatMap(({ flags }) => /--[a-z-]+/.exec(flags) ?? []);
const NAMES = 'sac get agents -o name --request-timeout 1s 2>/dev/null';
const takesNames = ({ args = '', name }: Verb): boolean => args.includes('name') && name !== 'get';
const types = RESOURCE_TYPES.map(({ plural }) => plural);

function bash(): string {
  const cases = VERBS.map((verb) => {
    const subs = (verb.subverbs ?? []).map(({ name }) => name);
    const words = [...subs, ...longFlags(verb), ...(verb.name === 'get' || verb.name === 'describe' ? types : [])].join(
      ' ',
    );
    return `    ${[verb.name, ...(verb.aliases ?? [])].join('|')}) words="${words}"; names=${takesNames(verb) ? 1 : 0} ;;`;
  });
  return `# sac completion for bash: source <(sac completion bash)
_sac() {
  local cur=\${COMP_WORDS[COMP_CWORD]} verb=\${COMP_WORDS[1]} words names=0
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="${VERBS.map(({ name }) => name).join(' ')}"
  else
    case "$verb" in
${cases.join('\n')}
    esac
    if [ "$names" = 1 ] && [ "\${cur#-}" = "$cur" ]; then words="$words $(${NAMES} | sed 's#^agent/##')"; fi
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _sac sac
`;
}

function fish(): string {
  const lines = VERBS.flatMap((verb) => {
    const seen = `__fish_seen_subcommand_from ${verb.name}`;
    return [
      `complete -c sac -n __fish_use_subcommand -f -a ${verb.name} -d '${verb.summary.replaceAll("'", "\\'")}'`,
      ...(verb.subverbs ?? []).map(
        ({ name, summary }) => `complete -c sac -n '${seen}' -f -a ${name} -d '${summary.replaceAll("'", "\\'")}'`,
      ),
      ...longFlags(verb).map((flag) => `complete -c sac -n '${seen}' -l ${flag.slice(2)}`),
      ...(takesNames(verb) ? [`complete -c sac -n '${seen}' -f -a '(${NAMES} | string replace agent/ "")'`] : []),
    ];
  });
  return `# sac completion for fish: sac completion fish > ~/.config/fish/completions/sac.fish\n${lines.join('\n')}\n`;
}

/**
 * Owns: the scripts that make bash, zsh and fish ask `sac __complete` what could come next.
 * Never: knows a verb: new verbs complete without a new script.
 *
 * The answer is a candidate a line, its description behind a tab, then directives: `:files`, `:nospace`.
 */
import { BadRequestError } from '../../api/resources/errors.ts';

export function completionScript(shell: string): string {
  switch (shell) {
    case 'bash':
      return BASH;
    case 'zsh':
      return ZSH;
    case 'fish':
      return FISH;
    default:
      throw new BadRequestError(`there is no completion for "${shell}"; known: bash, zsh, fish`);
  }
}

// Works in bash 3.2 too. bash cuts words at "=", so they are put together again, and a reply must leave out what stands before it.
const BASH = String.raw`# sac completion for bash. Now: source <(sac completion bash). Always: add that line to ~/.bashrc
_sac() {
  local words line value cut i count=0 glue=0 files=0
  words=()
  for ((i = 1; i <= COMP_CWORD; i++)); do
    if [[ "${'$'}{COMP_WORDS[i]}" == "=" && $count -gt 0 ]]; then
      words[count-1]="${'$'}{words[count-1]}="
      glue=1
    elif ((glue)); then
      words[count-1]="${'$'}{words[count-1]}${'$'}{COMP_WORDS[i]}"
      glue=0
    else
      words[count]="${'$'}{COMP_WORDS[i]}"
      count=$((count + 1))
    fi
  done
  cut=
  if [[ "${'$'}{words[count-1]}" == *=* && "$COMP_WORDBREAKS" == *=* ]]; then cut="${'$'}{words[count-1]%=*}="; fi
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :files) files=1 ;;
      :nospace) compopt -o nospace 2>/dev/null ;;
      ?*)
        value="${'$'}{line%%$'\t'*}"
        COMPREPLY[${'$'}{#COMPREPLY[@]}]="${'$'}{value#"$cut"}"
        ;;
    esac
  done < <(command sac __complete -- "${'$'}{words[@]}" 2>/dev/null)
  if ((files)); then
    compopt -o filenames 2>/dev/null
    value="${'$'}{words[count-1]#"$cut"}"
    while IFS= read -r line; do
      COMPREPLY[${'$'}{#COMPREPLY[@]}]="$line"
    done < <(compgen -f -- "$value")
  fi
}
complete -F _sac sac
`;

const ZSH = String.raw`#compdef sac
# sac completion for zsh. Now: source <(sac completion zsh). Always: sac completion zsh > "${'$'}{fpath[1]}/_sac"
_sac() {
  local line files=0
  local -a described spaceless lines
  lines=("${'$'}{(@f)$(command sac __complete -- "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in "${'$'}{lines[@]}"; do
    case "$line" in
      :files) files=1 ;;
      :nospace) spaceless=(-S '') ;;
      *$'\t'*) described+=("${'$'}{${'$'}{line%%$'\t'*}//:/\\:}:${'$'}{line#*$'\t'}") ;;
      ?*) described+=("${'$'}{line//:/\\:}") ;;
    esac
  done
  (( ${'$'}{#described} )) && _describe -V sac described "${'$'}{spaceless[@]}"
  if (( files )); then
    compset -P '--[a-z-]#='
    _files
  fi
}
if [ "${'$'}{funcstack[1]}" = "_sac" ]; then _sac "$@"; else compdef _sac sac; fi
`;

const FISH = String.raw`# sac completion for fish. Always: sac completion fish > ~/.config/fish/completions/sac.fish
function __sac_complete
  set -l current (commandline -ct)
  set -l words (commandline -opc) "$current"
  set -e words[1]
  for line in (command sac __complete -- $words 2>/dev/null)
    switch $line
      case ':files'
        __fish_complete_path (string replace -r -- '^--[a-z-]+=' '' "$current")
      case ':*'
      case '*'
        printf '%s\n' $line
    end
  end
end
complete -c sac -f -a '(__sac_complete)'
`;

/**
 * Owns: the static sh functions that read KEY=VALUE files inside a launch file.
 * Never: lets a file be evaluated: every value is taken literally.
 */
import { CALCULATED_VARIABLES } from '../../../api/resources/agent/agent.ts';
import { quoteWord } from '../../transport/quote.ts';

/** sysexits(3) EX_CONFIG: the manifest asks for something this machine does not have. */
const EX_CONFIG = 78;

/** tmux 3.3a may drop what was printed in the very moment a process ends: why a start failed must be seen. */
export const LINGER = 'sleep 0.1 2>/dev/null';

/** `sac_fail MESSAGE` ends the start. */
export const FAIL_FUNCTION = `sac_fail() { printf 'sac: %s\\n' "$1" >&2; ${LINGER}; exit ${EX_CONFIG}; }`;

/**
 * `sac_env_file FILE` exports what the file's lines say, as dotenv files have them: blank lines, comments, `export`, one
 * pair of quotes around a whole value, and carriage returns at line ends are understood. No process is started a line.
 */
const ENV_FILE_FUNCTION = `sac_return=$(printf '\\r')
sac_env_file() {
  [ -r "$1" ] && [ ! -d "$1" ] || sac_fail "envFiles: $1 cannot be read; make it or take it out of spec.envFiles"
  while IFS= read -r sac_line || [ -n "$sac_line" ]; do
    sac_line=\${sac_line%"$sac_return"}
    sac_line=\${sac_line#"\${sac_line%%[! 	]*}"}
    case $sac_line in ''|'#'*) continue ;; 'export '*) sac_line=\${sac_line#export } ;; esac
    sac_key=\${sac_line%%=*}
    sac_value=\${sac_line#*=}
    case $sac_key in ''|[0-9]*|*[!A-Za-z0-9_]*) sac_fail "envFiles: $1: \\"$sac_key\\" is not a variable name (lines are KEY=VALUE)" ;;
      ${CALCULATED_VARIABLES.join('|')}) sac_fail "envFiles: $1: \\"$sac_key\\" is a variable of the shell's own; choose another name" ;; esac
    [ "$sac_key" = "$sac_line" ] && sac_fail "envFiles: $1: \\"$sac_key\\" has no value (lines are KEY=VALUE)"
    case $sac_value in
      \\"*\\") sac_value=\${sac_value#\\"}; sac_value=\${sac_value%\\"} ;;
      \\'*\\') sac_value=\${sac_value#\\'}; sac_value=\${sac_value%\\'} ;;
    esac
    export "$sac_key=$sac_value"
  done < "$1"
}`;

/** Reads these files, in order; the function and its variables are gone afterwards. Relative to the workspace. */
export function envFileLines(files: readonly string[]): readonly string[] {
  if (files.length === 0) return [];
  return [
    ENV_FILE_FUNCTION,
    ...files.map((file) => `sac_env_file ${quoteWord(file.startsWith('/') ? file : `./${file}`)}`),
    'unset -f sac_env_file; unset sac_line sac_key sac_value sac_return',
  ];
}

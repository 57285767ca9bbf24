/**
 * Owns: the launch file: a 0600 sh script that becomes the agent. Environment and secrets travel in it and nowhere else.
 * Never: puts data into it except through the one quoting function.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import { quoteArgv, quoteWord } from '../../transport/quote.ts';
import type { Launch, PlaceDirs } from '../runtime.ts';

export const launchFilePath = (dirs: PlaceDirs, id: InstanceId): string => `${dirs.run}/launch/${instanceNameOf(id)}.sh`;

/** sysexits(3) EX_CONFIG: the manifest asks for something this machine does not have. */
const EX_CONFIG = 78;

/**
 * Reads KEY=VALUE lines as dotenv files have them: comments, `export`, quotes around the whole value. Values are taken
 * literally; nothing in the file is evaluated.
 */
const READ_ENV_FILE = `sac_fail() { printf 'sac: %s\\n' "$1" >&2; exit ${EX_CONFIG}; }
sac_env_file() {
  [ -r "$1" ] || sac_fail "envFiles: $1 cannot be read"
  while IFS= read -r sac_line || [ -n "$sac_line" ]; do
    sac_line=\${sac_line%"$(printf '\\r')"}
    sac_line=\${sac_line#"\${sac_line%%[! 	]*}"}
    case $sac_line in ''|'#'*) continue ;; 'export '*) sac_line=\${sac_line#export } ;; esac
    sac_key=\${sac_line%%=*}
    sac_value=\${sac_line#*=}
    case $sac_key in ''|[0-9]*|*[!A-Za-z0-9_]*) sac_fail "envFiles: $1: \\"$sac_key\\" is not a variable name" ;; esac
    [ "$sac_key" = "$sac_line" ] && sac_fail "envFiles: $1: \\"$sac_key\\" has no value (KEY=VALUE)"
    case $sac_value in
      \\"*\\") sac_value=\${sac_value#\\"}; sac_value=\${sac_value%\\"} ;;
      \\'*\\') sac_value=\${sac_value#\\'}; sac_value=\${sac_value%\\'} ;;
    esac
    export "$sac_key=$sac_value"
  done < "$1"
}`;

/** A POSIX sh script; run as \`sh FILE\`. After it the process is the agent itself: no shell stays between. */
export function renderLaunchScript(launch: Launch, dirs: PlaceDirs): string {
  const name = instanceNameOf(launch.id);
  const hookLog = quoteWord(`${dirs.logs}/${name}/hooks.log`);
  const lines = [
    '# Written by sac for one start; holds secrets. Do not edit: it is written anew each time.',
    `export SAC_ID=${quoteWord(launch.id)} SAC_INCARNATION=${quoteWord(String(launch.incarnation))}`,
    `export SAC_AGENT=${quoteWord(name)}`,
    READ_ENV_FILE,
    `mkdir -p -- ${quoteWord(launch.cwd)} && cd -- ${quoteWord(launch.cwd)} || sac_fail ${quoteWord(`workspace ${launch.cwd} cannot be used`)}`,
    ...launch.envFiles.map((file) => `sac_env_file ${quoteWord(file.startsWith('/') ? file : `./${file}`)}`),
    ...Object.entries(launch.env).map(([key, value]) => `export ${key}=${quoteWord(value)}`),
    ...launch.preStart.map((hook) => `sh -c ${quoteWord(hook)} || { sac_code=$?; printf 'sac: preStart hook failed with code %s: %s\\n' "$sac_code" ${quoteWord(hook)} >&2; exit "$sac_code"; }`),
    ...(launch.postStart.length > 0 ? [`mkdir -p -- ${quoteWord(`${dirs.logs}/${name}`)}`, `{ ${launch.postStart.map((hook) => `sh -c ${quoteWord(hook)}`).join('; ')}; } >>${hookLog} 2>&1 </dev/null &`] : []),
    'unset -f sac_fail sac_env_file 2>/dev/null',
    `exec ${quoteArgv(launch.argv)}`,
  ];
  return `${lines.join('\n')}\n`;
}

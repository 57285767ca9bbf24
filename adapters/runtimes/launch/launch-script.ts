/**
 * Owns: the launch file: a 0600 sh script that becomes the agent. Environment and secrets travel in it and nowhere else.
 * Never: puts data into it except through the one quoting function.
 */
import { CALCULATED_VARIABLES, VERSION_REFUSED } from '../../../api/resources/agent/agent.ts';
import { instanceNameOf } from '../../../api/resources/names.ts';
import type { DurationMs } from '../../../api/resources/time.ts';
import { quoteArgv, quoteWord } from '../../transport/quote.ts';
import { type Launch, type LaunchSession, type PlaceDirs, RuntimeError } from '../runtime.ts';
import { envFileLines, FAIL_FUNCTION, LINGER } from './env-file.ts';

/** Longest time of one preStart command whose manifest sets none: stored before there was the field. */
export const PRE_START_MS: DurationMs = 600_000;
/** A hooks log this long is begun anew at the next start. */
const HOOK_LOG_BYTES = 1_048_576;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Also of a manifest that was stored before these were refused. */
const calculated: ReadonlySet<string> = new Set(CALCULATED_VARIABLES);

/**
 * A POSIX sh script; run as `sh FILE`. In this order: workspace, envFiles, env, our marks (so that nothing can hide them),
 * preStart one after the other, postStart beside it, and then `exec`: the process is the agent itself, no shell stays.
 * Exits 78 with a message when the workspace or an env file cannot be used. Throws RuntimeError for what no script can say.
 */
export function renderLaunchScript(launch: Launch, dirs: PlaceDirs): string {
  const name = instanceNameOf(launch.id);
  const { cwd, envFiles, env, preStart, postStart, argv } = launch;
  if (
    [cwd, launch.venv ?? '', ...envFiles, ...Object.values(env), ...preStart, ...postStart, ...argv].some((text) =>
      text.includes('\0'),
    )
  )
    throw new RuntimeError(`${name}: a NUL character cannot be passed to a program`);
  if (argv.length === 0) throw new RuntimeError(`${name}: there is no program to run`);
  const folder = quoteWord(cwd);
  const lines = [
    '# Written by sac for one start; holds secrets. Do not edit: it is written anew each time.',
    FAIL_FUNCTION,
    // No process is started for a workspace that is there: a thousand agents start at once.
    `cd -- ${folder} 2>/dev/null || { mkdir -p -- ${folder} && cd -- ${folder}; } || sac_fail ${quoteWord(`workspace ${cwd} cannot be used`)}`,
    ...envFileLines(envFiles),
    ...Object.entries(env).map(([key, value]) => exportLine(name, key, value)),
    ...withheldLines(name, launch.withheld ?? []),
    exportLine(name, 'SAC_AGENT', name),
    exportLine(name, 'SAC_ID', launch.id),
    exportLine(name, 'SAC_INCARNATION', String(launch.incarnation)),
    ...(launch.lease ? leaseLines(launch.lease) : []),
    ...(launch.venv === undefined ? [] : venvLines(launch.venv)),
    ...preStartLines(preStart, launch.preStartMs ?? PRE_START_MS),
    ...postStartLines(postStart, `${dirs.logs}/${name}`),
    ...(launch.session ? [] : ['unset -f sac_fail']),
    ...programLines(argv),
    ...(launch.cliVersion === undefined ? [] : versionLines(argv, launch.cliVersion)),
    ...(launch.session ? sessionLines(argv, launch.session) : [`exec ${quoteArgv(argv)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function exportLine(name: string, key: string, value: string): string {
  if (!VARIABLE_NAME.test(key) || calculated.has(key))
    throw new RuntimeError(`${name}: "${key}" is not a variable name`);
  return `export ${key}=${quoteWord(value)}`;
}

function withheldLines(name: string, variables: readonly string[]): readonly string[] {
  const wrong = variables.find((key) => !VARIABLE_NAME.test(key));
  if (wrong !== undefined) throw new RuntimeError(`${name}: "${wrong}" is not a variable name`);
  return variables.length === 0 ? [] : [`unset ${variables.join(' ')}`];
}

/** What its `activate` does, without running it. After env: a PATH said there is searched after the venv. */
const venvLines = (venv: string): readonly string[] => [
  `[ -x ${quoteWord(`${venv}/bin/python`)} ] || sac_fail ${quoteWord(`venv: ${venv} is no Python venv (no bin/python)`)}`,
  `export VIRTUAL_ENV=${quoteWord(venv)}`,
  `export PATH=${quoteWord(`${venv}/bin`)}:"$PATH"`,
  'unset PYTHONHOME',
];

/** In the foreground, so that a hook may use the terminal; a machine without timeout(1) sets no limit. 143: busybox, for what it ended. */
function preStartLines(hooks: readonly string[], limitMs: DurationMs): readonly string[] {
  if (hooks.length === 0) return [];
  const seconds = Math.max(1, Math.ceil(limitMs / 1000));
  const words = quoteWord(
    `sac: preStart hook took longer than ${seconds} s (hooks.preStartTimeout) and was ended: %s\\n`,
  );
  return [
    `sac_limit='timeout --foreground -k 5 ${seconds}'; timeout --foreground -k 5 5 true 2>/dev/null || sac_limit='timeout ${seconds}'; timeout 5 true 2>/dev/null || sac_limit=`,
    `sac_hook_failed() { case $1 in 124|143) printf ${words} "$2" ;; *) printf 'sac: preStart hook failed with code %s: %s\\n' "$@" ;; esac >&2; ${LINGER}; exit "$1"; }`,
    ...hooks.map((hook) => `$sac_limit sh -c ${quoteWord(hook)} || sac_hook_failed "$?" ${quoteWord(hook)}`),
    'unset sac_limit; unset -f sac_hook_failed',
  ];
}

/** A shell would say as much, and be gone before it is read. 127: POSIX for "not found". */
function programLines([program = '']: readonly string[]): readonly string[] {
  const message = quoteWord(`sac: ${program} is not installed here, or not in the PATH of the agent`);
  return [
    `command -v ${quoteWord(program)} >/dev/null 2>&1 || { printf '%s\\n' ${message} >&2; ${LINGER}; exit 127; }`,
  ];
}

/** The first number with two dots that `--version` prints; `2.1.x` stands for every 2.1, and so does `2.1`. */
function versionLines([program = '']: readonly string[], wanted: string): readonly string[] {
  const parts = wanted.split('.').filter((part) => !/^[xX*]$/.test(part));
  const exact = parts.map(quoteWord).join('.');
  const asked = quoteWord(`sac: ${program} is not of version ${wanted}, as the manifest wants it, but`);
  return [
    `sac_version=$(${quoteWord(program)} --version 2>/dev/null </dev/null | sed -n 's/^[^0-9]*\\([0-9][0-9]*\\.[0-9][0-9]*\\.[0-9][0-9]*\\).*/\\1/p' | head -n 1)`,
    `case $sac_version in ${exact}|${exact}.*) ;; *) printf '%s %s\\n' ${asked} "\${sac_version:-of none that it tells}" >&2; ${LINGER}; exit ${VERSION_REFUSED} ;; esac`,
    'unset sac_version',
  ];
}

/**
 * Beside the agent, for as long as it lives (`$$` stays its pid): ends it when nobody renewed the lease. It has the agent's
 * marks, so it is reaped with it. TERM first, then KILL for it and all that carries its mark. A lease that has run out already
 * ends the start: an order that was held up on the way must not begin what may run elsewhere by now. 75: EX_TEMPFAIL.
 */
function leaseLines({ file, ms }: NonNullable<Launch['lease']>): readonly string[] {
  const seconds = Math.max(1, Math.round(ms / 1000));
  const held = (path: string, limit: string) =>
    `[ $(($(date +%s) - $(stat -c %Y -- ${path} 2>/dev/null || echo 0))) -lt ${limit} ]`;
  const watch = [
    `while sleep ${Math.max(1, Math.floor(seconds / 5))}; do kill -0 "$1" 2>/dev/null || exit 0`,
    `${held('"$2"', '"$3"')} && continue`,
    'kill -s TERM "$1" 2>/dev/null; sleep 2',
    'for pid in $(grep -slzFx -e "SAC_ID=$SAC_ID" /proc/[0-9]*/environ | cut -d/ -f3); do [ "$pid" = "$$" ] || kill -s KILL "$pid" 2>/dev/null; done; kill -s KILL "$1" 2>/dev/null',
    'exit 0; done',
  ].join('; ');
  return [
    `${held(quoteWord(file), String(seconds))} || { printf '%s\\n' 'sac: the lease of this host has run out; not started' >&2; ${LINGER}; exit 75; }`,
    `(sh -c ${quoteWord(watch)} sac-lease "$$" ${quoteWord(file)} ${seconds} >/dev/null 2>&1 </dev/null &)`,
  ];
}

/** Goes on with the newest conversation of this working directory, if there is one that is new enough. */
function sessionLines(argv: readonly string[], session: LaunchSession): readonly string[] {
  const { folder, files, holds, maxAgeMinutes, continueArgs, required } = session;
  const newer = maxAgeMinutes === undefined ? '' : ` -mmin -${Math.ceil(maxAgeMinutes)}`;
  const between = (text: string, mark: string, value: string) => text.split(mark).map(quoteWord).join(value);
  return [
    'sac_pwd=$(pwd -P)',
    `sac_cwd=$(printf %s "$sac_pwd" | sed 's/[^A-Za-z0-9]/-/g')`,
    `set -- ${quoteArgv(argv)}`,
    `if [ -n "$(find "\${HOME:-/}"/${between(folder, '{cwd}', '"$sac_cwd"')} -type f -name ${quoteWord(files)}${newer} -exec grep -lF -e ${between(holds, '{pwd}', '"$sac_pwd"')} {} + 2>/dev/null)" ]`,
    `then set -- "$@" ${quoteArgv(continueArgs)}`,
    ...(required ? ["else sac_fail 'session: there is no conversation here to continue'"] : []),
    'fi',
    'unset sac_pwd sac_cwd; unset -f sac_fail',
    'exec "$@"',
  ];
}

/** Detached by a double fork, so that the agent is not left with a child it does not know of. */
function postStartLines(hooks: readonly string[], logs: string): readonly string[] {
  if (hooks.length === 0) return [];
  const log = quoteWord(`${logs}/hooks.log`);
  const report = `printf 'sac: postStart hook failed with code %s: %s\\n' "$?" "$sac_hook"`;
  const each = `for sac_hook do sh -c "$sac_hook" || ${report}; done`;
  return [
    `(umask 077; mkdir -p -- ${quoteWord(logs)}; : >>${log}; [ "$(wc -c <${log})" -lt ${HOOK_LOG_BYTES} ] || : >${log})`,
    `(sh -c ${quoteWord(each)} sac-hooks ${hooks.map(quoteWord).join(' ')} >>${log} 2>&1 </dev/null &)`,
  ];
}

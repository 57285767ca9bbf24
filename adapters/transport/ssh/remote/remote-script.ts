/**
 * Owns: the script that turns a RunOptions into a process over there: folder, environment, program, and a first line that
 * says it has begun, so that what a profile file prints is never taken for an answer.
 * Never: decides what a failure means.
 */
import { quoteArgv, quoteWord } from '../../quote.ts';
import type { Env } from '../../transport.ts';

/** As baseEnvironment of the local transport: what a command inherits of the environment over there. */
const INHERITED = [
  ...['HOME', 'USER', 'LOGNAME', 'SHELL', 'PATH', 'LANG', 'TZ', 'TERM', 'TMPDIR', 'TMUX_TMPDIR', 'SSH_AUTH_SOCK'],
  ...['LC_ALL', 'LC_CTYPE', 'LC_COLLATE', 'LC_MESSAGES', 'LC_MONETARY', 'LC_NUMERIC', 'LC_TIME'],
  ...['XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME'],
  ...['XDG_CONFIG_DIRS', 'XDG_DATA_DIRS', 'XDG_SESSION_ID'],
];
const BASE = INHERITED.map((name) => `\${${name}+"${name}=$${name}"}`).join(' ');
/** Where programs are looked for when the declared environment has no PATH. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** `ready`: the command follows. Else why there is none. */
export type Beginning = 'ready' | 'no-folder' | 'no-program';

export interface ScriptOptions {
  readonly nonce: string;
  readonly env?: Env;
  readonly cwd?: string;
  /** Without: stdin is empty. */
  readonly stdin: boolean;
}

/** Prints a mark on both outputs: `<newline><nonce> <beginning> <pid><newline>`. The pid leads the process group. */
const mark = (nonce: string): string =>
  `m() { printf '\\n%s %s %s\\n' ${nonce} "$1" "$$"; printf '\\n%s %s %s\\n' ${nonce} "$1" "$$" >&2; }\n`;

/** Throws RangeError for an empty argv and for NUL characters. */
export function commandScript(argv: readonly string[], { nonce, env, cwd, stdin }: ScriptOptions): string {
  const program = argv[0];
  if (program === undefined || program === '') throw new RangeError('an empty argv names no program');
  const word = quoteWord(program);
  const exists = program.includes('/') ? `[ -f ${word} ] && [ -x ${word} ]` : `command -v -- ${word} >/dev/null 2>&1`;
  const variables = env
    ? Object.entries(env)
        .map(([name, value]) => quoteWord(`${name}=${value}`))
        .join(' ')
    : BASE;
  // env(1) would take a program with "=" in its name for a variable.
  const command = program.includes('=') ? ['/bin/sh', '-c', 'exec "$@"', 'sh', ...argv] : argv;
  return [
    mark(nonce),
    cwd === undefined ? '' : `cd -- ${quoteWord(cwd)} 2>/dev/null || { m no-folder; exit 0; }\n`,
    env ? `PATH=${quoteWord(env['PATH'] ?? DEFAULT_PATH)}\n` : '',
    `{ ${exists}; } || { m no-program; exit 0; }\n`,
    'm ready\n',
    `exec /usr/bin/env -i ${variables} ${quoteArgv(command)}${stdin ? '' : ' </dev/null'}`,
  ].join('');
}

/** A script of the transport itself, run by sh as it is; its input follows on stdin. */
export const ownScript = (nonce: string, script: string): string => `${mark(nonce)}m ready\n${script}`;

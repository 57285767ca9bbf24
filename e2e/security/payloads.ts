/**
 * Owns: what an attacker writes into a field: 200 texts that run a command wherever somebody forgot to quote, and what an agent
 * was really given.
 * Never: knows which field it is tried on.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** What leaves the place that data should stay in. */
const BREAKOUTS = ['', "'", '"', "\\'", '\\"', '\n', '\r\n', ')', '}', "'\\''", '\u2019'] as const;
/** What then runs `command`, in sh, in tmux (formats, control mode), or in a language that builds command lines. */
const RUNNERS: readonly ((command: string) => string)[] = [
  (command) => `$(${command})`,
  (command) => `\`${command}\``,
  (command) => `;${command};`,
  (command) => `|${command}|`,
  (command) => `&${command}&`,
  (command) => `\n${command}\n`,
  (command) => `#(${command})`,
  (command) => `#{E:#(${command})}`,
  (command) => `\nrun-shell "${command}"\n`,
  (command) => ` ; run-shell -b '${command}' ; `,
  (command) => `%{${command}}<(${command})`,
  (command) => `\${IFS:-$(${command})}`,
  (command) => ` || ${command} #`,
  (command) => `!${command}`,
  (command) => `-oProxyCommand=${command}`,
  (command) => `--exec=${command}`,
];

/** What breaks by itself, without running anything: options, directives, formats, odd bytes of every kind. */
const ODDITIES: readonly string[] = [
  '-flag',
  '--',
  '--help',
  '-',
  '~',
  '~root',
  '*',
  '?',
  '[a-z]',
  '{a,b}',
  '!',
  '!!',
  '=cmd',
  'A=b',
  '%',
  '%1',
  '%s%n',
  '%output %1 x',
  '%end 1 1 1',
  '$0',
  '$sess',
  '@1',
  '#{session_name}',
  '#{hook_session_name}',
  '##',
  '#',
  '#[fg=red]',
  ' leading and trailing ',
  '\t',
  '\u00a0',
  '\u200b',
  '\u202eevil',
  '\u2028',
  '\ufeff',
  'é',
  'e\u0301',
  '😀',
  '\u001b]0;title\u0007',
  '\u009b31m',
  '\u0001',
  '\u007f',
  '\\',
  '\\n',
  "'",
  '"',
  '`',
  '$',
  '${',
  '$(',
  '../../../../tmp/up',
  '/absolute',
  'C:\\x',
  '<<EOF',
  'x'.repeat(4_096),
];

/** At least 200 texts; `canary` is a file that must never appear. */
export function payloads(canary: string): readonly string[] {
  const command = `touch ${canary}`;
  const attacks = BREAKOUTS.flatMap((out) => RUNNERS.map((run) => `x${out}${run(command)}${out}`));
  return [...attacks, ...ODDITIES];
}
/** No process can be given these at all. */
export const withNul = (canary: string): readonly string[] => [`a\0touch ${canary}`, '\0', `\0;touch ${canary}`];

/** A folder where canaries would appear, and whether one did. */
export class Canaries {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = join(dir, 'canaries');
    mkdirSync(this.#dir);
  }

  file(name = 'c'): string {
    return join(this.#dir, name);
  }

  /** Names of those that appeared: commands that ran although nobody should have run them. */
  get sung(): readonly string[] {
    return existsSync(this.#dir) ? readdirSync(this.#dir) : [];
  }
}

/** What the kernel says a process was started with, byte for byte. */
export function givenTo(pid: number): {
  readonly argv: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly cwd: string;
} {
  const words = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').slice(0, -1);
  const env = words('environ').map((entry): [string, string] => {
    const at = entry.indexOf('=');
    return [entry.slice(0, at), entry.slice(at + 1)];
  });
  return { argv: words('cmdline'), env: new Map(env), cwd: readlinkSync(`/proc/${pid}/cwd`) };
}

/** A program that stays, whatever words come behind it. */
export const STAY = ['sh', '-c', 'while :; do sleep 1000; done', 'x'] as const;
/** Starts and restarts without waits. */
export const FAST = {
  startup: { minReadySeconds: 0 },
  restart: { policy: 'always', maxRetries: 100, backoff: { initial: 0, max: 0 } },
  terminationGracePeriodSeconds: 0.5,
} as const;

/**
 * Owns: the command line of the user's own ssh that shows something over there in their terminal.
 * Never: connects; lets a name of a machine be taken for an option.
 */
import { quoteArgv } from '../quote.ts';
import type { Hop, SshTransportOptions } from './destination.ts';
import { wordsLine } from './remote/encoding.ts';

/** What ssh_config says is left to ssh itself, which reads the same file; what is declared of the host wins. */
export function interactiveArgv(options: SshTransportOptions, argv: readonly string[]): readonly string[] {
  return [
    ...sshArgv(options, options, options.jump),
    '-t',
    '--',
    options.address,
    wordsLine(options.loginShell ? ['sh', '-lc', 'exec "$@"', 'sh', ...argv] : argv),
  ];
}

/** Everything up to the options of the last machine; the hops before it are reached by a ProxyCommand of their own. */
function sshArgv(hop: Hop, options: SshTransportOptions, before: readonly Hop[] | undefined): string[] {
  const { sshConfigFile, knownHostsFiles = [] } = options;
  const known = knownHostsFiles.map((file) => (/["\s]/.test(file) ? `"${file}"` : file)).join(' ');
  return [
    'ssh',
    ...(sshConfigFile === undefined ? [] : ['-F', sshConfigFile]),
    ...(hop.port === undefined ? [] : ['-p', String(hop.port)]),
    ...(hop.user === undefined ? [] : ['-l', hop.user]),
    ...(hop.identityFile === undefined ? [] : ['-i', hop.identityFile]),
    ...(known === '' ? [] : ['-o', `UserKnownHostsFile=${escapePercent(known)}`]),
    '-o',
    'StrictHostKeyChecking=yes',
    ...(before === undefined ? [] : jumps(before, options)),
  ];
}

/** -J where ssh can say it; hops with keys of their own need a command, as -J hands on no option. */
function jumps(before: readonly Hop[], options: SshTransportOptions): string[] {
  const last = before.at(-1);
  if (!last) return ['-o', 'ProxyJump=none'];
  const plain = before.every(({ identityFile }) => identityFile === undefined);
  if (plain && (options.knownHostsFiles ?? []).length === 0) return ['-J', before.map(spell).join(',')];
  const inner = [...sshArgv(last, options, before.length > 1 ? before.slice(0, -1) : undefined), '-W'];
  return ['-o', `ProxyCommand=${inner.map(escapeWord).join(' ')} '[%h]:%p' -- ${escapeWord(last.address)}`];
}

const spell = ({ user, address, port }: Hop): string =>
  `${user === undefined ? '' : `${user}@`}${address.includes(':') ? `[${address}]` : address}${port === undefined ? '' : `:${port}`}`;

/** A word of a ProxyCommand: ssh expands % in it, the user's shell reads the rest. */
const escapeWord = (word: string): string => escapePercent(quoteArgv(['/', word]).slice('/ '.length));
const escapePercent = (text: string): string => text.replaceAll('%', '%%');

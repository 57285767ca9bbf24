/**
 * Owns: whether the key a machine shows is the one that is expected there, and the words when it is not.
 * Never: trusts at first sight, and never writes to known_hosts: people do, with the command that is told to them.
 */
import { readFile } from 'node:fs/promises';
import { quoteArgv, quoteWord } from '../../quote.ts';
import { type Destination, spoken } from '../destination.ts';
import { checkCertificate } from './host-certificate.ts';
import {
  authoritiesOf,
  checkHostKey,
  fingerprint,
  isRevoked,
  keyType,
  knownKeyTypes,
  parseKnownHosts,
} from './known-hosts.ts';

export interface HostTrust {
  /** Key types the machine is known by. */
  readonly keyTypes: readonly string[];
  /** Resolves with what is wrong, or with nothing: it may be trusted. */
  refusal(key: Uint8Array): Promise<string | undefined>;
}

export interface TrustOptions {
  /** Machines before this one: what has to be asked there, not here. */
  readonly via: readonly Destination[];
  /** The certificate the machine shows for this key, for authorities in known_hosts. Undefined: it has none. */
  readonly fetchCertificate: (type: string) => Promise<Uint8Array | undefined>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Reads the files anew: what people accept counts at the next try. A file that is not there holds nothing. */
export async function loadTrust(destination: Destination, options: TrustOptions): Promise<HostTrust> {
  const texts = await Promise.all(
    destination.knownHostsFiles.map(async (file) =>
      parseKnownHosts(await readFile(file, 'utf8').catch(() => ''), file),
    ),
  );
  const known = texts.flat();
  const name = destination.hostKeyAlias ?? destination.address;
  // As OpenSSH: an alias stands for all ports.
  const port = destination.hostKeyAlias === undefined ? destination.port : 22;
  return {
    keyTypes: knownKeyTypes(known, name, port),
    async refusal(key) {
      const verdict = checkHostKey(known, name, port, key);
      switch (verdict.kind) {
        case 'known':
          return undefined;
        case 'revoked':
          return `the host key ${fingerprint(key)} of ${spoken(destination)} is marked as revoked in ${verdict.where}`;
        case 'changed':
          return changed(destination, key, verdict.where);
        case 'unknown': {
          if (verdict.authorities.length === 0) return unknown(destination, key, verdict.other, options.via);
          const certificate = await options.fetchCertificate(keyType(key));
          if (!certificate)
            return `${unknown(destination, key, verdict.other, options.via)} (${verdict.authorities[0]?.where} names an authority for it, but it shows no certificate)`;
          const wrong = checkCertificate(certificate, {
            key,
            host: name,
            now: options.now(),
            authorities: authoritiesOf(known, name, port).map((entry) => entry.key),
            isRevoked: (revoked) => isRevoked(known, name, port, revoked),
          });
          return wrong === undefined
            ? undefined
            : `${unknown(destination, key, verdict.other, options.via)} (its certificate does not help: ${wrong})`;
        }
      }
    },
  };
}

function unknown(
  destination: Destination,
  key: Uint8Array,
  other: readonly string[],
  via: readonly Destination[],
): string {
  const { address, port, knownHostsFiles } = destination;
  const scan = ['ssh-keyscan', '-t', shortType(keyType(key)), '-p', String(port), '--', address];
  // Only the machine before it may be able to reach it, and that one only through those before.
  const where = via.length > 0 ? [...sshTo(via), scan.map(quoteWord).join(' ')] : scan;
  const command = `${where.map(quoteWord).join(' ')} >> ${quoteWord(knownHostsFiles[0] ?? '~/.ssh/known_hosts')}`;
  const known = other.length > 0 ? ` (it is known by its ${other.join(', ')} key alone)` : '';
  return (
    `the host key of ${spoken(destination)} is not known${known}: ${keyType(key)} ${fingerprint(key)}. ` +
    `If that is its fingerprint (ssh-keygen -lf on that machine), accept it with: ${command}`
  );
}

/** How a person gets to the last of them. */
function sshTo(via: readonly Destination[]): readonly string[] {
  const before = via.slice(0, -1).map(({ user, address, port }) => `${user}@${hostWord(address)}:${port}`);
  return via
    .slice(-1)
    .flatMap(({ user, address, port, identityFiles: [identity] }) => [
      'ssh',
      ...(before.length > 0 ? ['-J', before.join(',')] : []),
      ...(identity === undefined ? [] : ['-i', identity]),
      ...['-p', String(port), '--', `${user}@${address}`],
    ]);
}
const hostWord = (address: string): string => (address.includes(':') ? `[${address}]` : address);

function changed(destination: Destination, key: Uint8Array, where: string): string {
  const { address, port, hostKeyAlias } = destination;
  const name = hostKeyAlias ?? (port === 22 ? address : `[${address}]:${port}`);
  const file = where.slice(0, where.lastIndexOf(':'));
  return (
    `THE HOST KEY OF ${spoken(destination)} HAS CHANGED: it shows ${keyType(key)} ${fingerprint(key)}, ` +
    `${where} says otherwise. Somebody may be listening in. Only if the machine was set up anew: ` +
    `${quoteArgv(['ssh-keygen', '-R', name, '-f', file]).replace(/^'ssh-keygen'/, 'ssh-keygen')}`
  );
}

/** As ssh-keyscan -t names it. */
function shortType(type: string): string {
  if (type.startsWith('ecdsa')) return 'ecdsa';
  return type === 'ssh-rsa' ? 'rsa' : type.replace(/^ssh-/, '');
}

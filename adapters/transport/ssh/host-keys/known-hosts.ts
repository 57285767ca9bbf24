/**
 * Owns: reading known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) and saying what it tells of a host's key.
 * Never: reads or writes a file; asks anybody.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface KnownHost {
  readonly marker: 'key' | 'cert-authority' | 'revoked';
  /** Comma separated patterns, or one hashed name. */
  readonly hosts: string;
  readonly type: string;
  /** The key as it crosses the wire. */
  readonly key: Uint8Array;
  /** `file:line`, for messages. */
  readonly where: string;
}

export type Verdict =
  | { readonly kind: 'known' }
  /** `other`: key types the host is known by, none of which it showed. */
  | { readonly kind: 'unknown'; readonly other: readonly string[]; readonly authorities: readonly KnownHost[] }
  | { readonly kind: 'changed'; readonly where: string }
  | { readonly kind: 'revoked'; readonly where: string };

/** Lines that cannot be read are skipped, as OpenSSH does. */
export function parseKnownHosts(text: string, file: string): readonly KnownHost[] {
  const known: KnownHost[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const words = line.trim().split(/[ \t]+/);
    const first = words[0] ?? '';
    if (first === '' || first.startsWith('#')) continue;
    const marker = first.startsWith('@') ? markerOf(first) : 'key';
    const [hosts, type, encoded] = first.startsWith('@') ? words.slice(1) : words;
    if (!marker || hosts === undefined || type === undefined || encoded === undefined) continue;
    const key = Buffer.from(encoded, 'base64');
    if (keyType(key) !== type) continue;
    known.push({ marker, hosts, type, key, where: `${file}:${i + 1}` });
  }
  return known;
}

function markerOf(word: string): KnownHost['marker'] | undefined {
  switch (word) {
    case '@cert-authority':
      return 'cert-authority';
    case '@revoked':
      return 'revoked';
    default:
      return undefined;
  }
}

/** The name a key is kept under: the host, with its port unless that is 22. */
export const knownHostName = (host: string, port: number): string =>
  port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;

/** What the files tell of this key. A key of the bare host also counts for its other ports, but cannot be "changed" there. */
export function checkHostKey(known: readonly KnownHost[], host: string, port: number, key: Uint8Array): Verdict {
  const type = keyType(key);
  const revoked = known.find((entry) => entry.marker === 'revoked' && same(entry.key, key) && names(entry, host, port));
  if (revoked) return { kind: 'revoked', where: revoked.where };
  const exact = known.filter((entry) => entry.marker === 'key' && matchesName(entry.hosts, knownHostName(host, port)));
  if (exact.some((entry) => same(entry.key, key))) return { kind: 'known' };
  const changed = exact.find((entry) => entry.type === type);
  if (changed) return { kind: 'changed', where: changed.where };
  const bare = known.filter((entry) => entry.marker === 'key' && matchesName(entry.hosts, host.toLowerCase()));
  if (bare.some((entry) => same(entry.key, key))) return { kind: 'known' };
  return {
    kind: 'unknown',
    other: [...new Set(exact.map((entry) => entry.type))],
    authorities: authoritiesOf(known, host, port),
  };
}

/** Key types the host is known by; asked for first, so that it shows one of them. */
export const knownKeyTypes = (known: readonly KnownHost[], host: string, port: number): readonly string[] => [
  ...new Set(known.filter((entry) => entry.marker === 'key' && names(entry, host, port)).map((entry) => entry.type)),
];

/** Authorities that may vouch for this host. */
export const authoritiesOf = (known: readonly KnownHost[], host: string, port: number): readonly KnownHost[] =>
  known.filter((entry) => entry.marker === 'cert-authority' && names(entry, host, port));

export const isRevoked = (known: readonly KnownHost[], host: string, port: number, key: Uint8Array): boolean =>
  known.some((entry) => entry.marker === 'revoked' && same(entry.key, key) && names(entry, host, port));

/** As ssh-keygen -l prints it. */
export const fingerprint = (key: Uint8Array): string =>
  `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;

/** The type a key blob itself names; empty when it is none (RFC 4253 §6.6). */
export function keyType(key: Uint8Array): string {
  const bytes = Buffer.from(key);
  if (bytes.length < 4) return '';
  const length = bytes.readUInt32BE(0);
  return length <= 64 && bytes.length >= 4 + length ? bytes.toString('latin1', 4, 4 + length) : '';
}

export const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);

const names = (entry: KnownHost, host: string, port: number): boolean =>
  matchesName(entry.hosts, knownHostName(host, port)) || (port !== 22 && matchesName(entry.hosts, host.toLowerCase()));

/** One hashed name (`|1|salt|hash`), or patterns of which one fits and no negated one does. */
export function matchesName(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) {
    const [, method, salt, hash] = hosts.split('|');
    if (method !== '1' || salt === undefined || hash === undefined) return false;
    return same(createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest(), Buffer.from(hash, 'base64'));
  }
  return matchesPatterns(hosts.toLowerCase().split(','), name);
}

/** ssh_config(5), PATTERNS: `*` and `?`; one negated pattern that fits refuses. */
export function matchesPatterns(patterns: readonly string[], name: string): boolean {
  let fits = false;
  for (const pattern of patterns) {
    const negated = pattern.startsWith('!');
    if (!matchesPattern(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    fits = true;
  }
  return fits;
}

/** Linear in the product of the lengths, whatever the pattern. */
function matchesPattern(pattern: string, name: string): boolean {
  let star = -1;
  let resume = 0;
  let p = 0;
  for (let n = 0; n < name.length; ) {
    if (pattern[p] === '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++resume;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

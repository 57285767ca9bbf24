/**
 * Owns: who may come in: the socket's owner, or a bearer of a token over TCP from the right host and origin.
 * Never: opens anything by default, or trusts what a browser sends on its own.
 */
import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP, isIPv4 } from 'node:net';
import type { Role } from '../protocol.ts';
import { DeniedError, UnauthenticatedError } from '../resources/errors.ts';
import type { Caller, Tokens } from './ports.ts';

const RANK: Readonly<Record<Role, number>> = { viewer: 1, operator: 2, admin: 3 };

export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');

/** On the socket the file's permissions are the door: whoever gets in is its owner (or root). */
export const SOCKET_CALLER: Caller = { name: 'local user', role: 'admin' };
/** Whoever asks for what needs no token. */
export const ANONYMOUS: Caller = { name: 'anonymous', role: 'none' };

/** What a request says of itself before its path is even read. */
export interface RequestHead {
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
}
export type HostRule = (authority: string) => boolean;

/**
 * Against DNS rebinding and cross-site requests: the Host must be one this server listens as, and a browser's Origin, if
 * there is one, must be this server itself. Also for GET and for upgrades. Throws DeniedError.
 */
export function assertSameSite(
  { headers, rawHeaders }: RequestHead,
  isOwnHost: HostRule,
  scheme: 'http' | 'https',
): void {
  const host = headers.host?.toLowerCase() ?? '';
  // Node keeps the first of several; a proxy before us may have looked at the last.
  const hosts = rawHeaders.filter((header, i) => i % 2 === 0 && header.toLowerCase() === 'host').length;
  if (hosts > 1) throw new DeniedError('the request has more than one Host header');
  if (!isOwnHost(host))
    throw new DeniedError(
      `this server does not answer for host "${host.slice(0, 100)}"; use the address it listens on, with its port`,
    );
  const { origin } = headers;
  if (origin !== undefined && origin !== `${scheme}://${host}`)
    throw new DeniedError('requests from other web origins are refused');
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new DeniedError('requests from other web sites are refused');
}

/**
 * The names a TCP listener answers to, always with its port (but for the scheme's own): its address, the loopback names if it
 * listens there, and what its certificate speaks for.
 */
export function hostRule(host: string, port: number, cert?: string): HostRule {
  const names = new Set([host.toLowerCase()]);
  if (isLoopback(host) || isWildcard(host)) for (const name of LOOPBACK_NAMES) names.add(name);
  const certificate = cert === undefined ? undefined : new X509Certificate(cert);
  return (authority) => {
    const { name, given } = splitAuthority(authority);
    if (name === '' || (given ?? (certificate ? 443 : 80)) !== port) return false;
    if (names.has(name)) return true;
    return (isIP(name) ? certificate?.checkIP(name) : certificate?.checkHost(name)) !== undefined;
  };
}

/**
 * Whoever speaks HTTP over the socket names what they like (`http://x/`), but a web page that reaches it through a forwarded
 * port names a site: a name with a dot, or an address that is not loopback.
 */
export const socketHostRule: HostRule = (authority) => {
  const { name } = splitAuthority(authority);
  return isIP(name) ? isLoopback(name) : !/[.:]/.test(name);
};

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '::1'];

function splitAuthority(authority: string): { readonly name: string; readonly given: number | undefined } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]@/\s]*))(?::(\d{1,5}))?$/.exec(authority);
  return { name: match?.[1] ?? match?.[2] ?? '', given: match?.[3] === undefined ? undefined : Number(match[3]) };
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** Throws UnauthenticatedError without a valid token. */
export function callerOf(headers: IncomingHttpHeaders, tokens: Tokens, now: string): Caller {
  const match = /^Bearer +([A-Za-z0-9_-]{20,200})$/i.exec(headers.authorization ?? '');
  if (!match?.[1])
    throw new UnauthenticatedError(
      headers.authorization !== undefined
        ? 'what was sent is no token of this controller; `sac token create` makes one, and shows it once'
        : "a bearer token is needed; make one on the controller's machine with `sac token create --role viewer`",
    );
  const presented = Buffer.from(hashToken(match[1]), 'hex');
  const found = tokens.list().find(({ hash }) => {
    const stored = Buffer.from(hash, 'hex');
    return stored.length === presented.length && timingSafeEqual(stored, presented);
  });
  if (!found) throw new UnauthenticatedError('this token is not valid; it may have been deleted');
  tokens.touch(found.id, now);
  return { name: `token ${found.id}`, role: found.role, token: found.id };
}

/** Throws DeniedError; UnauthenticatedError is for those who are nobody yet. */
export function assertRole(caller: Caller, needed: Role | 'none'): void {
  if (needed === 'none') return;
  if (caller.role === 'none' || RANK[caller.role] < RANK[needed])
    throw new DeniedError(`${caller.name} is ${caller.role}; this needs ${needed}`);
}

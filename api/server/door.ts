/**
 * Owns: who may come in: the socket's owner, or a bearer of a token over TCP from the right host and origin.
 * Never: opens anything by default, or trusts what a browser sends on its own.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Role } from '../protocol.ts';
import { DeniedError, UnauthenticatedError } from '../resources/errors.ts';
import type { Caller, Tokens } from './ports.ts';

const RANK: Readonly<Record<Role, number>> = { viewer: 1, operator: 2, admin: 3 };

export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');

/** On the socket the file's permissions are the door: whoever gets in is its owner (or root). */
export const SOCKET_CALLER: Caller = { name: 'local user', role: 'admin' };

/**
 * Against DNS rebinding and cross-site requests: the Host must be one this server listens as, and a browser's Origin, if
 * there is one, must be this server itself. Throws DeniedError before routing.
 */
export function assertOwnHost(
  headers: IncomingHttpHeaders,
  allowedHosts: ReadonlySet<string>,
  scheme: 'http' | 'https',
): void {
  const host = headers.host?.toLowerCase() ?? '';
  if (!allowedHosts.has(host)) throw new DeniedError(`this server does not answer for host "${host.slice(0, 100)}"`);
  const { origin } = headers;
  if (origin !== undefined && origin !== `${scheme}://${host}`)
    throw new DeniedError('requests from other web origins are refused');
  if (
    headers['sec-fetch-site'] !== undefined &&
    headers['sec-fetch-site'] !== 'same-origin' &&
    headers['sec-fetch-site'] !== 'none'
  )
    throw new DeniedError('requests from other web sites are refused');
}

/** Names under which a listener on this address may be asked for. */
export function allowedHostsFor(host: string, port: number): ReadonlySet<string> {
  const names = new Set([host.includes(':') ? `[${host}]` : host.toLowerCase()]);
  if (isLoopback(host)) for (const name of ['localhost', '127.0.0.1', '[::1]']) names.add(name);
  return new Set([...names].flatMap((name) => [`${name}:${port}`, ...(port === 80 || port === 443 ? [name] : [])]));
}

export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);

/** Throws UnauthenticatedError without a valid token. */
export function callerOf(headers: IncomingHttpHeaders, tokens: Tokens, now: string): Caller {
  const match = /^Bearer ([A-Za-z0-9_-]{20,200})$/.exec(headers.authorization ?? '');
  if (!match?.[1])
    throw new UnauthenticatedError(
      "a bearer token is needed; make one on the controller's machine with `sac token create --role viewer`",
    );
  const presented = Buffer.from(hashToken(match[1]), 'hex');
  const found = tokens.list().find(({ hash }) => timingSafeEqual(Buffer.from(hash, 'hex'), presented));
  if (!found) throw new UnauthenticatedError('this token is not valid; it may have been deleted');
  tokens.touch(found.id, now);
  return { name: `token ${found.id}`, role: found.role };
}

export function assertRole(caller: Caller, needed: Role): void {
  if (RANK[caller.role] < RANK[needed]) throw new DeniedError(`${caller.name} is ${caller.role}; this needs ${needed}`);
}

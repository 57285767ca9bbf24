/** Row 8: every route × role, from the router's own table: a route that has no rule here, or another one, fails. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROLES, ROUTES, type Role, type RouteName } from '../../api/protocol.ts';
import { execManifest, Fleet } from '../harness.ts';

/** Who may, at least. Written by hand, and on purpose not taken from ROUTES: opening a route must be done in two places. */
const RULES: Readonly<Record<RouteName, Role | 'anybody' | 'signer'>> = {
  version: 'anybody',
  healthz: 'anybody',
  readyz: 'anybody',
  metrics: 'anybody',
  openapi: 'anybody',
  controller: 'viewer',
  list: 'viewer',
  get: 'viewer',
  logs: 'viewer',
  render: 'viewer',
  create: 'operator',
  replace: 'operator',
  patch: 'operator',
  delete: 'operator',
  patchObject: 'operator',
  deleteObject: 'operator',
  apply: 'operator',
  syncSource: 'operator',
  planSource: 'operator',
  // A push notice: its own signature opens it, no token does.
  gitHook: 'signer',
  restart: 'operator',
  rollout: 'operator',
  revisions: 'viewer',
  answer: 'operator',
  rich: 'viewer',
  usage: 'viewer',
  checkHost: 'operator',
  attach: 'operator',
  listTokens: 'admin',
  createToken: 'admin',
  deleteToken: 'admin',
  stopController: 'admin',
};
const RANK: Readonly<Record<Role, number>> = { viewer: 1, operator: 2, admin: 3 };

let fleet: Fleet;
let port: number;
const tokens = new Map<Role, string>();
beforeAll(async () => {
  fleet = new Fleet();
  await fleet.controller(['--listen', '127.0.0.1:0']);
  port = Number((await fleet.json(['controller', 'status'])).listen.split(':').at(-1));
  await fleet.ok(['apply', '-f', '-', '--wait'], {
    stdin: execManifest('web', ['sleep', '1000'], { startup: { minReadySeconds: 0 } }),
  });
  for (const role of ROLES)
    tokens.set(role, (await fleet.ok(['token', 'create', '--role', role])).match(/sac_[\w-]{40,}/)?.[0] ?? '');
});
afterAll(() => fleet[Symbol.asyncDispose]());

/** Nothing that any route takes: who may come in is refused for its body, who may not for who it is. */
const BODY = '{"nothing":"that is known"}';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}
/** Status and the beginning of the body; 0 when the connection was cut. A stream is let go of once it answers. */
const ask = ({
  method,
  path,
  token,
  headers = {},
}: Asked): Promise<{ readonly status: number; readonly body: string }> =>
  new Promise((resolve) => {
    const sends = method !== 'GET' && method !== 'HEAD';
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        timeout: 60_000,
        headers: {
          ...(sends && { 'content-type': 'application/json', 'content-length': String(BODY.length) }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...headers,
        },
      },
      (response) => {
        let body = '';
        response.on('data', (chunk) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    asked.on('error', () => resolve({ status: 0, body: '' }));
    asked.on('timeout', () => asked.destroy());
    asked.end(sends ? BODY : undefined);
  });

const pathOf = (route: RouteName): string =>
  ROUTES[route].path
    .replace(':plural', route.endsWith('Object') ? 'hosts' : 'agents')
    .replace(':name', route === 'deleteToken' ? 'no-such' : 'web');
const REFUSALS: readonly number[] = [400, 401, 403, 404, 501];
const isRefused = (status: number) => status === 401 || status === 403;
const ROUTE_NAMES = Object.keys(ROUTES) as RouteName[];

it('there is a rule for every route, and a route for every rule', () => {
  expect(Object.keys(RULES).sort()).toEqual([...ROUTE_NAMES].sort());
});

describe.each(ROUTE_NAMES)('%s', (route) => {
  const { method } = ROUTES[route];
  const needed = RULES[route];

  it(`is for ${needed} and above`, async () => {
    const path = pathOf(route);
    const without = [undefined, '', 'x', `sac_${'A'.repeat(43)}`, tokens.get('viewer')?.slice(0, -1)];
    for (const token of without) {
      const { status, body } = await ask({ method, path, token });
      expect([token, status]).toEqual([token, needed === 'anybody' ? 200 : needed === 'signer' ? 403 : 401]);
      if (needed !== 'anybody') expect(JSON.parse(body)).toMatchObject({ kind: 'Status', status: 'Failure' });
    }
    for (const role of ROLES) {
      const may = needed === 'anybody' || (needed !== 'signer' && RANK[role] >= RANK[needed]);
      const { status } = await ask({ method, path, token: tokens.get(role) });
      expect([role, may ? isRefused(status) : status]).toEqual([role, may ? false : 403]);
      expect(status).not.toBe(0);
      expect(status).toBeLessThan(500);
    }
  });

  it('is refused to every other host, origin and site, with an admin token too', async () => {
    const token = tokens.get('admin');
    for (const headers of [
      { host: `evil.example:${port}` },
      { host: 'localhost' },
      { host: `127.0.0.1.evil.example:${port}` },
      { host: `127.0.0.1:${port + 1}` },
      { host: `127.0.0.1:${port}@evil.example` },
      { host: '[::ffff:7f00:1]' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `http://127.0.0.1:${port + 1}` },
      { origin: `https://127.0.0.1:${port}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      const { status, body } = await ask({
        method,
        path: pathOf(route),
        token,
        headers: headers as Record<string, string>,
      });
      expect([headers, status]).toEqual([headers, 403]);
      expect(body).not.toMatch(/sac_|metadata|"items"|"name"/);
    }
  });
});

it('no other method of any path is answered, and none without a token tells what there is', async () => {
  const paths = [
    ...new Set(ROUTE_NAMES.map(pathOf)),
    '/',
    '/apis',
    '/apis/sac/v1/../../../etc/passwd',
    '/%2e%2e/x',
    '/apis/sac/v1/agents/web/../web/restart',
  ];
  for (const path of paths)
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'QUERY']) {
      const known = ROUTE_NAMES.filter((route) => ROUTES[route].method === method && matches(ROUTES[route].path, path));
      const { status } = await ask({ method, path });
      const open = known.some((route) => RULES[route] === 'anybody');
      expect([method, path, open ? status : REFUSALS.includes(status) ? true : status]).toEqual([
        method,
        path,
        open ? status : true,
      ]);
    }
});

const matches = (route: string, path: string): boolean => new RegExp(`^${route.replace(/:\w+/g, '[^/]+')}$`).test(path);

it('none of this changed anything, and refusals are in the audit log', async () => {
  const { metadata, status } = await fleet.json(['get', 'agent', 'web']);
  expect(metadata.generation).toBe(1);
  expect(metadata.deletionTimestamp).toBeUndefined();
  expect(status.restarts).toBe(0);
  expect(await fleet.json(['token', 'list'])).toHaveLength(ROLES.length);
  const audit = readFileSync(join(fleet.home, 'audit.log'), 'utf8');
  for (const [role, token] of tokens) {
    expect([role, audit.includes(token)]).toEqual([role, false]);
    expect(audit).toContain(`"role":"${role}"`);
  }
  // Of strangers only so many a minute; of those with a token every one.
  expect(audit).toMatch(/"role":"none".*"result":403/);
  expect(audit).toMatch(/"role":"viewer".*"verb":"apply".*"result":403/);
});

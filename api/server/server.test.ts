import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../client.ts';
import { ROLES, ROUTES, type Role, type RouteName } from '../protocol.ts';
import type { Agent } from '../resources/agent/agent.ts';
import { ConflictError, GoneError, NotFoundError } from '../resources/errors.ts';
import { hashToken } from './door.ts';
import type { AuditEntry, ResourceEvent, ServerPorts, StoredToken } from './ports.ts';
import { createServer, type Server } from './server.ts';

const TOKENS: Readonly<Record<Role, string>> = {
  viewer: `sac_${'v'.repeat(43)}`,
  operator: `sac_${'o'.repeat(43)}`,
  admin: `sac_${'a'.repeat(43)}`,
};
const agent = (name: string, labels: Record<string, string> = {}, resourceVersion = 1): Agent =>
  ({
    apiVersion: 'sac/v1',
    kind: 'Agent',
    metadata: { name, id: `f.${name}`, labels, annotations: {}, generation: 1, resourceVersion, creationTimestamp: '' },
    spec: {},
    status: { phase: 'Running', readyInstances: 1, desiredInstances: 1, restarts: 0, instances: [], conditions: [] },
  }) as unknown as Agent;

let dir: string;
let server: Server;
let socket: string;
let address: string;
let stopped = 0;
const audit: AuditEntry[] = [];
/** A version since which more has happened than may wait for one reader. */
const LONG_AGO = 3;
const KEPT = 5_120;
const watchers = new Set<(event: ResourceEvent) => void>();
const tokens = new Map<string, StoredToken>(
  ROLES.map((role) => [role, { id: role, role, description: '', createdAt: '', hash: hashToken(TOKENS[role]) }]),
);
const secretive: Agent = { ...agent('secretive'), spec: { env: { MY_KEY: 'hunter2!y' } } as unknown as Agent['spec'] };
const items = [agent('web', { role: 'x' }), agent('api', { role: 'y' })];

const ports: ServerPorts = {
  reads: {
    version: 5,
    list: (plural) => (plural === 'agents' ? items : plural === 'hosts' ? [secretive] : []),
    get: (plural, name) =>
      plural === 'agents' ? [...items, secretive].find(({ metadata }) => metadata.name === name) : undefined,
    render() {
      throw new NotFoundError('not here');
    },
    watch(since, onEvent) {
      if (since < 2) throw new GoneError('list again');
      if (since === LONG_AGO)
        for (let n = 0; n < KEPT; n++)
          onEvent({ type: 'MODIFIED', resourceVersion: LONG_AGO + 1, object: agent('web', {}, LONG_AGO + 1) });
      watchers.add(onEvent);
      return { [Symbol.dispose]: () => void watchers.delete(onEvent) };
    },
  },
  writes: {
    apply: async () => ({ results: [], errors: [] }),
    create: async () => agent('new'),
    replace: async () => {
      throw new ConflictError('changed meanwhile');
    },
    patch: async () => agent('web'),
    remove: async () => agent('web'),
    patchObject: async () => {
      throw new Error('not here');
    },
    removeObject: async () => {
      throw new Error('not here');
    },
    restart: async () => agent('web'),
  },
  usage: { read: async () => ({ at: '', hosts: [], instances: [] }) },
  hosts: {
    check: async () => {
      throw new NotFoundError('not here');
    },
  },
  rollouts: { rollout: async () => agent('web'), revisions: () => [] },
  sources: {
    sync: async () => {
      throw new NotFoundError('not here');
    },
    plan: async () => {
      throw new NotFoundError('not here');
    },
    notice: async () => ({ accepted: true, detail: 'taken' }),
  },
  terminals: {
    async *logs() {
      yield 'one';
      yield 'MY_KEY=hunter2!x';
    },
    answer: async () => {
      throw new NotFoundError('not here');
    },
    rich: async () => ({}),
    attach: () => ({ argv: [], host: 'local', session: 'web' }),
  },
  tokens: {
    list: () => [...tokens.values()],
    add: async (token) => void tokens.set(token.id, token),
    remove: async (id) => tokens.delete(id),
    touch: () => undefined,
  },
  controller: {
    status: () => ({
      pid: 1,
      version: '',
      home: '',
      fleet: '',
      socket: '',
      listen: null,
      agentsDirs: [],
      startedAt: '',
      agents: 0,
      manifestErrors: [],
    }),
    ready: () => ({ ok: true, detail: 'ok' }),
    metrics: async () => ({ contentType: 'text/plain', body: 'up 1\n' }),
    stop: () => {
      stopped++;
    },
  },
  audit: (entry) => void audit.push(entry),
  clock: { now: () => 0 },
  randomBytes: (n) => new Uint8Array(n),
};

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sac-server-'));
  socket = join(dir, 'run', 'sac.sock');
  server = createServer(ports, { socket, listen: { host: '127.0.0.1', port: 0 }, log: () => undefined });
  address = (await server.start()).listen ?? '';
});
afterAll(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

const BODIES: Partial<Record<RouteName, unknown>> = {
  rollout: { action: 'pause' },
  create: { apiVersion: 'sac/v1', kind: 'Agent', metadata: { name: 'new' }, spec: {} },
  replace: { metadata: { name: 'web', resourceVersion: 1 }, spec: {} },
  apply: { items: [], source: { kind: 'apply', name: 'cli' } },
  createToken: { role: 'viewer' },
  answer: { keys: ['Enter'] },
};
const send = (
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const [host, port] = address.split(':');
    const sent = request(
      {
        host,
        port,
        method,
        path,
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          ...headers,
        },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
const RANK = { none: 0, viewer: 1, operator: 2, admin: 3 };

describe('every route and every role', () => {
  const names = Object.keys(ROUTES) as RouteName[];
  it.each(names.flatMap((route) => [...ROLES, 'nobody' as const].map((who) => [route, who] as const)))(
    '%s as %s',
    async (route, who) => {
      const { method, path, role } = ROUTES[route];
      const filled = path.replace(':plural', 'agents').replace(':name', route === 'deleteToken' ? 'none' : 'web');
      const headers = who === 'nobody' ? {} : { authorization: `Bearer ${TOKENS[who]}` };
      const { status } = await send(
        method,
        filled,
        headers,
        method === 'GET' ? undefined : JSON.stringify(BODIES[route] ?? {}),
      );
      const allowed = RANK[who === 'nobody' ? 'none' : who] >= RANK[role];
      if (allowed) expect([200, 201, 202, 404, 409]).toContain(status);
      else expect(status).toBe(who === 'nobody' ? 401 : 403);
    },
  );
});

describe('the TCP door', () => {
  const viewer = { authorization: `Bearer ${TOKENS.viewer}` };
  it.each([
    ['another host name', { ...viewer, host: 'evil.example' }, 403],
    ['a host with another port', { ...viewer, host: '127.0.0.1:1' }, 403],
    ['another origin', { ...viewer, origin: 'http://evil.example' }, 403],
    ['the null origin', { ...viewer, origin: 'null' }, 403],
    ['a cross-site fetch', { ...viewer, 'sec-fetch-site': 'cross-site' }, 403],
    ['a wrong token', { authorization: `Bearer sac_${'x'.repeat(43)}` }, 401],
    ['a token in another scheme', { authorization: `Basic ${TOKENS.admin}` }, 401],
    ['all that is right', viewer, 200],
  ])('%s', async (_what, headers, expected) => {
    expect((await send('GET', '/apis/sac/v1/agents', headers)).status).toBe(expected);
  });
  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    '%s bodies are refused',
    async (type) => {
      const { status } = await send(
        'POST',
        '/apis/sac/v1/apply',
        { authorization: `Bearer ${TOKENS.admin}`, 'content-type': type },
        '{}',
      );
      expect(status).toBe(415);
    },
  );
  it('output as it was printed is for who may attach', async () => {
    const raw = '/apis/sac/v1/agents/web/logs?raw=true';
    expect((await send('GET', raw, viewer)).status).toBe(403);
    expect((await send('GET', raw, { authorization: `Bearer ${TOKENS.operator}` })).status).toBe(200);
  });
  it('who may only look is shown no secrets of what is declared, and cannot ask for them', async () => {
    const operator = { authorization: `Bearer ${TOKENS.operator}` };
    for (const path of ['/apis/sac/v1/hosts', '/apis/sac/v1/agents/secretive']) {
      expect((await send('GET', path, operator)).text).toContain('hunter2!y');
      expect((await send('GET', `${path}?raw=true`, operator)).text).toContain('hunter2!y');
      const shown = await send('GET', path, viewer);
      expect([shown.status, shown.text.includes('"MY_KEY":"[redacted]"')]).toEqual([200, true]);
      expect((await send('GET', `${path}?raw=true`, viewer)).status).toBe(403);
    }
  });
  it('does not listen beyond loopback without TLS', () => {
    expect(() =>
      createServer(ports, { socket: join(dir, 'x'), listen: { host: '0.0.0.0', port: 0 }, log: () => undefined }),
    ).toThrow(/TLS/);
  });
  it('keeps its socket private', () => {
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'run')).mode & 0o777).toBe(0o700);
  });
  it('records every change and every refusal, with no body', async () => {
    audit.length = 0;
    await send(
      'PATCH',
      '/apis/sac/v1/agents/web',
      { authorization: `Bearer ${TOKENS.operator}` },
      JSON.stringify({ spec: { env: { SECRET: 'canary' } } }),
    );
    await send(
      'PATCH',
      '/apis/sac/v1/agents/web',
      { authorization: `Bearer ${TOKENS.operator}` },
      JSON.stringify({ spec: {}, dryRun: true }),
    );
    await send('DELETE', '/apis/sac/v1/agents/web', viewer, '{}');
    await send('GET', '/apis/sac/v1/agents', viewer);
    expect(audit.map(({ who, verb, result, dryRun }) => [who, verb, result, dryRun])).toEqual([
      ['token operator', 'patch', 200, undefined],
      ['token operator', 'patch', 200, true],
      ['token viewer', 'delete', 403, undefined],
    ]);
    expect(JSON.stringify(audit)).not.toContain('canary');
  });
});

describe('requests', () => {
  const admin = { authorization: `Bearer ${TOKENS.admin}` };
  it('are bounded', async () => {
    expect((await send('POST', '/apis/sac/v1/agents', admin, `{"a":"${'x'.repeat(1_100_000)}"}`)).status).toBe(413);
  });
  it('with unknown keys are refused by name, with what was meant', async () => {
    const patch = await send('PATCH', '/apis/sac/v1/agents/web', admin, '{"sepc":{}}');
    expect(patch.status).toBe(422);
    expect(patch.text).toMatch(/sepc.*spec/);
    expect((await send('GET', '/apis/sac/v1/agents?labelselector=x', admin)).text).toMatch(/labelSelector/);
  });
  it('for a table are for a list, and only a table has more columns', async () => {
    for (const query of ['as=table&watch=true', 'wide=true', 'labels=true'])
      expect((await send('GET', `/apis/sac/v1/agents?${query}`, admin)).status, query).toBe(400);
  });
  it('never break the server, whatever they carry', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('apply', 'create', 'replace', 'patch', 'delete', 'restart', 'createToken'),
        fc.oneof(fc.json(), fc.string(), fc.constant('{"__proto__":{"x":1}}')),
        async (route, body) => {
          const { method, path } = ROUTES[route as RouteName];
          const { status } = await send(method, path.replace(':name', 'web'), admin, body);
          expect(status).toBeLessThan(500);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('the client', () => {
  it('lists, selects, gets, and turns failures back into their classes', async () => {
    const client = createClient({ socket });
    expect(
      (await client.list('agents', { labelSelector: 'role=x' })).items.map(({ metadata }) => metadata.name),
    ).toEqual(['web']);
    expect((await client.list('agents', { fieldSelector: 'metadata.name!=web' })).items).toHaveLength(1);
    const { columns, rows } = await client.table('agents', { labelSelector: 'role=x', labels: true });
    expect([columns[0], columns.at(-1)]).toEqual(['NAME', 'LABELS']);
    expect(rows.map((row) => [row[0], row.at(-1)])).toEqual([['web', 'role=x']]);
    await expect(client.get('agents', 'nope')).rejects.toBeInstanceOf(NotFoundError);
    await expect(
      client.replace('web', { metadata: { name: 'web', resourceVersion: 1 }, spec: {} }),
    ).rejects.toBeInstanceOf(ConflictError);
    await expect(createClient({ socket: join(dir, 'none') }).version()).rejects.toThrow(
      /no controller answers at .*none/,
    );
    let text = '';
    for await (const chunk of client.logs('web')) text += chunk;
    expect(text).toBe('one\nMY_KEY=[redacted]\n');
    text = '';
    for await (const chunk of client.logs('web', { raw: true })) text += chunk;
    expect(text).toBe('one\nMY_KEY=hunter2!x\n');
  });
  it('watches: everything, then changes; what leaves the selector is deleted; begins anew when too much is gone', async () => {
    const client = createClient({ socket });
    const abort = new AbortController();
    const told: string[] = [];
    for await (const { type, object } of client.watch('agents', {
      labelSelector: 'role=x',
      since: 1,
      signal: abort.signal,
    })) {
      told.push(`${type} ${object?.metadata.name ?? ''}`);
      if (type === 'BOOKMARK') {
        for (const watcher of watchers)
          watcher({ type: 'MODIFIED', resourceVersion: 6, object: agent('web', { role: 'z' }, 6) });
        for (const watcher of watchers)
          watcher({ type: 'MODIFIED', resourceVersion: 7, object: agent('api', { role: 'x' }, 7) });
      }
      if (told.length === 4) break;
    }
    abort.abort();
    expect(told).toEqual(['ADDED web', 'BOOKMARK ', 'DELETED web', 'ADDED api']);
  });
  it('resumes from whatever is kept, however much that is', async () => {
    let told = 0;
    for await (const { type } of createClient({ socket }).watch('agents', { since: LONG_AGO })) {
      expect(type).toBe('MODIFIED');
      if (++told === KEPT) break;
    }
  });
  it('stops the controller after the answer', async () => {
    await createClient({ socket }).stopController();
    expect(stopped).toBeGreaterThan(0);
  });
  it('the OpenAPI document covers every route', async () => {
    const document = JSON.parse((await send('GET', '/openapi.json')).text);
    const described = Object.values<Record<string, { operationId: string }>>(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(described.sort()).toEqual(Object.keys(ROUTES).sort());
    expect(document.openapi).toBe('3.1.0');
  });
});

/**
 * Owns: the listeners: a private unix socket always, TCP when asked; every request passes door, role, audit, handler.
 * Never: knows store or controller; killing it changes no agent.
 */
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { ROUTES, type RouteName } from '../protocol.ts';
import { BadRequestError, ConflictError, DeniedError, NotFoundError } from '../resources/errors.ts';
import { allowedHostsFor, assertOwnHost, assertRole, callerOf, isLoopback, SOCKET_CALLER } from './door.ts';
import { failureOf } from './errors.ts';
import type { Caller, ServerPorts } from './ports.ts';
import { createHandlers, type Handler } from './routes.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** PEM texts. Without them only loopback is allowed. */
  readonly tls?: { readonly cert: string; readonly key: string };
}
export interface ServerOptions {
  readonly socket: string;
  readonly listen?: ListenOptions;
  /** The socket's owner was replaced (it may be stopped, and still hold it): take the path from it. */
  readonly replaceSocket?: boolean;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}
export interface Server {
  /** Resolves when requests are answered. Throws when a door would be open that must not be. */
  start(): Promise<{ readonly socket: string; readonly listen: string | null }>;
  close(): Promise<void>;
}

const APPLY_LIMIT = 32 * 1024 * 1024;
const BODY_LIMIT = 1024 * 1024;
/** A request must have arrived whole within this time. */
const REQUEST_TIMEOUT_MS = 30_000;
const MAX_CONNECTIONS = 1_000;
const WATCH_LIMITS = { maxBuffered: 4 * 1024 * 1024, bookmarkMs: 60_000 };

export function createServer(
  ports: ServerPorts,
  { socket, listen, log, replaceSocket = false }: ServerOptions,
): Server {
  if (listen && !listen.tls && !isLoopback(listen.host))
    throw new BadRequestError(
      `--listen ${listen.host}:${listen.port} is reachable from other machines, which needs TLS: add --tls-cert and --tls-key, or listen on 127.0.0.1`,
    );
  const streams = new Set<Disposable>();
  const handlers = createHandlers(ports, WATCH_LIMITS, streams);
  const apps: FastifyInstance[] = [];

  const serve = (
    door: (request: FastifyRequest, route: RouteName) => Caller,
    gate: (request: FastifyRequest) => void,
    tls?: ListenOptions['tls'],
  ): FastifyInstance => {
    const base = {
      bodyLimit: BODY_LIMIT,
      requestTimeout: REQUEST_TIMEOUT_MS,
      forceCloseConnections: true,
      exposeHeadRoutes: false,
      logger: false as const,
    };
    const app: FastifyInstance = tls
      ? asPlain(Fastify({ ...base, https: { cert: tls.cert, key: tls.key } }))
      : Fastify(base);
    app.server.maxConnections = MAX_CONNECTIONS;
    app.addHook('onRequest', async (request) => gate(request));
    // JSON alone: forms and text/plain, which a browser sends without asking, are refused.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
      try {
        done(null, parseJson(String(text)));
      } catch {
        done(new BadRequestError('the body is not JSON'));
      }
    });
    app.setErrorHandler((error, request, reply) => answerFailure(error, request, reply));
    app.setNotFoundHandler((request, reply) =>
      answerFailure(
        new NotFoundError(
          `there is nothing at ${request.method} ${request.url.slice(0, 200)}; GET /openapi.json lists the routes`,
        ),
        request,
        reply,
      ),
    );
    for (const route of Object.keys(ROUTES) as RouteName[]) {
      const { method, path } = ROUTES[route];
      app.route({
        method,
        url: path,
        bodyLimit: route === 'apply' ? APPLY_LIMIT : BODY_LIMIT,
        handler: guarded(route, handlers[route], door),
      });
    }
    apps.push(app);
    return app;
  };

  const answerFailure = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const { status, body } = failureOf(error);
    if (status >= 500)
      log('request failed', {
        method: request.method,
        url: request.url.split('?')[0],
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    if (status === 401 || status === 403)
      ports.audit({
        at: new Date(ports.clock.now()).toISOString(),
        who: request.ip ?? 'unknown',
        role: 'viewer',
        verb: request.method,
        object: (request.url.split('?')[0] ?? '').slice(0, 300),
        result: status,
      });
    return reply.code(status).type('application/json').send(JSON.stringify(body));
  };

  const guarded =
    (route: RouteName, handler: Handler, door: (request: FastifyRequest, route: RouteName) => Caller) =>
    async (request: FastifyRequest, reply: FastifyReply) => {
      const caller = door(request, route);
      const { role } = ROUTES[route];
      if (role !== 'none') assertRole(caller, role);
      const changes = request.method !== 'GET';
      if (changes)
        reply.raw.on('finish', () =>
          ports.audit({
            at: new Date(ports.clock.now()).toISOString(),
            who: caller.name,
            role: caller.role,
            verb: route,
            object: request.url.split('?')[0] ?? '',
            result: reply.statusCode,
          }),
        );
      return handler(request, reply, caller);
    };

  return {
    async start() {
      await makePrivate(socket, replaceSocket);
      const local = serve(
        () => SOCKET_CALLER,
        () => undefined,
      );
      const umask = process.umask(0o177);
      try {
        await local.listen({ path: socket });
      } finally {
        process.umask(umask);
      }
      chmodSync(socket, 0o600);
      if (!listen) return { socket, listen: null };
      let hosts: ReadonlySet<string> = new Set();
      const scheme = listen.tls ? 'https' : 'http';
      const remote = serve(
        (request, route) =>
          ROUTES[route].role === 'none'
            ? ANONYMOUS
            : callerOf(request.headers, ports.tokens, new Date(ports.clock.now()).toISOString()),
        (request) => assertOwnHost(request.headers, hosts, scheme),
        listen.tls,
      );
      await remote.listen({ host: listen.host, port: listen.port });
      const address = remote.server.address();
      const port = address !== null && typeof address === 'object' ? address.port : listen.port;
      hosts = allowedHostsFor(listen.host, port);
      return { socket, listen: `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${port}` };
    },
    async close() {
      for (const stream of streams) stream[Symbol.dispose]();
      await Promise.all(apps.map((app) => app.close()));
      rmSync(socket, { force: true });
    },
  };
}

const ANONYMOUS: Caller = { name: 'anonymous', role: 'viewer' };

/** Fastify types an HTTPS instance by its server; routes and hooks are the same. */
const asPlain = (app: unknown): FastifyInstance => app as FastifyInstance;

/** `__proto__` in a body is refused, not merged. */
const parseJson = (text: string): unknown =>
  text === ''
    ? undefined
    : JSON.parse(text, (key, value) => {
        if (key === '__proto__') throw new SyntaxError('__proto__ is not a field');
        return value;
      });

/** The socket's folder must be ours alone; a stale socket of a dead controller is removed, a living one is not. */
async function makePrivate(socket: string, replace: boolean): Promise<void> {
  const folder = dirname(socket);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  assertPrivate(folder);
  const found = lstatSync(socket, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new ConflictError(`${socket} exists and is no socket; move it away`);
  if (!replace && (await answers(socket))) throw new ConflictError(`another server answers at ${socket}`);
  rmSync(socket, { force: true });
}

/** Throws DeniedError when others could look into the folder, or it belongs to somebody else. */
export function assertPrivate(folder: string): void {
  const { mode, uid } = lstatSync(folder);
  const own = process.getuid?.();
  if (own !== undefined && uid !== own)
    throw new DeniedError(
      `${folder} belongs to user ${uid}, not to you (${own}); set SAC_HOME to a folder of your own`,
    );
  if ((mode & 0o077) !== 0)
    throw new DeniedError(
      `${folder} is open to others (mode ${(mode & 0o777).toString(8)}); run \`chmod 700 ${folder}\``,
    );
}

const answers = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const connection = connect(socket);
    connection.on('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.on('error', () => resolve(false));
  });

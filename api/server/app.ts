/**
 * Owns: the way of every request: site, route, caller, role, body, handler, audit; the same for each entrance.
 * Never: lets a route be reached that has no rule: routes are made from ROUTES alone, and each begins with its rule.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { ROUTES, type RouteName } from '../protocol.ts';
import { BadRequestError, NotFoundError } from '../resources/errors.ts';
import { type Audited, type AuditTrail, withoutSecrets } from './audit.ts';
import { noQuery, parse, parseJson, QUERIES, ROUTE_NAMES } from './bodies.ts';
import { ANONYMOUS, assertRole, assertSameSite, type HostRule } from './door.ts';
import { failureOf } from './errors.ts';
import type { Caller } from './ports.ts';
import type { Handler } from './routes.ts';

/** One way in. */
export interface Entrance {
  /** Asked for each request: a port is known only when it listens. */
  readonly isOwnHost: HostRule;
  /** Throws UnauthenticatedError. */
  readonly callerOf: (headers: IncomingMessage['headers']) => Caller;
  readonly from: (request: IncomingMessage) => string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface RequestLimits {
  readonly applyBytes: number;
  readonly bodyBytes: number;
  /** A request must have arrived whole within this time. */
  readonly requestMs: number;
  /** A connection on which nothing moves is closed; watches and logs may be quiet. */
  readonly idleMs: number;
  readonly connections: number;
}

export interface AppOptions {
  readonly handlers: Readonly<Record<RouteName, Handler>>;
  readonly limits: RequestLimits;
  readonly trail: AuditTrail;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

export function createApp(entrance: Entrance, { handlers, limits, trail, log }: AppOptions): FastifyInstance {
  const scheme = entrance.tls ? 'https' : 'http';
  const callers = new WeakMap<IncomingMessage, Caller>();
  const routes = new WeakMap<IncomingMessage, RouteName>();
  const rehearsals = new WeakSet<IncomingMessage>();

  const audited = (request: IncomingMessage): Audited => ({
    caller: callers.get(request) ?? ANONYMOUS,
    from: entrance.from(request),
    verb: routes.get(request) ?? request.method ?? '',
    url: request.url ?? '',
    ...(rehearsals.has(request) && { dryRun: true }),
  });

  const fail = (error: unknown, request: IncomingMessage): { readonly status: number; readonly text: string } => {
    const { status, body } = failureOf(error);
    if (changes(request) || status === 401 || status === 403) trail.record(audited(request), status);
    if (status === 500)
      log('request failed', {
        method: request.method,
        path: withoutSecrets(request.url ?? ''),
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    return { status, text: JSON.stringify(body) };
  };

  /** Before routing, and before anything else is looked at. */
  const withGate =
    (next: (request: IncomingMessage, response: ServerResponse) => void) =>
    (request: IncomingMessage, response: ServerResponse): void => {
      response.setHeader('x-content-type-options', 'nosniff');
      response.setHeader('cache-control', 'no-store');
      try {
        assertSameSite(request, entrance.isOwnHost, scheme);
      } catch (error) {
        const { status, text } = fail(error, request);
        response.writeHead(status, { 'content-type': JSON_TYPE, connection: 'close' }).end(text);
        return;
      }
      next(request, response);
    };

  const app: FastifyInstance = Fastify({
    exposeHeadRoutes: false,
    logger: false,
    bodyLimit: limits.bodyBytes,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: MAX_NAME },
    // A URL that cannot be read is refused before the hooks.
    frameworkErrors: (error, request, reply) => {
      const { status, text } = fail(error, request.raw);
      void (reply as FastifyReply).code(status).type(JSON_TYPE).send(text);
    },
    serverFactory(handle) {
      const options = {
        requestTimeout: limits.requestMs,
        headersTimeout: Math.min(limits.requestMs, 20_000),
        connectionsCheckingInterval: 5_000,
        keepAliveTimeout: 30_000,
      };
      const server = entrance.tls
        ? createHttpsServer({ ...options, cert: entrance.tls.cert, key: entrance.tls.key }, withGate(handle))
        : createHttpServer(options, withGate(handle));
      server.maxConnections = limits.connections;
      server.timeout = limits.idleMs;
      return server;
    },
  });

  const answerFailure = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const { status, text } = fail(error, request.raw);
    return reply.code(status).type(JSON_TYPE).send(text);
  };
  app.setErrorHandler(answerFailure);
  app.setNotFoundHandler((request, reply) => {
    try {
      // What there is not is told only to those who may ask at all.
      callers.set(request.raw, entrance.callerOf(request.headers));
      throw new NotFoundError(
        `there is nothing at ${request.method} ${withoutSecrets(request.url).slice(0, 200)}; GET /openapi.json lists the routes`,
      );
    } catch (error) {
      return answerFailure(error, request, reply);
    }
  });
  // JSON alone: forms and text/plain, which a browser sends without asking, are refused.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, text, done) => {
    try {
      if (routes.get(request.raw) === 'gitHook') {
        done(null, String(text));
        return;
      }
      done(null, parseJson(String(text)));
    } catch (error) {
      done(error instanceof Error ? error : new BadRequestError('the body is not JSON'));
    }
  });

  const rules = new Set<unknown>();
  app.addHook('onRoute', ({ onRequest, method, url }) => {
    if (!rules.has(onRequest)) throw new Error(`route ${String(method)} ${url} has no rule`);
  });
  for (const route of ROUTE_NAMES) {
    const { method, path, role } = ROUTES[route];
    /** Runs before the body is read. */
    const rule = async (request: FastifyRequest) => {
      routes.set(request.raw, route);
      if (role === 'none') return;
      const caller = entrance.callerOf(request.headers);
      callers.set(request.raw, caller);
      assertRole(caller, role);
    };
    rules.add(rule);
    app.route({
      method,
      url: path,
      bodyLimit: route === 'apply' ? limits.applyBytes : limits.bodyBytes,
      onRequest: rule,
      async handler(request, reply) {
        if (isRehearsal(request.body)) rehearsals.add(request.raw);
        if (!QUERIES[route]) parse(noQuery, request.query, 'query');
        const answer = await handlers[route](request, reply, callers.get(request.raw) ?? ANONYMOUS);
        if (changes(request.raw)) trail.record(audited(request.raw), reply.statusCode);
        else trail.read(audited(request.raw), reply.statusCode);
        return answer;
      },
    });
  }
  return app;
}

const JSON_TYPE = 'application/json; charset=utf-8';
/** Longest name in a path. */
const MAX_NAME = 253;
const isRehearsal = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'dryRun' in body && body.dryRun === true;
const changes = ({ method }: IncomingMessage): boolean => method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';

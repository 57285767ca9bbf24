/**
 * Owns: what each route does: parse at the edge, call a port, answer.
 * Never: decides who may call it; every route of ROUTES has its role there, and a handler without a route cannot exist.
 */
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  type AnyResource,
  type List,
  PLURALS,
  type Plural,
  ROUTES,
  type RouteName,
  type Table,
  type TokenInfo,
} from '../protocol.ts';
import { BadRequestError, NotFoundError } from '../resources/errors.ts';
import { kindOfPlural, type ObjectKind } from '../resources/kinds/kinds.ts';
import { redactLines } from '../resources/redact.ts';
import { redactResource } from '../resources/redact-resource.ts';
import { cellsOf } from '../tables/columns.ts';
import { BUILD, VERSION } from '../version.ts';
import * as bodies from './bodies.ts';
import { assertRole, hashToken } from './door.ts';
import { openApiDocument } from './openapi.ts';
import type { Caller, ServerPorts, StoredToken } from './ports.ts';
import { selectionOf } from './selection.ts';
import type { Streams } from './streams.ts';
import { streamWatch, type WatchLimits } from './watch-stream.ts';

export type Handler = (request: FastifyRequest, reply: FastifyReply, caller: Caller) => unknown;

const TOKEN_BYTES = 32;

/** One handler a route: the type makes a route without a handler, or a handler without a route, an error. */
export function createHandlers(
  ports: ServerPorts,
  limits: WatchLimits,
  streams: Streams,
): Readonly<Record<RouteName, Handler>> {
  const { reads, writes, rollouts, sources, terminals, usage, tokens, controller } = ports;
  const name = (request: FastifyRequest): string => param(request, 'name');
  // Resources are immutable: each is written as JSON once, however often it is listed.
  const full = writtenOnce((resource) => resource);
  const hidden = writtenOnce(redactResource);
  /** Who may only look is shown no secrets, as in the output of agents. */
  const jsonFor = (caller: Caller, raw: boolean | undefined): Write => {
    if (raw) assertRole(caller, ROUTES.attach.role);
    return caller.role === 'viewer' ? hidden : full;
  };

  const tableOf = (plural: Plural, items: readonly AnyResource[], { wide = false, labels = false }): Table => {
    const [columns, rows] = cellsOf(plural, items, wide, labels, ports.clock.now());
    return { apiVersion: 'sac/v1', kind: 'Table', metadata: { resourceVersion: reads.version }, columns, rows };
  };
  let document: ReturnType<typeof openApiDocument> | undefined;

  return {
    version: () => ({ version: VERSION, build: BUILD }),
    healthz: (_request, reply) => reply.type('text/plain').send('ok\n'),
    readyz: (_request, reply) => {
      const { ok, detail } = controller.ready();
      return reply
        .code(ok ? 200 : 503)
        .type('text/plain')
        .send(`${detail}\n`);
    },
    metrics: async (_request, reply) => {
      const { contentType, body } = await controller.metrics();
      return reply.type(contentType).send(body);
    },
    openapi: () => {
      document ??= openApiDocument(VERSION);
      return document;
    },
    controller: () => controller.status(),
    stopController: (request, reply) => {
      bodies.parse(bodies.noBody, request.body, 'body');
      // After the answer is out, so that the caller hears it.
      reply.raw.on('close', () => controller.stop());
      return { stopping: true };
    },
    list: (request, reply, caller) => {
      const plural = pluralOf(request);
      const query = bodies.parse(bodies.listQuery, request.query, 'query');
      const selects = selectionOf(plural, query);
      const table = query.as === 'table';
      const json = jsonFor(caller, query.raw);
      if (!table && (query.wide !== undefined || query.labels !== undefined))
        throw new BadRequestError('query wide, labels: are only for as=table');
      if (query.watch) {
        if (table) throw new BadRequestError('query as: a watch tells resources, not tables');
        streams.assertRoom();
        const begin = () => {
          reply.hijack();
          reply.raw.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
          return reply.raw;
        };
        const end = streamWatch(reads, { plural, since: query.resourceVersion, selects }, begin, limits, json);
        streams.add(caller, reply.raw, end);
        return undefined;
      }
      if (query.resourceVersion !== undefined)
        throw new BadRequestError('query resourceVersion: is only for watch=true; a list is always the newest');
      const all = reads.list(plural);
      const found = selects ? all.filter(selects) : all;
      if (table) return tableOf(plural, found, query);
      const items = found.map(json);
      const head: Omit<List<AnyResource>, 'items'> = {
        apiVersion: 'sac/v1',
        kind: 'List',
        metadata: { resourceVersion: reads.version },
      };
      return reply.type('application/json').send(`${JSON.stringify(head).slice(0, -1)},"items":[${items.join(',')}]}`);
    },
    get: (request, reply, caller) => {
      const plural = pluralOf(request);
      const json = jsonFor(caller, bodies.parse(bodies.getQuery, request.query, 'query').raw);
      const found = reads.get(plural, name(request));
      if (!found)
        throw new NotFoundError(
          `${plural.slice(0, -1)} "${name(request)}" not found; \`sac get ${plural}\` lists what there is`,
        );
      return reply.type('application/json').send(json(found));
    },
    create: async (request, reply, caller) => {
      const { metadata, spec } = bodies.parse(bodies.createBody, request.body, 'body');
      return reply.code(201).send(await writes.create({ metadata, spec }, caller));
    },
    replace: (request, _reply, caller) => {
      const body = bodies.parse(bodies.replaceBody, request.body, 'body');
      if (body.metadata.name !== name(request))
        throw new BadRequestError(
          `body metadata.name: "${body.metadata.name}" is not the name in the path, "${name(request)}"`,
        );
      const { labels, annotations, resourceVersion } = body.metadata;
      return writes.replace(
        name(request),
        {
          labels,
          annotations,
          resourceVersion,
          spec: body.spec,
          ...(body.force !== undefined && { force: body.force }),
        },
        caller,
      );
    },
    patch: (request, _reply, caller) => writes.patch(name(request), bodies.parsePatch(request.body), caller),
    delete: (request, _reply, caller) =>
      writes.remove(name(request), clean(bodies.parse(bodies.deleteBody, request.body, 'body')), caller),
    patchObject: (request, _reply, caller) =>
      writes.patchObject(objectKindOf(request), name(request), bodies.parsePatch(request.body), caller),
    deleteObject: (request, _reply, caller) =>
      writes.removeObject(
        objectKindOf(request),
        name(request),
        clean(bodies.parse(bodies.deleteBody, request.body, 'body')),
        caller,
      ),
    syncSource: (request) => sources.sync(name(request), clean(bodies.parse(bodies.syncBody, request.body, 'body'))),
    planSource: (request) => {
      bodies.parse(bodies.noBody, request.body, 'body');
      return sources.plan(name(request));
    },
    gitHook: async (request, reply) => {
      // As it came, not parsed: the signature is over its bytes.
      const body = typeof request.body === 'string' ? request.body : '';
      const { accepted, detail } = await sources.notice(name(request), { headers: request.headers, body });
      return reply.code(accepted ? 202 : 200).send({ accepted, detail });
    },
    apply: (request, _reply, caller) => writes.apply(bodies.parseApply(request.body), caller),
    restart: (request, _reply, caller) =>
      writes.restart(name(request), clean(bodies.parse(bodies.restartBody, request.body, 'body')), caller),
    rollout: (request, _reply, caller) =>
      rollouts.rollout(name(request), clean(bodies.parse(bodies.rolloutBody, request.body, 'body')), caller),
    revisions: (request) => {
      bodies.parse(bodies.noQuery, request.query, 'query');
      return rollouts.revisions(name(request));
    },
    answer: (request) => terminals.answer(name(request), clean(bodies.parse(bodies.answerBody, request.body, 'body'))),
    logs: (request, reply, caller) => {
      const { raw = false, ...query } = clean(bodies.parse(bodies.logQuery, request.query, 'query'));
      // As it was printed, secrets included: for who may attach.
      if (raw) assertRole(caller, ROUTES.attach.role);
      streams.assertRoom();
      const abort = new AbortController();
      streams.add(caller, reply.raw, () => abort.abort());
      const printed = terminals.logs(name(request), query, abort.signal);
      const lines = Readable.from(withNewlines(raw ? printed : redactLines(printed)));
      return reply.type('text/plain; charset=utf-8').send(lines);
    },
    render: (request) => reads.render(name(request), bodies.parse(bodies.attachQuery, request.query, 'query').instance),
    attach: (request) =>
      terminals.attach(name(request), bodies.parse(bodies.attachQuery, request.query, 'query').instance),
    rich: (request) => terminals.rich(name(request), bodies.parse(bodies.attachQuery, request.query, 'query').instance),
    usage: (request) =>
      usage.read(selectionOf('instances', bodies.parse(bodies.usageQuery, request.query, 'query')) ?? (() => true)),
    checkHost: (request) => ports.hosts.check(name(request)),
    listTokens: () => tokens.list().map(withoutHash),
    createToken: async (request, reply) => {
      const { role, description = '' } = bodies.parse(bodies.tokenBody, request.body, 'body');
      const token = `sac_${Buffer.from(ports.randomBytes(TOKEN_BYTES)).toString('base64url')}`;
      const stored: StoredToken = {
        id: Buffer.from(ports.randomBytes(4)).toString('hex'),
        role,
        description,
        createdAt: new Date(ports.clock.now()).toISOString(),
        hash: hashToken(token),
      };
      await tokens.add(stored);
      return reply.code(201).send({ ...withoutHash(stored), token });
    },
    deleteToken: async (request) => {
      bodies.parse(bodies.noBody, request.body, 'body');
      const removed = await tokens.remove(name(request));
      streams.endOf(name(request));
      if (!removed) throw new NotFoundError(`token "${name(request)}" not found; \`sac token list\` shows their ids`);
      return { deleted: name(request) };
    },
  };
}

type Write = (resource: AnyResource) => string;
function writtenOnce(shown: (resource: AnyResource) => AnyResource): Write {
  const written = new WeakMap<AnyResource, string>();
  return (resource) => {
    const known = written.get(resource);
    if (known !== undefined) return known;
    const text = JSON.stringify(shown(resource));
    written.set(resource, text);
    return text;
  };
}

const withoutHash = ({ hash: _hash, ...info }: StoredToken): TokenInfo => info;

function param(request: FastifyRequest, key: string): string {
  const { params } = request;
  const value =
    params !== null && typeof params === 'object' ? Object.getOwnPropertyDescriptor(params, key)?.value : undefined;
  if (typeof value !== 'string' || value.length > 253) throw new BadRequestError(`path: ${key} is missing or too long`);
  return value;
}

function pluralOf(request: FastifyRequest): Plural {
  const asked = param(request, 'plural');
  const found = PLURALS.find((plural) => plural === asked);
  if (!found) throw new NotFoundError(`there is no resource type "${asked}"; known: ${PLURALS.join(', ')}`);
  return found;
}

function objectKindOf(request: FastifyRequest): ObjectKind {
  const plural = pluralOf(request);
  const kind = kindOfPlural(plural);
  if (!kind) throw new BadRequestError(`${plural} cannot be changed; they are made by sac itself`);
  return kind;
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };
/** Drops keys that are undefined: to the ports, absent means absent. */
function clean<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Defined<T>;
}

async function* withNewlines(lines: AsyncIterable<string>): AsyncIterable<string> {
  for await (const line of lines) yield `${line}\n`;
}

/**
 * Owns: the typed client of the API, over the unix socket or TCP.
 * Never: imports a schema library: a command's start-up time depends on this file.
 */
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import type {
  AnswerRequest,
  AnswerResponse,
  ApplyRequest,
  ApplyResponse,
  ControllerStatus,
  DeleteRequest,
  ErrorBody,
  HostCheck,
  List,
  ListQuery,
  LogQuery,
  PatchRequest,
  Plural,
  RenderResponse,
  ResourceOf,
  RestartRequest,
  RevisionInfo,
  RichStatus,
  RolloutRequest,
  SourcePlan,
  SyncSourceRequest,
  Table,
  TableQuery,
  TerminalResponse,
  TokenCreateRequest,
  TokenCreateResponse,
  TokenInfo,
  UsageReport,
  WatchEvent,
} from './protocol.ts';
import type { Agent, AgentManifestInput } from './resources/agent/agent.ts';
import {
  BadRequestError,
  ConflictError,
  DeniedError,
  GoneError,
  ImpossibleError,
  InvalidError,
  NoControllerError,
  NotFoundError,
  SacError,
  TimedOutError,
  UnauthenticatedError,
} from './resources/errors.ts';
import type { DeclaredObject } from './resources/kinds/kinds.ts';

export type Target =
  | { readonly socket: string }
  | { readonly url: string; readonly token?: string; readonly ca?: string };

export interface ReplaceBody {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly resourceVersion: number;
  };
  readonly spec: unknown;
  readonly force?: boolean;
}

/** All methods throw the classes of api/resources/errors.ts; NoControllerError when nobody answers. */
export interface Client {
  list<P extends Plural>(plural: P, query?: ListQuery): Promise<List<ResourceOf[P]>>;
  /** The list as a table, with ages by the controller's clock. */
  table(plural: Plural, query?: TableQuery): Promise<Table>;
  get<P extends Plural>(plural: P, name: string, query?: Pick<ListQuery, 'raw'>): Promise<ResourceOf[P]>;
  /** Without `since`: ADDED for everything, then BOOKMARK. Resumes by itself; begins anew (ADDED again) when too much was missed. */
  watch<P extends Plural>(
    plural: P,
    options?: ListQuery & { readonly since?: number; readonly signal?: AbortSignal },
  ): AsyncIterable<WatchEvent<ResourceOf[P]>>;
  create(manifest: AgentManifestInput): Promise<Agent>;
  replace(name: string, body: ReplaceBody): Promise<Agent>;
  patch(name: string, patch: PatchRequest): Promise<Agent>;
  remove(name: string, request?: DeleteRequest): Promise<Agent>;
  /** Hosts, sources, ... */
  patchObject(plural: Plural, name: string, patch: PatchRequest): Promise<DeclaredObject>;
  removeObject(plural: Plural, name: string, request?: DeleteRequest): Promise<DeclaredObject>;
  syncSource(name: string, request?: SyncSourceRequest): Promise<DeclaredObject>;
  planSource(name: string): Promise<SourcePlan>;
  apply(request: ApplyRequest): Promise<ApplyResponse>;
  restart(name: string, request?: RestartRequest): Promise<Agent>;
  rich(name: string, instance?: string): Promise<RichStatus>;
  /** What agents and machines use now. */
  usage(query?: Pick<ListQuery, 'labelSelector'>): Promise<UsageReport>;
  checkHost(name: string): Promise<HostCheck>;
  rollout(name: string, request: RolloutRequest): Promise<Agent>;
  /** Oldest first. */
  revisions(name: string): Promise<readonly RevisionInfo[]>;
  answer(name: string, request: AnswerRequest): Promise<AnswerResponse>;
  logs(name: string, query?: LogQuery & { readonly signal?: AbortSignal }): AsyncIterable<string>;
  /** With what it would be started now. */
  render(name: string, instance?: string): Promise<RenderResponse>;
  attach(name: string, instance?: string): Promise<TerminalResponse>;
  controller(): Promise<ControllerStatus>;
  stopController(): Promise<void>;
  ready(): Promise<{ readonly ok: boolean; readonly detail: string }>;
  /** `build`: absent with a controller that is older than it. */
  version(): Promise<{ readonly version: string; readonly build?: string }>;
  listTokens(): Promise<readonly TokenInfo[]>;
  createToken(request: TokenCreateRequest): Promise<TokenCreateResponse>;
  deleteToken(id: string): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const RESUME_WAIT_MS = 500;
const BASE = '/apis/sac/v1';

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Query;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** No deadline: a stream. */
  readonly streaming?: boolean;
}

export function createClient(
  target: Target,
  { timeoutMs = DEFAULT_TIMEOUT_MS }: { readonly timeoutMs?: number } = {},
): Client {
  const call = (what: Call) => open(target, what, timeoutMs);
  const json = async <T>(what: Call): Promise<T> => JSON.parse(await text(await call(what)));
  const agent = (name: string, rest = '') => `${BASE}/agents/${encodeURIComponent(name)}${rest}`;

  return {
    list: (plural, query) => json({ method: 'GET', path: `${BASE}/${plural}`, query: { ...query } }),
    table: (plural, query) => json({ method: 'GET', path: `${BASE}/${plural}`, query: { ...query, as: 'table' } }),
    get: (plural, name, query) =>
      json({ method: 'GET', path: `${BASE}/${plural}/${encodeURIComponent(name)}`, query: { ...query } }),
    watch: (plural, options) => watch(call, plural, options ?? {}),
    create: (body) => json({ method: 'POST', path: `${BASE}/agents`, body }),
    replace: (name, body) => json({ method: 'PUT', path: agent(name), body }),
    patch: (name, body) => json({ method: 'PATCH', path: agent(name), body }),
    remove: (name, body = {}) => json({ method: 'DELETE', path: agent(name), body }),
    patchObject: (plural, name, body) =>
      json({ method: 'PATCH', path: `${BASE}/${plural}/${encodeURIComponent(name)}`, body }),
    removeObject: (plural, name, body = {}) =>
      json({ method: 'DELETE', path: `${BASE}/${plural}/${encodeURIComponent(name)}`, body }),
    syncSource: (name, body = {}) =>
      json({ method: 'POST', path: `${BASE}/gitsources/${encodeURIComponent(name)}/sync`, body }),
    planSource: (name) =>
      json({ method: 'POST', path: `${BASE}/gitsources/${encodeURIComponent(name)}/plan`, body: {} }),
    apply: (body) => json({ method: 'POST', path: `${BASE}/apply`, body }),
    rich: (name, instance) => json({ method: 'GET', path: agent(name, '/rich'), query: { instance } }),
    usage: (query = {}) => json({ method: 'GET', path: `${BASE}/usage`, query: { ...query } }),
    checkHost: (name) => json({ method: 'GET', path: `${BASE}/hosts/${encodeURIComponent(name)}/check` }),
    rollout: (name, body) => json({ method: 'POST', path: agent(name, '/rollout'), body }),
    revisions: (name) => json({ method: 'GET', path: agent(name, '/revisions') }),
    answer: (name, body) => json({ method: 'POST', path: agent(name, '/answer'), body }),
    restart: (name, body = {}) => json({ method: 'POST', path: agent(name, '/restart'), body }),
    async *logs(name, { signal, ...query } = {}) {
      const response = await call({
        method: 'GET',
        path: agent(name, '/logs'),
        query: { ...query },
        streaming: true,
        ...(signal && { signal }),
      });
      response.setEncoding('utf8');
      try {
        for await (const chunk of response) yield String(chunk);
      } catch (error) {
        if (!signal?.aborted) throw lost(target, error);
      }
    },
    render: (name, instance) => json({ method: 'GET', path: agent(name, '/render'), query: { instance } }),
    attach: (name, instance) => json({ method: 'GET', path: agent(name, '/attach'), query: { instance } }),
    controller: () => json({ method: 'GET', path: `${BASE}/controller` }),
    stopController: async () => {
      await text(await call({ method: 'POST', path: `${BASE}/controller/stop`, body: {} }));
    },
    async ready() {
      try {
        return { ok: true, detail: (await text(await call({ method: 'GET', path: '/readyz' }))).trim() };
      } catch (error) {
        if (error instanceof SacError && !(error instanceof NoControllerError && error.message.startsWith(UNREACHABLE)))
          return { ok: false, detail: error.message };
        throw error;
      }
    },
    version: () => json({ method: 'GET', path: '/version' }),
    listTokens: () => json({ method: 'GET', path: `${BASE}/tokens` }),
    createToken: (body) => json({ method: 'POST', path: `${BASE}/tokens`, body }),
    async deleteToken(id) {
      await text(await call({ method: 'DELETE', path: `${BASE}/tokens/${encodeURIComponent(id)}`, body: {} }));
    },
  };
}

async function* watch<P extends Plural>(
  call: (what: Call) => Promise<IncomingMessage>,
  plural: P,
  { since, signal, ...selectors }: ListQuery & { readonly since?: number; readonly signal?: AbortSignal },
): AsyncIterable<WatchEvent<ResourceOf[P]>> {
  let position = since;
  let answered = false;
  while (!signal?.aborted) {
    try {
      const query: Query = { ...selectors, watch: true, resourceVersion: position };
      const response = await call({
        method: 'GET',
        path: `${BASE}/${plural}`,
        query,
        streaming: true,
        ...(signal && { signal }),
      });
      answered = true;
      for await (const line of linesOf(response)) {
        const event: WatchEvent<ResourceOf[P]> = JSON.parse(line);
        position = Math.max(position ?? 0, event.resourceVersion);
        yield event;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof GoneError) {
        position = undefined;
        continue;
      }
      // A controller that was there and is away for a moment comes back; one that never answered is told to the user.
      if (!answered || (error instanceof SacError && !(error instanceof NoControllerError))) throw error;
    }
    await new Promise((wake) => setTimeout(wake, RESUME_WAIT_MS));
  }
}

async function* linesOf(response: IncomingMessage): AsyncIterable<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const chunk of response) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield line;
  }
}

const UNREACHABLE = 'no controller answers';

function lost(target: Target, cause: unknown): SacError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const where = 'socket' in target ? `at ${target.socket}` : `at ${target.url}`;
  if (code === 'EACCES' || code === 'EPERM')
    return new DeniedError(`the controller's socket ${where} belongs to another user`);
  const hint = 'socket' in target ? 'start one with `sac controller start`' : 'is it running there, with --listen?';
  return new NoControllerError(
    `${UNREACHABLE} ${where} (${code || (cause instanceof Error ? cause.message : String(cause))}); ${hint}`,
  );
}

async function open(
  target: Target,
  { method, path, query = {}, body, signal, streaming = false }: Call,
  timeoutMs: number,
): Promise<IncomingMessage> {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const options: RequestOptions = {
    method,
    path: search.size > 0 ? `${path}?${search}` : path,
    headers: {
      accept: 'application/json',
      ...(payload !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(payload),
      }),
      ...('token' in target && target.token !== undefined && { authorization: `Bearer ${target.token}` }),
    },
    ...(signal && { signal }),
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const failed = (error: unknown) => reject(signal?.aborted ? error : lost(target, error));
    void connect(target, options).then((request) => {
      request.on('response', resolve).on('error', failed);
      if (!streaming)
        request.setTimeout(timeoutMs, () =>
          request.destroy(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })),
        );
      request.end(payload);
    }, failed);
  });
  if ((response.statusCode ?? 500) >= 400) throw errorFrom(response.statusCode ?? 500, await text(response));
  return response;
}

async function connect(target: Target, options: RequestOptions) {
  if ('socket' in target)
    return httpRequest({ ...options, socketPath: target.socket, headers: { ...options.headers, host: 'localhost' } });
  const url = new URL(target.url);
  const where = { ...options, hostname: url.hostname.replace(/^\[|\]$/g, ''), port: url.port };
  if (url.protocol === 'http:') return httpRequest(where);
  if (url.protocol !== 'https:') throw new BadRequestError(`server "${target.url}" is not an http:// or https:// URL`);
  const { request } = await import('node:https');
  return request({ ...where, ...(target.ca !== undefined && { ca: target.ca }) });
}

async function text(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let all = '';
  for await (const chunk of response) all += String(chunk);
  return all;
}

function errorFrom(status: number, body: string): SacError {
  const { message, reason, problems } = parseError(body);
  switch (status) {
    case 400:
    case 413:
    case 415:
      return new BadRequestError(message);
    case 401:
      return new UnauthenticatedError(message);
    case 403:
    case 421:
      return new DeniedError(message);
    case 404:
      return new NotFoundError(message);
    case 409:
      return reason === 'Impossible' ? new ImpossibleError(message) : new ConflictError(message);
    case 410:
      return new GoneError(message);
    case 422:
      return new InvalidError(problems ?? [message]);
    case 503:
      return new NoControllerError(message);
    case 504:
      return new TimedOutError(message);
    default:
      return new SacError(message);
  }
}

function parseError(body: string): Pick<ErrorBody, 'message' | 'reason' | 'problems'> {
  try {
    const parsed: ErrorBody = JSON.parse(body);
    if (parsed.kind === 'Status') return parsed;
  } catch {
    // Not ours: whatever answered is shown as it is.
  }
  return { message: body.trim().slice(0, 500) || 'the server gave no reason', reason: 'Unknown' };
}

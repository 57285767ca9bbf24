/**
 * Owns: the listeners: a private unix socket always, TCP when asked; their limits, their end.
 * Never: knows store or controller; killing it changes no agent.
 */
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { BadRequestError, ConflictError, DeniedError, SacError } from '../resources/errors.ts';
import { createApp, type Entrance, type RequestLimits } from './app.ts';
import { createAuditTrail } from './audit.ts';
import { callerOf, type HostRule, hostRule, isLoopback, SOCKET_CALLER, socketHostRule } from './door.ts';
import type { ServerPorts } from './ports.ts';
import { prepareSocket } from './private-socket.ts';
import { createHandlers } from './routes.ts';
import { Streams } from './streams.ts';
import type { WatchLimits } from './watch-stream.ts';

export { assertPrivate } from '../home.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** PEM texts. Without them only loopback is allowed. */
  readonly tls?: { readonly cert: string; readonly key: string };
}
export interface ServerLimits extends RequestLimits, WatchLimits {
  /** Watches and log streams open at one time. */
  readonly streams: number;
}
export interface ServerOptions {
  readonly socket: string;
  readonly listen?: ListenOptions;
  /** The socket's owner was replaced (it may be stopped, and still hold it): take the path from it. */
  readonly replaceSocket?: boolean;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
  readonly limits?: Partial<ServerLimits>;
}
export interface Server {
  /** Resolves when requests are answered. Throws, with nothing left open, when a door would be open that must not be. */
  start(): Promise<{ readonly socket: string; readonly listen: string | null }>;
  /** Makes the socket again when somebody removed its file: without that nobody finds a running controller any more. */
  mend(): void;
  /** Ends watches and logs, waits briefly for requests under way. */
  close(): Promise<void>;
}

const LIMITS: ServerLimits = {
  /** One agent with all the files it may have, in base64, and more. */
  applyBytes: 24 * 1024 * 1024,
  bodyBytes: 1024 * 1024,
  requestMs: 30_000,
  idleMs: 120_000,
  connections: 1_000,
  streams: 256,
  maxWaiting: 4_096,
  bookmarkMs: 60_000,
};
/** Readers that do not take the end of their answer within this time are cut off. */
const CLOSE_MS = 2_000;

/** Throws BadRequestError for a listener that others could reach without TLS. */
export function createServer(ports: ServerPorts, options: ServerOptions): Server {
  const { socket, listen, log } = options;
  if (listen && !listen.tls && !isLoopback(listen.host)) throw needsTls(listen);
  const limits: ServerLimits = { ...LIMITS, ...options.limits };
  const streams = new Streams(limits.streams);
  const shared = { handlers: createHandlers(ports, limits, streams), trail: createAuditTrail(ports), limits, log };
  const apps: FastifyInstance[] = [];

  const enter = (entrance: Entrance): FastifyInstance => {
    const app = createApp(entrance, shared);
    apps.push(app);
    return app;
  };

  const openSocket = async () => {
    await prepareSocket(socket, options.replaceSocket ?? false);
    const app = enter({ isOwnHost: socketHostRule, callerOf: () => SOCKET_CALLER, from: () => 'socket' });
    await app.listen({ path: socket });
    // Until now its folder alone, which is ours and 0700, keeps others out.
    chmodSync(socket, 0o600);
  };

  const openTcp = async ({ host, port, tls }: ListenOptions): Promise<string> => {
    // Nobody's, until the port is known.
    let isOwnHost: HostRule = () => false;
    const app = enter({
      isOwnHost: (authority) => isOwnHost(authority),
      callerOf: (headers) => callerOf(headers, ports.tokens, new Date(ports.clock.now()).toISOString()),
      from: (request) => request.socket.remoteAddress ?? 'unknown',
      ...(tls && { tls }),
    });
    // Not what a hosts file says that localhost is.
    await app.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port });
    const address = app.server.address();
    const bound = address !== null && typeof address === 'object' ? address.port : port;
    isOwnHost = hostRule(host, bound, tls?.cert);
    return `${host.includes(':') ? `[${host}]` : host}:${bound}`;
  };

  const close = async () => {
    await within(CLOSE_MS, streams.endAll());
    const closing = Promise.all(apps.map((app) => app.close()));
    await within(CLOSE_MS, closing);
    for (const { server } of apps) server.closeAllConnections();
    await closing;
  };

  /** What is listened to under a removed name is out of reach; connections that are open stay. */
  const mend = () => {
    const server = apps[0]?.server;
    // A folder that is gone with it was not taken away by a slip.
    if (!server?.listening || existsSync(socket) || !existsSync(dirname(socket))) return;
    server.close();
    const failed = (error: Error) =>
      log('the socket was removed and could not be made again', { error: String(error) });
    server.once('error', failed);
    server.listen({ path: socket }, () => {
      server.off('error', failed);
      chmodSync(socket, 0o600);
      log('the socket was removed by somebody; it was made again', { socket });
    });
  };

  return {
    mend,
    async start() {
      try {
        await openSocket();
        const address = listen ? await openTcp(listen).catch((error: unknown) => refuse(error, listen)) : null;
        return { socket, listen: address };
      } catch (error) {
        await close();
        throw error;
      }
    },
    async close() {
      await close();
      rmSync(socket, { force: true });
    },
  };
}

const needsTls = ({ host, port }: ListenOptions) =>
  new BadRequestError(
    `--listen ${host}:${port} is reachable from other machines, which needs TLS: add --tls-cert and --tls-key, or listen on 127.0.0.1`,
  );

/** Why a port could not be opened, in words. */
function refuse(error: unknown, { host, port, tls }: ListenOptions): never {
  if (error instanceof SacError || !(error instanceof Error) || !('code' in error)) throw error;
  const where = `--listen ${host}:${port}`;
  const code = String(error.code);
  if (code === 'EADDRINUSE') throw new ConflictError(`${where}: the port is in use; choose another one`);
  if (code === 'EACCES') throw new DeniedError(`${where}: not allowed; ports below 1024 are for root`);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    throw new BadRequestError(`${where}: this machine has no such address`);
  if (tls && /^ERR_(OSSL|SSL|TLS)/.test(code))
    throw new BadRequestError(`${where}: --tls-cert and --tls-key are not a PEM certificate and its key (${code})`);
  throw error;
}

/** Resolves when `done` does, or when the time is over. */
async function within(ms: number, done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([done, over]);
  clearTimeout(timer);
}

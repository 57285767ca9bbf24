/**
 * Owns: one SSH connection through any number of hops, from the first handshake to its loss; ssh2 is known here alone.
 * Never: lets a machine in whose key is not known; waits without a deadline.
 */
import type { Duplex } from 'node:stream';
import ssh2, { type Client, type ClientChannel, type ConnectConfig, type ServerHostKeyAlgorithm } from 'ssh2';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';
import { TransportError } from '../transport.ts';
import { type Destination, spoken } from './destination.ts';
import { fetchCertificate } from './host-keys/fetch-certificate.ts';
import { loadTrust } from './host-keys/trust.ts';
import { type Login, prepareLogin } from './login.ts';
import { type PooledConnection, SessionRefused } from './pool.ts';

export interface DialOptions {
  /** Through these, in order; the last is the host itself. */
  readonly route: readonly Destination[];
  /** The line every session runs. */
  readonly command: string;
  readonly agentSocket: string | undefined;
  readonly home: string;
  readonly keepalive: { readonly intervalMs: DurationMs; readonly lost: number };
  readonly connectTimeoutMs: DurationMs;
  readonly now: () => Instant;
}

export interface SshConnection extends PooledConnection<ClientChannel> {
  /** One round trip. Rejects when the connection is lost. */
  ping(): Promise<void>;
  /** Calls once with why, when it is lost; returns how to no longer be told. */
  onLost(listener: (reason: string) => void): () => void;
}

const ALGORITHMS: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** Rejects with TransportError `unreachable`, naming the machine on the way that did not let us through. */
export async function dial(options: DialOptions): Promise<SshConnection> {
  const clients: Client[] = [];
  try {
    for (const [i, destination] of options.route.entries()) {
      const before = clients.at(-1);
      const open = before
        ? () => forward(before, destination, options.connectTimeoutMs)
        : () => Promise.resolve(undefined);
      clients.push(await connect(destination, options.route.slice(0, i), open, options));
    }
  } catch (error) {
    for (const client of clients.reverse()) client.destroy();
    throw error;
  }
  return new Dialled(clients, options.command);
}

class Dialled implements SshConnection {
  readonly closed: Promise<{ readonly reason: string }>;
  readonly #clients: readonly Client[];
  readonly #last: Client;
  readonly #command: string;
  readonly #listeners = new Set<(reason: string) => void>();
  #lost: string | undefined;

  constructor(clients: readonly Client[], command: string) {
    const last = clients.at(-1);
    if (!last) throw new RangeError('a route without machines');
    this.#clients = clients;
    this.#last = last;
    this.#command = command;
    this.closed = new Promise((resolve) => this.onLost((reason) => resolve({ reason })));
    for (const client of clients) {
      client.on('error', (error) => this.#lose(`the connection was lost: ${error.message}`));
      // Behind a hop, a machine that goes away ends the channel through which it is reached, and closes nothing.
      client.once('end', () => this.#lose('the connection was lost'));
      client.once('close', () => this.#lose('the connection was lost'));
    }
  }

  open(): Promise<ClientChannel> {
    return this.#ask((resolve, reject) => {
      this.#last.exec(this.#command, (error, channel) => {
        if (!error) resolve(channel);
        else
          reject(
            'reason' in error && error.reason !== '' ? new SessionRefused(error.message) : unreachable(error.message),
          );
      });
    });
  }

  /** The server answers in order, and refuses: nothing of ours is forwarded there. */
  ping(): Promise<void> {
    return this.#ask((resolve) => {
      this.#last.unforwardIn('127.0.0.1', 1, () => resolve());
    });
  }

  onLost(listener: (reason: string) => void): () => void {
    if (this.#lost !== undefined) listener(this.#lost);
    else this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    this.#lose('the connection was let go');
  }

  #lose(reason: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = reason;
    for (const client of [...this.#clients].reverse()) client.destroy();
    for (const listener of [...this.#listeners]) listener(reason);
    this.#listeners.clear();
  }

  #ask<T>(start: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const forget = this.onLost((reason) => reject(unreachable(reason)));
      const settled =
        <A>(settle: (outcome: A) => void) =>
        (outcome: A) => {
          forget();
          settle(outcome);
        };
      try {
        start(settled(resolve), settled(reject));
      } catch (error) {
        settled(reject)(unreachable(error instanceof Error ? error.message : String(error), error));
      }
    });
  }
}

const unreachable = (message: string, cause?: unknown): TransportError =>
  new TransportError('unreachable', message, { cause });

async function connect(
  destination: Destination,
  via: readonly Destination[],
  open: () => Promise<Duplex | undefined>,
  { agentSocket, home, keepalive, connectTimeoutMs, now }: DialOptions,
): Promise<Client> {
  const trust = await loadTrust(destination, {
    via,
    fetchCertificate: (type) =>
      fetchCertificate(destination, type, via.length > 0 ? open : undefined, connectTimeoutMs),
    now,
  });
  const login = await prepareLogin(destination, { agentSocket, home });
  const sock = await open();
  const client = new ssh2.Client();
  const preferred = trust.keyTypes.flatMap((type) => ALGORITHMS[type] ?? []);
  const rest = Object.values(ALGORITHMS).flat();
  let refused: string | undefined;
  return new Promise((resolve, reject) => {
    const fail = (message: string, cause?: unknown) => {
      clearTimeout(timer);
      client.destroy();
      reject(unreachable(`${way(via)}${refused ?? `cannot reach ${spoken(destination)}: ${message}`}`, cause));
    };
    const timer = setTimeout(() => fail(`no answer within ${connectTimeoutMs} ms`), connectTimeoutMs);
    // Stays: an error without a listener would end the process.
    client.on('error', (error) => fail(explain(error, login), error));
    client.once('close', () => fail('the connection was closed'));
    client.once('ready', () => {
      clearTimeout(timer);
      client.setNoDelay(true);
      resolve(client);
    });
    client.connect({
      ...(sock ? { sock } : { host: destination.address, port: destination.port }),
      username: destination.user,
      readyTimeout: 0,
      keepaliveInterval: keepalive.intervalMs,
      keepaliveCountMax: keepalive.lost,
      algorithms: { serverHostKey: [...new Set([...preferred, ...rest])] },
      hostVerifier: (key: Buffer, verify: (permitted: boolean) => void) => {
        trust.refusal(key).then(
          (reason) => {
            refused = reason;
            verify(reason === undefined);
          },
          () => verify(false),
        );
      },
      authHandler: inOrder(login),
    } satisfies ConnectConfig);
  });
}

/** Offers one after the other, whatever the server says it takes: it may take several in turn. */
function inOrder({ methods }: Login): NonNullable<ConnectConfig['authHandler']> {
  let next = 0;
  return (_left, _partial, use) => {
    const method = methods[next++];
    // ssh2 takes false for "no more", which its types do not say.
    if (method) use(method);
    else Reflect.apply(use, undefined, [false]);
  };
}

function forward(client: Client, to: Destination, timeoutMs: DurationMs): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(unreachable(`the hop before ${spoken(to)} did not connect to it within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const lost = () => settle(() => reject(unreachable(`the hop before ${spoken(to)} was lost`)));
    const settle = (then: () => void) => {
      clearTimeout(timer);
      client.off('close', lost);
      then();
    };
    client.once('close', lost);
    try {
      client.forwardOut('127.0.0.1', 0, to.address, to.port, (error, channel) => {
        if (error)
          settle(() =>
            reject(unreachable(`the hop before ${spoken(to)} cannot connect to it: ${error.message}`, error)),
          );
        else settle(() => resolve(channel));
      });
    } catch (error) {
      settle(() => reject(unreachable(`the hop before ${spoken(to)} was lost`, error)));
    }
  });
}

function explain(error: Error & { readonly level?: string }, { tried }: Login): string {
  if (error.level === 'client-authentication') return `it lets nobody in with ${tried.join(', ')}`;
  return error.message;
}

/** Before the message: a command stands at its end. */
const way = (via: readonly Destination[]): string => (via.length > 0 ? `through ${via.map(spoken).join(', ')}: ` : '');

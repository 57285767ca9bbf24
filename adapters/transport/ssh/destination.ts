/**
 * Owns: from what is declared of a host and the user's ssh_config to the machines a connection goes through.
 * Never: reads a file or connects; the text of the configuration is passed in.
 */
import SSHConfig from 'ssh-config';
import type { HostName } from '../../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';

/** A machine on the way, as declared: a name or address, or an alias of the SSH configuration. */
export interface Hop {
  readonly address: string;
  readonly port?: number;
  readonly user?: string;
  readonly identityFile?: string;
}

/** Plain data of a Host. */
export interface SshTransportOptions extends Hop {
  readonly host: HostName;
  /** Machines to go through, first one first. Without: ProxyJump of the SSH configuration. */
  readonly jump?: readonly Hop[];
  /** Run commands with the environment a login shell makes of its profile files. Default: no. */
  readonly loginShell?: boolean;
  /** Default: UserKnownHostsFile of the SSH configuration, else ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts. */
  readonly knownHostsFiles?: readonly string[];
  /** Default: ~/.ssh/config. 'none': no file is read. */
  readonly sshConfigFile?: string;
  /** SSH_AUTH_SOCK of the controller. */
  readonly agentSocket?: string;
  /** The controller's home folder and user, for `~` and for what is nowhere declared. */
  readonly home: string;
  readonly localUser: string;
  readonly keepalive?: { readonly intervalMs: DurationMs; readonly lost: number };
  /** A machine on the way must have let us in within this. Default 10 s. */
  readonly connectTimeoutMs?: DurationMs;
  /** Sessions that the server allows a connection at first guess (sshd: MaxSessions). Default 10. */
  readonly maxSessions?: number;
  readonly now: () => Instant;
}

/** A machine on the way, fully known. */
export interface Destination {
  /** As it was declared; what `ssh` looks up in its configuration. */
  readonly alias: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly identityFiles: readonly string[];
  /** Offer no key of the agent but those of the identity files. */
  readonly identitiesOnly: boolean;
  readonly knownHostsFiles: readonly string[];
  /** The name its key is kept under, when it is not the address. */
  readonly hostKeyAlias?: string;
}

const MAX_HOPS = 16;
/** What a name or address of a machine may look like; "-" first would be an option of ssh. */
const ADDRESS = /^[A-Za-z0-9_.:%\p{L}\p{N}][A-Za-z0-9_.:%\p{L}\p{N}-]*$/u;
const USER = /^[^\s\p{Cc}@:'"`$\\;&|<>(){}-][^\s\p{Cc}:'"`$\\;&|<>(){}]*$/u;

/** `[user@]host[:port]`, `[user@][v6]:port`, `ssh://...`. Throws RangeError when it is none of them. */
export function parseHop(text: string): Hop {
  const [, user, bracketed, plain, port] =
    /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:[\]]+|[^[\]]*:[^[\]]*:[^[\]]*?))(?::(\d+))?$/.exec(text) ?? [];
  const address = bracketed ?? plain;
  if (address === undefined) throw new RangeError(`${text} is not [user@]host[:port]`);
  return checked({
    address,
    ...(user !== undefined && { user }),
    ...(port !== undefined && { port: Number(port) }),
  });
}

function checked<T extends Hop>(hop: T): T {
  if (!ADDRESS.test(hop.address)) throw new RangeError(`${JSON.stringify(hop.address)} is not the name of a machine`);
  if (hop.user !== undefined && !USER.test(hop.user)) throw new RangeError(`${JSON.stringify(hop.user)} is not a user`);
  if (hop.port !== undefined && !(Number.isInteger(hop.port) && hop.port > 0 && hop.port < 65_536))
    throw new RangeError(`${hop.port} is not a port`);
  return hop;
}

/**
 * All machines a connection goes through, the host itself last. `config` is the text of the SSH configuration.
 * What is declared wins over it. Throws RangeError for what cannot be a machine, and for jumps in a circle.
 */
export function resolveRoute(options: SshTransportOptions, config: string): readonly Destination[] {
  const parsed = SSHConfig.parse(config);
  const route: Destination[] = [];
  const add = (hop: Hop, jump: readonly Hop[] | undefined, depth: number) => {
    if (depth > MAX_HOPS || route.length > MAX_HOPS) throw new RangeError(`more than ${MAX_HOPS} hops: a circle?`);
    const { destination, proxyJump } = resolveHop(checked(hop), parsed, options);
    const before = jump ?? proxyJump;
    // As `ssh -J a,b`: what the configuration says of the way to b no longer counts, a is on it.
    for (const [i, one] of before.entries()) add(one, i === 0 ? undefined : [], depth + 1);
    route.push(destination);
  };
  add(options, options.jump, 0);
  return route;
}

function resolveHop(
  hop: Hop,
  config: SSHConfig,
  { home, localUser, knownHostsFiles }: SshTransportOptions,
): { readonly destination: Destination; readonly proxyJump: readonly Hop[] } {
  // Match exec would run commands: never from here.
  const found = config.compute({ Host: hop.address, ...(hop.user !== undefined && { User: hop.user }) }, COMPUTE);
  const list = (name: string): readonly string[] => {
    const value = found[name];
    return value === undefined ? [] : typeof value === 'string' ? [value] : value;
  };
  const one = (name: string): string | undefined => list(name)[0];
  const address = (one('hostname') ?? hop.address).replaceAll('%h', hop.address);
  const user = hop.user ?? one('user') ?? localUser;
  const port = hop.port ?? Number(one('port') ?? 22);
  const expand = (path: string): string =>
    path.replace(/^~(?=\/|$)/, home).replaceAll(/%([dhpru%])/g, (_, token: string) => {
      switch (token) {
        case 'd':
          return home;
        case 'h':
          return address;
        case 'p':
          return String(port);
        case 'r':
          return user;
        case 'u':
          return localUser;
        default:
          return '%';
      }
    });
  const identityFiles = hop.identityFile !== undefined ? [hop.identityFile] : list('identityfile');
  const declaredKnown = knownHostsFiles ?? [];
  const known =
    declaredKnown.length > 0 ? declaredKnown : list('userknownhostsfile').flatMap((files) => files.split(/\s+/));
  const hostKeyAlias = one('hostkeyalias');
  const proxyJump = one('proxyjump') ?? 'none';
  return {
    destination: checked({
      alias: hop.address,
      address,
      port,
      user,
      identityFiles: identityFiles.filter((file) => file !== 'none').map(expand),
      identitiesOnly: one('identitiesonly')?.toLowerCase() === 'yes',
      knownHostsFiles:
        known.length > 0
          ? known.map(expand)
          : [`${home}/.ssh/known_hosts`, `${home}/.ssh/known_hosts2`, '/etc/ssh/ssh_known_hosts'],
      ...(hostKeyAlias !== undefined && { hostKeyAlias }),
    }),
    proxyJump: proxyJump.toLowerCase() === 'none' ? [] : proxyJump.split(',').map((text) => parseHop(text.trim())),
  };
}

const COMPUTE = { ignoreCase: true, matchExec: false } as const;

/** For messages: `user@address`, with the port unless it is 22. */
export const spoken = ({ user, address, port }: Destination): string =>
  `${user}@${address}${port === 22 ? '' : ` port ${port}`}`;

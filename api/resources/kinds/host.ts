/**
 * Owns: the Host kind: a machine that agents can live on. `local`, this machine, is always there and cannot be declared.
 * Never: connects anywhere.
 */
import { z } from 'zod';
import { RUNTIME_KINDS } from '../agent/place/place.ts';
import { API_VERSION, type Condition, manifestMetaSchema, type ObjectMeta } from '../meta.ts';

const word = (what: string) =>
  z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^\s\p{Cc}]+$/u, { message: `is not ${what}: no spaces or control characters` })
    .regex(/^[^-]/, { message: `is not ${what}: it must not begin with "-"` });
/** What is behind the last colon of a hop, where that is a port at all and no part of an IPv6 address. */
const portOf = (hop: string): string | undefined =>
  /^(?:.*@)?(?:\[[^\]]*\]|[^:@]*):([^:]*)$/.exec(hop.replace(/^ssh:\/\//, ''))?.[1];
const hasPort = (hop: string): boolean => {
  const port = portOf(hop);
  return port === undefined || (/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65_536);
};
const hop = word('a hop (user@host:port)').refine(hasPort, {
  message: 'is not a hop (user@host:port): the port is a number from 1 to 65535',
});
const path = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^\p{Cc}]+$/u, { message: 'holds control characters' });

export const hostSpecSchema = z
  .strictObject({
    address: word('an address').meta({
      description: 'Name or address of the machine, or an alias of the SSH configuration.',
    }),
    port: z
      .int()
      .min(1)
      .max(65_535)
      .optional()
      .meta({ description: 'Port of its sshd. Default: the SSH configuration, else 22.' }),
    user: word('a user')
      .optional()
      .meta({ description: 'User to log in as. Default: the SSH configuration, else the own.' }),
    identity: path.optional().meta({
      description: 'Private key file. Default: the SSH configuration, then the agent, then the usual files.',
    }),
    jump: z.array(hop).max(16).optional().meta({
      description:
        'Machines to go through, in order: [user@]host[:port] or aliases. Default: ProxyJump of the SSH configuration.',
    }),
    knownHosts: z.array(path).default([]).meta({
      description: 'Files of host keys that are trusted. Default: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts.',
    }),
    sshConfig: path.optional().meta({ description: 'SSH configuration file. Default: ~/.ssh/config.' }),
    loginShell: z.boolean().default(false).meta({
      description: "Run agents with the login shell's environment (PATH from its profile files).",
    }),
    runtimes: z
      .array(z.enum(RUNTIME_KINDS))
      .optional()
      .meta({ description: 'Runtimes that may be used there. Default: all that are installed.' }),
    maxAgents: z
      .int()
      .min(0)
      .max(100_000)
      .optional()
      .meta({ description: 'At most so many instances are placed there.' }),
    cordoned: z.boolean().default(false).meta({ description: 'Nothing new is placed there; what lives there stays.' }),
    drain: z
      .union([z.boolean(), z.literal('now')], { error: 'is not true, false or now' })
      .default(false)
      .meta({
        description: 'What lives there and may live elsewhere moves away: when it is idle, or `now`.',
      }),
  })
  .meta({ description: 'How the machine is reached and what it takes.' });

export const hostManifestSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).meta({ description: 'Always sac/v1.' }),
    kind: z.literal('Host').meta({ description: 'Always Host.' }),
    metadata: manifestMetaSchema
      .refine((meta) => meta.name !== 'local', {
        path: ['name'],
        message: '"local" is this machine; it needs no manifest',
      })
      .prefault({})
      .meta({ description: 'Name, labels, annotations.' }),
    spec: hostSpecSchema,
  })
  .meta({ title: 'Host', description: 'A machine that agents can live on, reached by SSH.' });

/** Said to whoever would change it all the same. */
export const LOCAL_IS_BUILT_IN = 'host "local" is this machine: it is built in, and cannot be changed or deleted';

export type HostSpec = z.output<typeof hostSpecSchema>;

export interface PlaceStatus {
  readonly runtime: string;
  readonly available: boolean;
  /** Why not available, or the version found. */
  readonly detail: string;
  readonly agents: number;
  /** ISO 8601 of the last successful listing. */
  readonly lastListedAt?: string;
}

export interface HostStatus {
  readonly ready: boolean;
  readonly agents: number;
  /** Of the last listing, milliseconds. */
  readonly latencyMs?: number;
  readonly places: readonly PlaceStatus[];
  readonly conditions: readonly Condition[];
}

export interface Host {
  readonly apiVersion: 'sac/v1';
  readonly kind: 'Host';
  readonly metadata: ObjectMeta;
  /** Of `local`: the address alone. */
  readonly spec: Pick<HostSpec, 'address'> & Partial<HostSpec>;
  readonly status: HostStatus;
}

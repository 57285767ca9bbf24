/**
 * Owns: what a manifest may say of a container that an agent lives in; the same for docker and podman.
 * Never: a way to pass engine flags unread: what is not named here cannot be asked for.
 */
import { z } from 'zod';

/** Names as the engines have them; a volume whose name has a slash would be a host path. */
const VOLUME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*:\/[\w./@+-]+(:ro)?$/;
const noControl = (value: string) => ![...value].some((character) => character < ' ' || character === '\u007f');
const hasStep = (path: string) => path.split('/').some((part) => part === '..');
/** Sockets that command a container engine: who has one has the machine. */
export const ENGINE_SOCKET = /(?:^|\/)(?:docker|podman|containerd|crio)\.sock(?:\/|$)/;

export const hostPath = z
  .string()
  .min(1)
  .refine(noControl, { message: 'contains a control character' })
  .refine((path) => !hasStep(path), { message: 'must not contain ".."' })
  .refine((path) => !ENGINE_SOCKET.test(path), {
    message: 'is the socket of a container engine; an agent that has it has the whole machine',
  });
const targetPath = z
  .string()
  .startsWith('/', { message: 'is not an absolute path in the container' })
  .refine(noControl, { message: 'contains a control character' })
  .refine((path) => !hasStep(path) && path !== '/', { message: 'must not be "/" or contain ".."' });

export const mountSchema = z.strictObject({
  source: hostPath.meta({
    description:
      'Path on the host: absolute, `~/...`, or relative to the workspace. Outside of the workspace only where SAC_ALLOW_HOST_PATHS of the controller allows it.',
  }),
  target: targetPath.optional().meta({ description: 'Path in the container. Default: the same as on the host.' }),
  readOnly: z.boolean().default(true).meta({ description: 'Whether the container may only read it.' }),
});

const common = {
  image: z
    .string()
    .regex(/^[a-zA-Z0-9][\w./:@-]*$/, { message: 'is not the name of an image' })
    .max(255)
    .meta({
      description: 'Image the container is made of. It needs a POSIX sh and the program of the agent.',
    }),
  pull: z
    .enum(['never', 'missing', 'always'])
    .default('missing')
    .meta({ description: 'When the image is fetched from its registry.' }),
  volumes: z
    .array(z.string().regex(VOLUME, { message: 'is not NAME:/path or NAME:/path:ro; for host paths there is mounts' }))
    .default([])
    .meta({ description: "The engine's named volumes, as NAME:/path or NAME:/path:ro." }),
  mounts: z.array(mountSchema).default([]).meta({ description: 'Paths of the host seen in the container.' }),
  mountHostClaude: z.boolean().default(false).meta({
    description:
      "Shows the user's ~/.claude at the same path and sets HOME: settings and credentials read-only, conversations (projects) writable.",
  }),
  user: z
    .string()
    .regex(/^\d{1,10}(:\d{1,10})?$/, { message: 'is not a number, or two as UID:GID' })
    .optional()
    .meta({ description: 'UID or UID:GID the agent runs as. Default: the user the controller runs as.' }),
  cpus: z.number().positive().max(4096).optional().meta({ description: 'CPUs the container may use, also fractions.' }),
  memory: z
    .string()
    .regex(/^[1-9]\d*[kmg]$/, { message: 'is not a size like 512m or 4g' })
    .optional()
    .meta({ description: 'Memory limit like 512m or 4g, swap included; beyond it the agent is killed (OOMKilled).' }),
  pids: z.int().min(2).max(4_194_304).optional().meta({ description: 'Processes and threads the container may have.' }),
  ulimits: z
    .array(z.string().regex(/^[a-z]+=-?\d+(:-?\d+)?$/, { message: 'is not name=soft or name=soft:hard' }))
    .default([])
    .meta({ description: 'Resource limits of its processes, as name=soft:hard.' }),
  readOnlyRootfs: z
    .boolean()
    .default(false)
    .meta({ description: "The image's files cannot be changed; /tmp is then kept in memory." }),
  capDrop: z
    .array(z.string().regex(/^[a-zA-Z_]{2,32}$/, { message: 'is not the name of a capability' }))
    .default(['all'])
    .meta({ description: 'Capabilities taken away. [] leaves what the engine gives by default.' }),
  capAdd: z
    .array(z.enum(['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'KILL', 'NET_BIND_SERVICE', 'SETGID', 'SETUID']))
    .default([])
    .meta({ description: 'Capabilities given back; only those that do not reach out of the container.' }),
  noNewPrivileges: z
    .boolean()
    .default(true)
    .meta({ description: 'No process gains privileges by running a setuid program.' }),
  ociRuntime: z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/, { message: 'is not the name of an OCI runtime' })
    .optional()
    .meta({
      description: 'OCI runtime the engine uses: runc, crun, runsc, ... Default: the one the engine is set to.',
    }),
  network: z
    .enum(['host', 'bridge', 'none'])
    .default('bridge')
    .meta({ description: "host: the machine's own; bridge: a private one that reaches out; none: no network at all." }),
};

export const containerSchema = z.strictObject(common);
/** With all defaults filled in. */
export type ContainerSpec = z.output<typeof containerSchema>;

export const CONTAINER_RUNTIMES = ['docker', 'podman'] as const;
export type ContainerRuntime = (typeof CONTAINER_RUNTIMES)[number];
export const isContainerRuntime = (kind: string): kind is ContainerRuntime =>
  CONTAINER_RUNTIMES.some((known) => known === kind);

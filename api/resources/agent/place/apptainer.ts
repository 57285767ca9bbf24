/**
 * Owns: what a manifest may say of an Apptainer instance that an agent lives in.
 * Never: a way to pass flags unread: what is not named here cannot be asked for.
 */
import { z } from 'zod';
import { hostPath, mountSchema } from './container.ts';

/** Where Apptainer fetches from by itself; anything else is a path. */
const REMOTE = /^(?:docker|library|oras|shub):\/\/[\w./:@-]+$/;
export const isRemoteImage = (image: string): boolean => REMOTE.test(image);

export const apptainerSchema = z.strictObject({
  image: hostPath
    .max(4096)
    .refine((image) => isRemoteImage(image) || !image.includes('://'), {
      message: 'is neither a path nor a docker://, library://, oras:// or shub:// address',
    })
    .meta({
      description:
        'SIF file or sandbox folder: absolute, `~/...`, or relative to the workspace; outside of the workspace only where SAC_ALLOW_HOST_PATHS of the controller allows it. Or an address: docker://, library://, oras://, shub://. It needs a POSIX sh and the program of the agent.',
    }),
  mounts: z.array(mountSchema).default([]).meta({ description: 'Paths of the host seen in the container (binds).' }),
  mountHostClaude: z.boolean().default(false).meta({
    description:
      "Shows the user's ~/.claude at the same path: settings and credentials read-only, conversations (projects) writable.",
  }),
  overlay: hostPath.optional().meta({
    description:
      'Image or folder that keeps what is written in the container: path like `image`. Absent: it is kept in memory and forgotten (--writable-tmpfs).',
  }),
  contain: z.boolean().default(true).meta({
    description: "Own /tmp, /dev, home and process numbers, and none of the host's environment (--containall).",
  }),
  network: z.enum(['host', 'none']).default('host').meta({
    description:
      "host: the machine's own; none: no network, where Apptainer may make one (setuid installation or root).",
  }),
  nv: z.boolean().default(false).meta({ description: "The host's NVIDIA driver and devices are there (--nv)." }),
  cpus: z.number().positive().max(4096).optional().meta({ description: 'CPUs it may use; needs cgroups v2.' }),
  memory: z
    .string()
    .regex(/^[1-9]\d*[kmg]$/, { message: 'is not a size like 512m or 4g' })
    .optional()
    .meta({ description: 'Memory limit like 512m or 4g; needs cgroups v2.' }),
  pids: z.int().min(2).max(4_194_304).optional().meta({ description: 'Processes it may have; needs cgroups v2.' }),
});
/** With all defaults filled in. */
export type ApptainerSpec = z.output<typeof apptainerSchema>;

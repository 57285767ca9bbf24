/**
 * Owns: where an agent may live: `place`, with the runtimes there are and the options of each.
 * Never: knows how a runtime works, or chooses one.
 */
import { z } from 'zod';
import { nameSchema } from '../../names.ts';
import { parseLabelSelector } from '../../selectors.ts';
import { durationSchema } from '../../time.ts';
import { isMapping, text } from '../../values.ts';
import { apptainerSchema } from './apptainer.ts';
import { CONTAINER_RUNTIMES, containerSchema } from './container.ts';
import { idleText, isIdle, SECTIONS } from './sections.ts';
import { slurmSchema } from './slurm.ts';

/** Runtimes that exist now; later ones are added here and in adapters/runtimes, nowhere else. */
export const RUNTIME_KINDS = [
  'tmux',
  'process',
  'screen',
  'slurm',
  'slurm-tenant',
  ...CONTAINER_RUNTIMES,
  'apptainer',
] as const;
export type RuntimeKind = (typeof RUNTIME_KINDS)[number];

function isLabelSelector(selector: string): boolean {
  try {
    parseLabelSelector(selector);
    return true;
  } catch {
    return false;
  }
}

const tmuxSchema = z
  .strictObject({
    width: z.int().min(20).max(1000).default(200).meta({ description: 'Columns of the terminal.' }),
    height: z.int().min(5).max(500).default(50).meta({ description: 'Rows of the terminal.' }),
    historyLimit: z.int().min(0).max(1_000_000).default(10_000).meta({ description: 'Lines of scrollback kept.' }),
  })
  .prefault({})
  .meta({ description: 'Options of the terminal, for tmux and screen.' });

const processSchema = z
  .strictObject({
    logMaxBytes: z
      .int()
      .min(4096)
      .max(1_073_741_824)
      .default(10_485_760)
      .meta({ description: 'A log file is rotated at this size, in bytes.' }),
    logFiles: z.int().min(1).max(100).default(3).meta({ description: 'How many rotated log files are kept.' }),
  })
  .prefault({})
  .meta({ description: 'Options of the process runtime.' });

/** What a section holds when nothing was said in it. */
const DEFAULTS = {
  slurm: slurmSchema.parse({}),
  docker: undefined,
  podman: undefined,
  apptainer: undefined,
};

const fields = z
  .strictObject({
    host: z
      .union([nameSchema, z.array(nameSchema).min(1)])
      .optional()
      .meta({ description: 'Host to run on, or several in order of preference. Default: this machine.' }),
    hosts: z
      .union([z.literal('all'), z.array(nameSchema).min(1)], { error: 'is not "all" or a list of host names' })
      .optional()
      .meta({ description: 'One instance on each of these hosts, named <agent>-<host>.' }),
    hostSelector: text
      .min(1)
      .refine(isLabelSelector, { message: 'is not a label selector: key=value, key!=value, key, !key, key in (a,b)' })
      .optional()
      .meta({
        description: "Labels of the hosts to choose from (kubectl's grammar); instances are spread by free capacity.",
      }),
    failoverAfter: durationSchema.optional().meta({
      description:
        'With several hosts: how long the one it lives on may be unreachable before it is started on another. Its lease there has run out by then, so that it never runs twice.',
    }),
    failback: z.enum(['never', 'ready']).optional().meta({
      description:
        'When a host that is preferred to the one it lives on takes agents again. never, the default: it stays where it is. ready: it moves there when idle.',
    }),
    runtime: z
      .enum(['auto', ...RUNTIME_KINDS])
      .default('auto')
      .meta({ description: 'Where the agent lives. auto: tmux where it is installed, else process.' }),
    tmux: tmuxSchema,
    process: processSchema,
    slurm: slurmSchema,
    reservation: nameSchema
      .optional()
      .meta({ description: 'Reservation whose allocation it lives in, for runtime slurm-tenant; its host counts.' }),
    docker: containerSchema.optional().meta({ description: 'The container, for runtime docker.' }),
    podman: containerSchema.optional().meta({ description: 'The container, for runtime podman.' }),
    apptainer: apptainerSchema.optional().meta({ description: 'The instance, for runtime apptainer.' }),
  })
  .refine((place) => [place.host, place.hosts, place.hostSelector].filter((one) => one !== undefined).length <= 1, {
    message: 'host, hosts and hostSelector exclude each other',
    path: ['hosts'],
    when: isMapping,
  })
  .refine((place) => (place.runtime === 'slurm-tenant') === (place.reservation !== undefined), {
    message: 'goes together with runtime slurm-tenant: the name of a Reservation',
    path: ['reservation'],
    when: isMapping,
  })
  .refine((place) => place.runtime !== 'docker' || place.docker !== undefined, {
    message: 'is required for runtime docker: {image: ...}',
    path: ['docker'],
    when: isMapping,
  })
  .refine((place) => place.runtime !== 'podman' || place.podman !== undefined, {
    message: 'is required for runtime podman: {image: ...}',
    path: ['podman'],
    when: isMapping,
  })
  .refine((place) => place.runtime !== 'apptainer' || place.apptainer !== undefined, {
    message: 'is required for runtime apptainer: {image: ...}',
    path: ['apptainer'],
    when: isMapping,
  });

/** A section for a runtime that is not the one named would be silently without effect. */
export const placeSchema = SECTIONS.reduce(
  (schema, section) =>
    schema.refine((place) => !isIdle(section, place, DEFAULTS[section]), {
      path: [section],
      error: ({ input }) => idleText(section, runtimeOf(input)),
      when: isMapping,
    }),
  fields,
)
  .prefault({})
  .meta({ description: 'Where the agent runs: host and runtime.' });

const runtimeOf = (place: unknown): unknown =>
  typeof place === 'object' && place !== null && 'runtime' in place ? place.runtime : undefined;

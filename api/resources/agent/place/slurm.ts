/**
 * Owns: what a manifest may say of a SLURM job: `place.slurm`.
 * Never: knows how a job script is written. All values are of a grammar that needs no quoting in a directive.
 */
import { z } from 'zod';
import { durationSchema } from '../../time.ts';

const word = z
  .string()
  .regex(/^[A-Za-z0-9_.,:=@+*/%()|&-]{1,200}$/, { message: 'has characters that no SLURM option needs' })
  .refine((text) => !text.startsWith('-'), { message: 'starts with "-"' });
const path = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => !/[\0\n]/.test(text), { message: 'contains a line break or NUL' });
const sourced = (when: string) =>
  path
    .regex(/^~?\//, { message: 'is not an absolute path, nor one that begins with "~/"' })
    .optional()
    .meta({ description: `File sourced ${when}; \`~/\` is the home of the user the job runs as.` });

/** sbatch(1): minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes, days-hours:minutes:seconds. */
const TIME_LIMIT = /^(?:\d{1,6}(?::[0-5]?\d){0,2}|\d{1,4}-\d{1,2}(?::[0-5]?\d){0,2}|UNLIMITED|INFINITE)$/;
const SIGNAL = /^(?:B:(?:USR1|USR2|ALRM|HUP)(?:@\d{1,5})?|none)$/;

/** Options by which the job is found again, or would be another kind of job; sac sets them itself. sbatch(1). */
const OWN_OPTIONS = [
  'array',
  'begin-held',
  'chdir',
  'clusters',
  'comment',
  'error',
  'export',
  'export-file',
  'help',
  'hold',
  'input',
  'job-name',
  'kill-on-invalid-dep',
  'no-requeue',
  'open-mode',
  'output',
  'parsable',
  'quiet',
  'requeue',
  'signal',
  'test-only',
  'uid',
  'usage',
  'version',
  'wait',
  'wrap',
] as const;
const OWN_LETTERS = 'aDMeoiHJhQVW';

function ownedBySac(directive: string): boolean {
  const long = /^--([A-Za-z0-9-]+)/.exec(directive)?.[1];
  // getopt_long(3) takes any unambiguous beginning of a name.
  if (long !== undefined) return OWN_OPTIONS.some((option) => option.startsWith(long.toLowerCase()));
  return OWN_LETTERS.includes(directive.charAt(1));
}

const directive = z
  .string()
  .max(1000)
  .regex(/^-(?:-[A-Za-z]|[A-Za-z])[^\0\n\r]*$/, { message: 'is not an sbatch option such as --constraint=gpu' })
  .refine((text) => !ownedBySac(text), {
    message: 'is an option that sac sets itself, or that a kept agent cannot have',
  });

/** Whether it is an option that a job may be given by its manifest. */
export const isDirective = (text: string): boolean => directive.safeParse(text).success;

const hooks = z
  .strictObject({
    preSubmit: sourced('where the job is submitted, before it is'),
    preAgent: sourced('in the job before the agent; what it exports the agent has (module load)'),
    walltimeSignal: sourced('in the job when its signal came, before it is submitted again'),
    postAgent: sourced('in the job after the agent ended'),
    attach: sourced('before `sac attach` goes to the node'),
  })
  .prefault({})
  .meta({ description: 'Files sourced with SAC_AGENT_ID, SAC_JOB_ID, SAC_WORKDIR, SAC_LOG_FILE and SAC_PHASE set.' });

const heartbeat = z
  .strictObject({
    command: z
      .string()
      .min(1)
      .max(10_000)
      .refine((text) => !text.includes('\0'), { message: 'contains a NUL character' })
      .meta({ description: 'Shell command run again and again on the node while the agent lives.' }),
    interval: durationSchema.default('30s').meta({ description: 'Pause between two runs, at least 1s.' }),
    logFile: path
      .regex(/^~?\//, { message: 'is not an absolute path, nor one that begins with "~/"' })
      .optional()
      .meta({ description: 'Where its output goes. Default: heartbeat.log beside the log.' }),
  })
  .optional()
  .meta({ description: 'A loop beside the agent on the compute node.' });

export const slurmSchema = z
  .strictObject({
    partition: word.optional().meta({ description: 'Partition; default: the cluster’s.' }),
    timeLimit: z
      .string()
      .regex(TIME_LIMIT, { message: 'is not a SLURM time (90, 30:00, 12:00:00, 1-00:00:00, UNLIMITED)' })
      .default('1-00:00:00')
      .meta({ description: 'Wall-clock limit of one job, as sbatch has it.' }),
    cpusPerTask: z.int().min(1).max(10_000).default(1).meta({ description: 'CPUs.' }),
    mem: z
      .string()
      .regex(/^\d+[KMGT]?$/, { message: 'is not an amount of memory (4G, 500M)' })
      .default('4G')
      .meta({ description: 'Memory a node.' }),
    nodes: z.int().min(1).max(1000).default(1).meta({ description: 'Nodes; the agent lives on the first.' }),
    ntasks: z
      .int()
      .min(1)
      .max(100_000)
      .default(1)
      .meta({ description: 'Tasks that job steps may start; at least one a node.' }),
    gres: word.optional().meta({ description: 'Generic resources, such as gpu:1.' }),
    account: word.optional().meta({ description: 'Account that is charged.' }),
    qos: word.optional().meta({ description: 'Quality of service.' }),
    signal: z
      .string()
      .regex(SIGNAL, { message: 'is not B:USR1@<seconds before the limit> (USR1, USR2, ALRM, HUP) or none' })
      .default('B:USR1@3600')
      .meta({ description: 'Signal to the job before its time limit; then it submits its successor.' }),
    resubmit: z
      .boolean()
      .default(true)
      .meta({ description: 'Whether the job submits its successor when its signal comes.' }),
    hold: z
      .string()
      .min(1)
      .max(10_000)
      .refine((text) => !text.includes('\0'), { message: 'contains a NUL character' })
      .optional()
      .meta({ description: 'Shell command that keeps the allocation after the agent ended, for a look around.' }),
    hooks,
    heartbeat,
    extraDirectives: z
      .array(directive)
      .max(100)
      .default([])
      .meta({ description: 'More options of sbatch, one each, such as --constraint=a100.' }),
  })
  .prefault({})
  .meta({ description: 'Options of the slurm runtime.' });

export type SlurmOptions = z.output<typeof slurmSchema>;

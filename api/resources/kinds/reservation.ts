/**
 * Owns: the Reservation kind: a pool of a SLURM cluster's resources that many agents share.
 * Never: knows how jobs are submitted. All values are of a grammar that needs no quoting in a directive.
 */
import { z } from 'zod';
import { slurmSchema } from '../agent/place/slurm.ts';
import { API_VERSION, type Condition, manifestMetaSchema } from '../meta.ts';
import { nameSchema } from '../names.ts';
import { durationSchema } from '../time.ts';

const job = slurmSchema.unwrap().shape;

export const reservationSpecSchema = z
  .strictObject({
    host: nameSchema.default('local').meta({ description: 'Host whose SLURM commands are used: a login node.' }),
    partition: job.partition,
    cpus: z.int().min(1).max(10_000).default(1).meta({ description: 'CPUs a node, for all tenants together.' }),
    mem: job.mem.unwrap().default('4G').meta({ description: 'Memory a node, for all tenants together.' }),
    time: job.timeLimit
      .unwrap()
      .default('1-00:00:00')
      .meta({ description: 'Wall-clock limit of one allocation; it is renewed before that.' }),
    nodes: z.int().min(1).max(1000).default(1).meta({ description: 'Nodes; tenants live on the first.' }),
    gres: job.gres,
    account: job.account,
    tmuxServer: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$/, { message: 'is not a name (letters, digits, "-", "_", at most 40)' })
      .optional()
      .meta({ description: 'Name of the tmux server on the node; the job number is added. Default: sac-<fleet>.' }),
    persistent: z
      .boolean()
      .default(true)
      .meta({ description: 'Kept also while no agent is declared for it. false: asked for with its first tenant.' }),
    renewBefore: durationSchema
      .default('1h')
      .meta({ description: 'How long before its end the next allocation is asked for; at most 3/4 of its time.' }),
  })
  .prefault({})
  .meta({ description: 'What is reserved.' });

export const reservationManifestSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).meta({ description: 'Always sac/v1.' }),
    kind: z.literal('Reservation').meta({ description: 'Always Reservation.' }),
    metadata: manifestMetaSchema.prefault({}).meta({ description: 'Name, labels, annotations.' }),
    spec: reservationSpecSchema,
  })
  .meta({ title: 'Reservation', description: 'An allocation of a SLURM cluster that agents share.' });

export type ReservationSpec = z.output<typeof reservationSpecSchema>;

export interface ReservationStatus {
  /** The allocation that tenants live in, or move to. Absent: none is up. */
  readonly jobId?: number;
  readonly node?: string;
  /** ISO 8601. Absent: no limit. */
  readonly expiresAt?: string;
  /** The allocation that is asked for next. */
  readonly nextJobId?: number;
  /** Agents that are declared for it. */
  readonly tenants: number;
  readonly conditions: readonly Condition[];
}

const NOTHING: ReservationStatus = { tenants: 0, conditions: [] };
export const reservationStatusOf = (status: Readonly<Record<string, unknown>>): ReservationStatus => ({
  ...NOTHING,
  ...status,
});

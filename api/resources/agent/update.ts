/**
 * Owns: what a manifest says about change: when a running agent is replaced, how many of its instances at once, what a bad change costs.
 * Never: knows how a change is carried out.
 */
import { z } from 'zod';
import { durationMs, durationSchema } from '../time.ts';

const NOT_A_LIMIT = 'is not a number of instances or a percentage ("1", "25%", "100%")';

/** Without any, what is ready and dies at once would be passed on to all instances. */
const SHORTEST_PROOF_MS = 1_000;

export const updateSchema = z
  .strictObject({
    strategy: z.enum(['OnIdle', 'Immediate', 'OnDelete']).default('OnIdle').meta({
      description:
        'When a changed launch restarts a running agent. OnIdle waits for idle; OnDelete waits for `sac restart`.',
    }),
    maxWait: durationSchema
      .default('10m')
      .meta({ description: 'Longest wait of OnIdle; then the agent is restarted anyway.' }),
    maxUnavailable: z
      .union([z.int().min(1), z.string().regex(/^(?:100|[1-9]?\d)%$/, { message: NOT_A_LIMIT })], {
        error: NOT_A_LIMIT,
      })
      .default('25%')
      .meta({
        description:
          'How many instances may be down at once because of a change: a number or a percentage (rounded down, at least one).',
      }),
    waitFor: z.enum(['Ready', 'idle']).default('Ready').meta({
      description: 'When a changed instance counts as well, so that the next is changed. idle: at its prompt.',
    }),
    minHealthyTime: durationSchema
      .refine((duration) => durationMs(duration) >= SHORTEST_PROOF_MS, { message: 'is shorter than 1s' })
      .default('5s')
      .meta({
        description:
          'How long a changed instance stays Ready before it counts as well, at least 1s. One that ended has to stay so twice as long as before.',
      }),
    progressDeadline: durationSchema
      .default('10m')
      .meta({ description: 'A changed instance that is not well after this long halts the change.' }),
    onFailure: z.enum(['halt', 'undo']).default('halt').meta({
      description: 'A change that was halted stays as it is, or is undone: the last good revision comes back.',
    }),
  })
  .prefault({})
  .meta({ description: 'How a changed manifest reaches running instances.' });

/** How many of `total` may be down at once; at least one. */
export function unavailableLimit(limit: number | string, total: number): number {
  const many = typeof limit === 'number' ? limit : Math.floor((Number.parseInt(limit, 10) * total) / 100);
  return Math.max(1, Math.min(total, many));
}

/**
 * Owns: an agent's life as a manifest declares it: how it is known to be well, when it is started again, what runs around it.
 * Never: decides anything; controller/machine does.
 */
import { z } from 'zod';
import { durationSchema } from '../time.ts';
import { argument, isMapping } from '../values.ts';

const hookList = (when: string) =>
  z
    .array(argument.min(1))
    .default([])
    .meta({ description: `Shell commands or http(s) URLs, ${when}.` });

export const healthSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .meta({ description: 'Whether health.command is run; false keeps it for later.' }),
    method: z.enum(['alive', 'command']).optional().meta({
      description:
        'What counts as healthy. alive: the process exists, which the place tells by itself. command: health.command exits with 0. Default: command when there is one.',
    }),
    command: z.array(argument).min(1).optional().meta({
      description:
        "Program and arguments, one list item each; no shell. Run on the agent's host in its workspace, with SAC_AGENT set, once the agent is Ready.",
    }),
    interval: durationSchema.default('30s').meta({ description: 'Time between two runs of the command.' }),
    timeout: durationSchema.default('5s').meta({ description: 'A run that takes longer has failed.' }),
    failureThreshold: z.int().min(1).max(1000).default(3).meta({
      description:
        'After so many failed runs in a row the agent is not Healthy, and is restarted as restart.policy and backoff say (never: only told).',
    }),
  })
  .refine((health) => health.method !== 'command' || health.command !== undefined, {
    message: 'is required for method command: a list, program first',
    path: ['command'],
    when: isMapping,
  })
  .refine((health) => health.method !== 'alive' || health.command === undefined, {
    message: 'goes together with method command',
    path: ['command'],
    when: isMapping,
  })
  .prefault({})
  .meta({ description: 'How it is known that an agent that runs is well.' });

export const restartSchema = z
  .strictObject({
    policy: z
      .enum(['never', 'on-failure', 'always'])
      .default('on-failure')
      .meta({ description: 'When an agent that ended is started again.' }),
    maxRetries: z.int().min(0).max(1_000_000).default(5).meta({
      description:
        'Restarts in a row before the agent is Failed with reason CrashLoop. Forgiven after it stayed ready for backoff.max, at least 1 s.',
    }),
    backoff: z
      .strictObject({
        initial: durationSchema.default('1s').meta({ description: 'Wait before the first restart.' }),
        max: durationSchema.default('5m').meta({ description: 'Longest wait.' }),
        multiplier: z.number().min(1).max(100).default(2).meta({ description: 'Factor from one wait to the next.' }),
      })
      .prefault({})
      .meta({ description: 'Waits between restarts; jittered by at most 10 %.' }),
  })
  .prefault({})
  .meta({ description: 'What happens when the agent ends by itself.' });

export const hooksSchema = z
  .strictObject({
    preStart: hookList('run on the host before the agent starts; a failing one fails the start'),
    preStartTimeout: durationSchema
      .default('10m')
      .meta({ description: 'A command of preStart that takes longer is ended, and has failed.' }),
    postStart: hookList('run beside the agent after it started'),
    preStop: hookList('run before the agent is asked to leave'),
    postStop: hookList('run after the agent is gone'),
    onCompact: hookList('run when the agent compacts its context'),
    onRestart: hookList('run before a restart that sac decided on'),
    onDiff: hookList('run when the agent was found to differ from its manifest'),
  })
  .prefault({})
  .meta({ description: "Commands around the agent's life." });

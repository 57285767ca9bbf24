/**
 * Owns: what a manifest says about times: when an agent runs, or when it is run anew. Cron expressions are croner's.
 * Never: reads a clock.
 */
import { Cron } from 'croner';
import { z } from 'zod';
import { timeZoneSchema } from '../time-zone.ts';
import { isMapping } from '../values.ts';

/** Five fields, or six with seconds first; or a nickname. A date of its own is no schedule. */
const FIELDS = /^(?:@[a-z]+|\S+(?:\s+\S+){4,5})$/;
/** From which a match is looked for: any time will do. */
const ANY_TIME = new Date('2026-01-01T00:00:00Z');

function whyNoCron(text: string): string | undefined {
  if (!FIELDS.test(text))
    return 'is not a cron expression: five fields (minute hour day month weekday), or a second first';
  try {
    return new Cron(text, { timezone: 'UTC' }).nextRun(ANY_TIME) ? undefined : 'never comes: there is no such date';
  } catch (error) {
    return `is not a cron expression: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const cronSchema = z
  .string()
  .max(200)
  .superRefine((text, context) => {
    const message = whyNoCron(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message, input: text });
  });

const WINDOW_OR_RUNS = 'is either a window (start and stop) or runs (cron)';

export const scheduleSchema = z
  .strictObject({
    start: cronSchema
      .optional()
      .meta({ description: 'Cron: from when the agent runs, until `stop`. At a restart of sac the clock decides.' }),
    stop: cronSchema.optional().meta({ description: 'Cron: from when it is at rest, until `start`.' }),
    cron: cronSchema.optional().meta({
      description: 'Cron: when an agent that finishes is run anew. In between it shows how its last run ended.',
    }),
    timeZone: timeZoneSchema.default('UTC').meta({
      description: 'By whose clocks.',
    }),
    concurrencyPolicy: z
      .enum(['Forbid', 'Replace'], {
        error: (issue) =>
          issue.input === 'Allow'
            ? 'Allow is not possible: an agent is one, never two of the same name; Forbid or Replace, or several agents'
            : 'is not Forbid or Replace',
      })
      .optional()
      .meta({
        description:
          'A start that comes while the run before it goes on, with cron. Forbid (default): it waits; Replace: that run is ended.',
      }),
    startingDeadlineSeconds: z.number().min(1).max(31_536_000).optional().meta({
      description:
        'A start that is later than this is missed, with cron. Default: however late, the last one is made up for.',
    }),
  })
  .refine(
    (schedule) => (schedule.cron === undefined) !== (schedule.start === undefined && schedule.stop === undefined),
    {
      message: WINDOW_OR_RUNS,
      when: isMapping,
    },
  )
  .refine((schedule) => (schedule.start === undefined) === (schedule.stop === undefined), {
    message: 'goes together with start',
    path: ['stop'],
    when: isMapping,
  })
  .refine(
    (schedule) =>
      schedule.cron !== undefined ||
      (schedule.concurrencyPolicy === undefined && schedule.startingDeadlineSeconds === undefined),
    { message: 'goes together with cron; a window is open or not', path: ['concurrencyPolicy'], when: isMapping },
  )
  .optional()
  .meta({ description: 'Times: a window in which the agent runs, or when it is run anew.' });

export type Schedule = NonNullable<z.output<typeof scheduleSchema>>;

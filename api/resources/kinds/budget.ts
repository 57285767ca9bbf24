/**
 * Owns: the Budget kind: how much the agents with some labels may use in a window, and what happens when it is used up.
 * Never: counts or acts.
 */
import { z } from 'zod';
import { SacError } from '../errors.ts';
import { API_VERSION, type ConditionStatus, manifestMetaSchema } from '../meta.ts';
import { parseLabelSelector } from '../selectors.ts';
import { timeZoneSchema } from '../time-zone.ts';
import { isMapping } from '../values.ts';

/** A label selector as `sac get -l` takes it. */
export const selectorSchema = z
  .string()
  .max(1000)
  .superRefine((text, context) => {
    if (text.trim() === '') return;
    try {
      parseLabelSelector(text);
    } catch (error) {
      if (!(error instanceof SacError)) throw error;
      context.addIssue({ code: 'custom', message: error.message, input: text });
    }
  });

export const BUDGET_WINDOWS = ['hour', 'day', 'week', 'month'] as const;
export type BudgetWindow = (typeof BUDGET_WINDOWS)[number];
export const BUDGET_ACTIONS = ['warn', 'pause', 'stop'] as const;
export type BudgetAction = (typeof BUDGET_ACTIONS)[number];

export const budgetSpecSchema = z
  .strictObject({
    selector: selectorSchema.default('').meta({
      description: 'Agents it is for, by labels as in `sac get -l`: team=web,tier!=free. Empty: all agents.',
    }),
    window: z.enum(BUDGET_WINDOWS).default('day').meta({
      description:
        'Tokens and cost begin at 0 with each: hours of UTC; days, weeks (from Monday), months of `timezone`.',
    }),
    timezone: timeZoneSchema.default('UTC').meta({ description: 'Whose midnight days, weeks and months begin at.' }),
    tokens: z.number().positive().optional().meta({ description: 'At most so many tokens in a window.' }),
    tokenKinds: z
      .array(z.enum(['input', 'output', 'cacheRead', 'cacheWrite']))
      .min(1)
      .default(['input', 'output', 'cacheWrite'])
      .meta({ description: 'Tokens that count. Tokens read from a cache cost little and are many.' }),
    costUsd: z.number().positive().optional().meta({
      description: 'At most so many US dollars in a window, as estimated by list prices.',
    }),
    agents: z.int().min(0).optional().meta({
      description: 'At most so many agents wanted to run at once; those that run the longest keep their place.',
    }),
    warnAt: z.number().min(0).max(1).default(0.8).meta({ description: 'Share of a limit from which it is said.' }),
    action: z.enum(BUDGET_ACTIONS).default('warn').meta({
      description:
        'What happens when a limit is reached. warn: it is said; pause: agents are held as soon as they are idle; stop: they are held at once.',
    }),
    suspend: z.boolean().default(false).meta({ description: 'It counts, but holds nobody.' }),
  })
  .refine(({ tokens, costUsd, agents }) => tokens !== undefined || costUsd !== undefined || agents !== undefined, {
    message: 'limits nothing: give tokens, costUsd or agents',
    when: isMapping,
  });
export type BudgetSpec = z.output<typeof budgetSpecSchema>;

export const budgetManifestSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).meta({ description: 'Always sac/v1.' }),
    kind: z.literal('Budget').meta({ description: 'Always Budget.' }),
    metadata: manifestMetaSchema.prefault({}).meta({ description: 'Name, labels, annotations.' }),
    spec: budgetSpecSchema.meta({ description: 'Whom it is for, how much, and what then.' }),
  })
  .meta({
    title: 'Budget',
    description: 'What the agents with some labels may use in an hour, a day, a week, a month.',
  });

/** `sac resume` sets it, ISO 8601: until the window that this falls into ends, a budget holds nobody, or not this agent. */
export const RESUMED_ANNOTATION = 'sac/resumed-at';

export const BUDGET_RESOURCES = ['tokens', 'costUsd', 'agents'] as const;
export type BudgetResource = (typeof BUDGET_RESOURCES)[number];

export interface BudgetCondition {
  /** Ready: within all limits. NearLimit: `warnAt` is passed. Exceeded: a limit is reached. */
  readonly type: 'Ready' | 'NearLimit' | 'Exceeded';
  readonly status: ConditionStatus;
  /** CamelCase, for machines. */
  readonly reason: string;
  /** One sentence, for people. */
  readonly message: string;
  /** ISO 8601; changes only when `status` does. */
  readonly lastTransitionTime: string;
}

export interface BudgetStatus {
  /** ISO 8601. */
  readonly window: { readonly start: string; readonly end: string };
  readonly used: { readonly tokens: number; readonly costUsd: number; readonly agents: number };
  /** Agents the selector selects. */
  readonly selected: number;
  /** Names of the agents it holds. */
  readonly held: readonly string[];
  readonly conditions: readonly BudgetCondition[];
  /** ISO 8601: when counting began. */
  readonly since: string;
  /** By instance: session, then input, output, cache read, cache write, dollars: the most ever told, so that nothing counts twice. */
  readonly ledger: Readonly<Record<string, readonly (readonly [string, number, number, number, number, number])[]>>;
}

/**
 * Owns: the Agent kind: what a manifest may say, its defaults, and the resource with its status.
 * Types, validation, JSON Schema and `sac explain` all come from the schemas here and in the files beside, one a section.
 * Never: reads files, or knows how any runtime or CLI works.
 */

import { z } from 'zod';
import { API_VERSION, manifestMetaSchema, type ObjectMeta } from '../meta.ts';
import { nameSchema } from '../names.ts';
import { MARK_MESSAGE, marksIn } from '../redact-resource.ts';
import { argument, ENV_NAME, isMapping, text } from '../values.ts';
import { besideAccount, claudeSchema, sessionSchema } from './conversation.ts';
import { healthSchema, hooksSchema, restartSchema } from './life.ts';
import { placeSchema } from './place/place.ts';
import { scheduleSchema } from './schedule.ts';
import { startupSchema } from './startup.ts';
import type { AgentStatus, InstanceStatus } from './status.ts';
import { updateSchema } from './update.ts';
import { mcpServersSchema, skillsSchema, venvSchema, workspaceSchema } from './workspace.ts';

export { RUNTIME_KINDS, type RuntimeKind } from './place/place.ts';
export * from './status.ts';

export const PROFILE_NAMES = ['claude-code', 'codex', 'gemini', 'aider', 'cursor', 'opencode', 'pi', 'exec'] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

/** A shell that starts the agent calculates what is assigned to these, and runs `$(...)` in an index: bash does, whatever is quoted. */
export const CALCULATED_VARIABLES = ['HISTCMD', 'LINENO', 'OPTIND', 'RANDOM', 'SECONDS', 'SRANDOM'] as const;
const calculated: ReadonlySet<string> = new Set(CALCULATED_VARIABLES);
const envSchema = z.record(
  z
    .string()
    .regex(ENV_NAME, { message: 'is not a valid environment variable name (letters, digits, "_")' })
    .refine((name) => !calculated.has(name), { message: "is a variable of the shell's own; choose another name" }),
  argument,
);

export const agentSpecSchema = z
  .strictObject({
    profile: z
      .enum(PROFILE_NAMES)
      .optional()
      .meta({ description: 'Which agent CLI this is. Default: exec when command is given, else claude-code.' }),
    command: z
      .array(argument)
      .min(1, { message: 'needs at least the program to run' })
      .refine((argv) => argv[0] !== '', { message: 'names no program: the first word is empty' })
      .optional()
      .meta({
        description:
          'Program and arguments, one list item each; no shell. For exec required, for other profiles it replaces the program.',
      }),
    model: text.min(1).max(200).optional().meta({ description: 'Model the CLI is told to use.' }),
    cliVersion: z
      .string({ error: 'is not a version as text, such as "2.1.x"' })
      .regex(/^\d{1,9}(?:\.(?:\d{1,9}|[xX*])){0,2}$/, { message: 'is not a version such as 2.1.197, 2.1.x or 2' })
      .optional()
      .meta({
        description:
          'Version of the CLI that may run: 2.1.197, 2.1.x or 2. Asked of the program at each start; another is not started (condition VersionMismatch).',
      }),
    place: placeSchema,
    replicas: z
      .int()
      .min(0)
      .max(1000)
      .default(1)
      .meta({ description: "How many instances; the first has the agent's name, others <name>-1, <name>-2, ..." }),
    workspace: workspaceSchema,
    skills: skillsSchema,
    mcpServers: mcpServersSchema,
    venv: venvSchema,
    env: envSchema
      .default({})
      .meta({ description: 'Environment variables. They reach the agent by a 0600 file, never by argv.' }),
    envFiles: z
      .array(text.min(1))
      .default([])
      .meta({ description: 'Files of KEY=VALUE lines, read when the agent starts; relative to the workspace.' }),
    session: sessionSchema,
    claude: claudeSchema,
    startup: startupSchema,
    health: healthSchema,
    restart: restartSchema,
    update: updateSchema,
    hooks: hooksSchema,
    dependsOn: z
      .array(nameSchema)
      .max(100)
      .optional()
      .meta({ description: 'Agents that must be ready before this one is started; what runs already is left alone.' }),
    schedule: scheduleSchema,
    ttlSecondsAfterFinished: z.number().min(0).max(31_536_000).optional().meta({
      description:
        'An agent that was applied and has finished (Succeeded or Failed for good) is deleted after so many seconds. Not for what a directory or a commit declares.',
    }),
    suspend: z.boolean().default(false).meta({ description: 'Declared but at rest: no instance runs.' }),
    terminationGracePeriodSeconds: z
      .number()
      .min(0)
      .max(86_400)
      .default(10)
      .meta({ description: 'Seconds between asking the agent to leave and killing it.' }),
  })
  .refine((spec) => spec.profile !== 'exec' || spec.command !== undefined, {
    path: ['command'],
    message: 'is required for profile exec: a list, program first',
    when: isMapping,
  })
  .refine((spec) => spec.ttlSecondsAfterFinished === undefined || spec.schedule === undefined, {
    path: ['ttlSecondsAfterFinished'],
    message: 'does not go together with schedule: what has finished is started again',
    when: isMapping,
  })
  .superRefine((spec, context) => {
    for (const path of marksIn(spec)) context.addIssue({ code: 'custom', path: [...path], message: MARK_MESSAGE });
    if (spec.claude.account === undefined || effectiveProfile(spec) !== 'claude-code') return;
    for (const name of besideAccount(spec.env))
      context.addIssue({ code: 'custom', path: ['env', name], message: 'claude.account excludes it; remove one' });
  })
  .meta({ description: 'What the agent should be.' });

export const agentManifestSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).meta({ description: 'Always sac/v1.' }),
    kind: z.literal('Agent').meta({ description: 'Always Agent.' }),
    metadata: manifestMetaSchema.prefault({}).meta({ description: 'Name, labels, annotations.' }),
    spec: agentSpecSchema,
  })
  .superRefine(({ metadata }, context) => {
    for (const path of marksIn({ metadata }))
      context.addIssue({ code: 'custom', path: [...path], message: MARK_MESSAGE });
  })
  .meta({ title: 'Agent', description: 'One AI coding agent (or several alike) that sac keeps running.' });

/** A manifest as a person writes it: defaults may be missing. */
export type AgentManifestInput = z.input<typeof agentManifestSchema>;
/** A manifest with all defaults filled in. */
export type AgentManifest = z.output<typeof agentManifestSchema>;
export type AgentSpec = z.output<typeof agentSpecSchema>;
export type AgentSpecInput = z.input<typeof agentSpecSchema>;

export interface Agent {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: 'Agent';
  readonly metadata: ObjectMeta;
  readonly spec: AgentSpec;
  readonly status: AgentStatus;
}

/** One running (or resting) incarnation slot of an agent, as `sac get instances` shows it. */
export interface Instance {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: 'Instance';
  readonly metadata: ObjectMeta;
  readonly spec: { readonly agent: string; readonly host: string; readonly runtime: string };
  readonly status: InstanceStatus;
}

export const effectiveProfile = (spec: Pick<AgentSpec, 'profile' | 'command'>): ProfileName =>
  spec.profile ?? (spec.command ? 'exec' : 'claude-code');

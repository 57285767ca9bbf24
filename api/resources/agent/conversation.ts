/**
 * Owns: what a manifest says to Claude Code alone, and which conversation any CLI starts with.
 * Never: knows how a CLI is told; adapters/profiles does.
 */
import { z } from 'zod';
import { argument, ENV_NAME, isMapping, text } from '../values.ts';

/** The variable by which Claude Code is given the login that `claude.account` names. */
export const CLAUDE_LOGIN = 'CLAUDE_CODE_OAUTH_TOKEN';
/** What it would rather use than that login, or to find another one by. */
export const OTHER_CREDENTIALS: readonly string[] = [
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_AUTH_TOKEN',
  'CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR',
  'CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR',
  'CLAUDE_CODE_USE_BEDROCK',
  'CLAUDE_CODE_USE_FOUNDRY',
  'CLAUDE_CODE_USE_VERTEX',
];
/** Variables of a manifest that name a second identity beside an account: one of them is not guessed about. */
export const besideAccount = (env: Readonly<Record<string, unknown>>): readonly string[] =>
  [CLAUDE_LOGIN, ...OTHER_CREDENTIALS].filter((name) => Object.hasOwn(env, name));

export const claudeSchema = z
  .strictObject({
    flags: z.array(argument.min(1)).default([]).meta({
      description:
        'Words added to the command line of claude, one list item each; an item with a space is split at the first (`--add-dir /x`).',
    }),
    channels: z.array(text.min(1)).default([]).meta({ description: 'Channels, each passed as --channels.' }),
    account: text.min(1).optional().meta({
      description:
        'Saved login that this agent uses, by name (`sac account save NAME`). Without it the agent is not started, and never with another login. Not together with provider, or with another key of Claude Code in env.',
    }),
    provider: z
      .strictObject({
        baseUrl: z
          .url({ protocol: /^https?$/, message: 'is not an http(s) URL' })
          .regex(/^[^\s\p{Cc}]+$/u, { message: 'holds spaces or control characters' })
          .meta({ description: 'Address of a service that speaks the Anthropic API.' }),
        authTokenEnv: z
          .string()
          .regex(ENV_NAME, { message: 'is not the name of an environment variable' })
          .meta({ description: "Name of the controller's environment variable that holds the key; never the key." }),
      })
      .optional()
      .meta({
        description: 'Another service than Anthropic, with a key instead of a login. Not together with account.',
      }),
  })
  .refine((claude) => claude.account === undefined || claude.provider === undefined, {
    message: 'account and provider exclude each other',
    path: ['provider'],
    when: isMapping,
  })
  .prefault({})
  .meta({ description: 'Options of Claude Code alone.' });

const sessionModes = z.enum(['continue-or-new', 'continue', 'new', 'resume']);
export const sessionSchema = z
  .union(
    [
      sessionModes.refine((mode) => mode !== 'resume', {
        message: 'resume needs the id of the conversation: {mode: resume, id: ...}',
      }),
      z
        .strictObject({
          mode: sessionModes
            .default('continue-or-new')
            .meta({ description: 'Which conversation the agent starts with.' }),
          id: text.min(1).optional().meta({ description: 'Conversation to resume, with mode: resume.' }),
          continueMaxAgeMinutes: z
            .number()
            .positive()
            .optional()
            .meta({ description: 'An older conversation is not continued.' }),
        })
        .refine(({ mode, id }) => (mode === 'resume') === (id !== undefined), {
          message: 'goes together with mode resume: the id of the conversation',
          path: ['id'],
        }),
    ],
    { error: 'is not continue-or-new, continue, new, resume, or {mode, id, continueMaxAgeMinutes}' },
  )
  .default('continue-or-new')
  .meta({ description: 'Which conversation the agent starts with.' });

/**
 * Owns: what has to happen between an agent's start and its being Ready: dialogs, the ready gate, first prompts.
 * Never: knows one CLI's dialogs.
 */
import { z } from 'zod';
import { durationSchema } from '../time.ts';

const pattern = z
  .string()
  .min(1)
  .max(500)
  .refine((text) => !text.includes('\0'), { message: 'contains a NUL character' })
  .refine(isPattern, { message: 'is not a regular expression' });

function isPattern(text: string): boolean {
  try {
    new RegExp(text, 'm');
    return true;
  } catch {
    return false;
  }
}

/** Keys by the names tmux has for them, or one printable character. */
const KEY = /^(?:Enter|Escape|Space|Tab|BTab|Up|Down|Left|Right|[!-~])$/;

const dialogAnswers = z
  .union(
    [
      z.enum(['auto', 'ask']),
      z.record(z.string(), z.enum(['accept', 'decline', 'ask'], { message: 'is not accept, decline or ask' })),
    ],
    { error: 'is not auto, ask, or a mapping of dialog names to accept, decline or ask' },
  )
  .default('auto')
  .meta({
    description:
      'Dialogs a CLI shows at start. auto: harmless ones are accepted, dangerous ones only if the flags asked for them; ask: a person answers; or an answer by name.',
  });

const customDialog = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { message: 'is not a name: lower-case letters, digits and "-"' })
    .meta({ description: 'Name of the dialog, for events and for `dialogs`.' }),
  match: pattern.meta({ description: 'Regular expression that is found in the text of this dialog and of no other.' }),
  press: z
    .array(
      z
        .string()
        .regex(KEY, { message: 'is not a key: Enter, Escape, Space, Tab, Up, Down, Left, Right or one character' }),
    )
    .min(1)
    .max(20)
    .meta({
      description:
        'Keys that answer it; after each the screen is looked at, and the next is pressed only if the dialog still stands.',
    }),
});

/** What is pasted: an escape in it would end the bracketed paste, and the rest would be typed as keys. */
const pasted = z
  .string()
  .min(1)
  .max(200_000)
  .refine((text) => !/[^\P{Cc}\n\t]/u.test(text), {
    message: 'holds control characters; only line breaks and tabs can be pasted',
  });

const firstText = (what: string) =>
  z.union([
    pasted,
    z.strictObject({
      text: pasted.meta({ description: what }),
      delay: durationSchema.default('0s').meta({ description: 'Waited before it is submitted.' }),
    }),
  ]);

export const startupSchema = z
  .strictObject({
    minReadySeconds: z
      .number()
      .min(0)
      .max(3600)
      .default(1)
      .meta({ description: 'Seconds an agent must have been up without dying before it counts as Ready.' }),
    dialogs: dialogAnswers,
    customDialogs: z
      .array(customDialog)
      .max(50)
      .default([])
      .meta({ description: 'Dialogs that sac does not know, as data.' }),
    readyPatterns: z.array(pattern).max(20).default([]).meta({
      description: 'Regular expressions that must all be found on the screen before the agent counts as Ready.',
    }),
    idleTicks: z
      .int()
      .min(1)
      .max(100)
      .default(2)
      .meta({ description: 'How many looks in a row must show the prompt before the agent counts as Ready.' }),
    pollInterval: durationSchema
      .default('500ms')
      .meta({ description: 'Time between two looks at the screen while it starts.' }),
    timeout: durationSchema.default('2m').meta({ description: 'Longest time from start to Ready.' }),
    onTimeout: z.enum(['fail', 'continue', 'restart']).default('fail').meta({
      description:
        'fail: stays not Ready and says why; continue: counts as Ready; restart: is ended, and the restart policy decides.',
    }),
    commands: z.array(firstText('Command, as it is typed, such as /model opus.')).max(50).default([]).meta({
      description: "The CLI's own commands, submitted one after the other once its prompt is there; once per start.",
    }),
    prompts: z.array(firstText('What the agent is told.')).max(50).default([]).meta({
      description:
        'Prompts submitted after the commands, one after the other, each when the agent is idle; once per start.',
    }),
  })
  .prefault({})
  .meta({ description: 'What must have happened before the agent counts as Ready.' });

/**
 * Owns: the Notifier kind: who is told of which conditions and events, how, how often; and what is remembered of it.
 * Never: holds a secret: specs name environment variables or files; sends anything.
 */
import { z } from 'zod';
import { CONDITIONS_OF } from '../conditions.ts';
import { API_VERSION, type ConditionStatus, manifestMetaSchema } from '../meta.ts';
import { closest } from '../suggest.ts';
import { durationSchema, type Instant } from '../time.ts';
import { isMapping } from '../values.ts';
import { selectorSchema } from './budget.ts';

/** Only such variables and files are given to notifiers: one must not be able to carry off the secrets of others. */
export const NOTIFY_ENV = /^SAC_NOTIFY_[A-Z0-9_]+$/;
export const NOTIFY_FILE = /^notify-[A-Za-z0-9._-]{1,200}$/;

const given = (value: object, names: readonly string[]) =>
  names.filter((name) => Object.getOwnPropertyDescriptor(value, name)?.value !== undefined).length;

const secretEnv = z.string().regex(NOTIFY_ENV, {
  message: 'is not the name of a variable beginning with SAC_NOTIFY_ (capital letters, digits, "_")',
});
const secretFile = z.string().regex(NOTIFY_FILE, {
  message: 'is not the name of a file beginning with notify- in the secrets folder',
});
const address = z
  .string()
  .max(2000)
  .refine((text) => isAddress(text), { message: 'is not an http or https address without a password' });
function isAddress(text: string): boolean {
  try {
    const { protocol, username, password } = new URL(text);
    return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
  } catch {
    return false;
  }
}

const ADDRESS_FIELDS = {
  url: address.optional().meta({ description: 'Address, when it is no secret.' }),
  urlEnv: secretEnv
    .optional()
    .meta({ description: "Variable of the controller's environment that holds the address." }),
  urlFile: secretFile
    .optional()
    .meta({ description: 'File in the folder `secrets` of SAC_HOME that holds the address.' }),
};
const TOKEN_FIELDS = {
  tokenEnv: secretEnv.optional().meta({ description: 'Variable that holds a token, sent as `Authorization: Bearer`.' }),
  tokenFile: secretFile.optional().meta({ description: 'File that holds the token.' }),
};
const URLS = ['url', 'urlEnv', 'urlFile'] as const;
const oneAddress = (value: object) => given(value, URLS) === 1;
const ONE_ADDRESS = { message: 'needs exactly one of url, urlEnv, urlFile', when: isMapping };
const oneToken = (value: object) => given(value, ['tokenEnv', 'tokenFile']) <= 1;
const ONE_TOKEN = { message: 'names both tokenEnv and tokenFile; one is enough', when: isMapping };

const webhookSchema = z
  .strictObject({
    ...ADDRESS_FIELDS,
    ...TOKEN_FIELDS,
    signingEnv: secretEnv.optional().meta({
      description: 'Variable that holds a secret; the body is signed with it: `X-Sac-Signature-256: sha256=<HMAC>`.',
    }),
    signingFile: secretFile.optional().meta({ description: 'File that holds that secret.' }),
  })
  .refine(oneAddress, ONE_ADDRESS)
  .refine(oneToken, ONE_TOKEN);
const slackSchema = z.strictObject(ADDRESS_FIELDS).refine(oneAddress, ONE_ADDRESS);
const ntfySchema = z
  .strictObject({
    ...ADDRESS_FIELDS,
    ...TOKEN_FIELDS,
    topic: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, { message: 'is not a topic (letters, digits, "-", "_", at most 64)' })
      .meta({ description: 'Topic to publish to.' }),
    priority: z.int().min(1).max(5).default(4).meta({ description: 'Priority of what needs attention; resolved: 2.' }),
  })
  .refine(oneAddress, ONE_ADDRESS)
  .refine(oneToken, ONE_TOKEN);
const argument = z
  .string()
  .max(4096)
  .refine((text) => !text.includes('\0'), { message: 'contains a NUL character' });
const commandSchema = z.strictObject({
  argv: z.tuple([argument.min(1)], argument).meta({
    description:
      'Program and arguments, run by the controller on its machine; the notice is JSON on its standard input.',
  }),
});

export const NOTIFIED_KINDS = ['Agent', 'GitSource', 'Budget', 'Host', 'Reservation'] as const;
export type NotifiedKind = (typeof NOTIFIED_KINDS)[number];
const kindsSchema = z.array(z.enum(NOTIFIED_KINDS)).default([]).meta({ description: 'Of these kinds. Empty: of all.' });
const word = z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,62}$/, { message: 'is not a word in CamelCase' });

const conditionRuleSchema = z
  .strictObject({
    type: word.meta({
      description:
        'Type of the condition: Blocked, AuthFailed, QuotaLimited, RequestFailed, Ready, Synced, Exceeded, ...',
    }),
    status: z.enum(['True', 'False']).default('True').meta({ description: 'Status that is told.' }),
    reasons: z.array(word).default([]).meta({ description: 'Only with one of these reasons. Empty: with any.' }),
    kinds: kindsSchema,
    for: durationSchema.default('0s').meta({ description: 'Only when it has lasted so long.' }),
  })
  .superRefine(({ type, kinds }, context) => {
    const asked = kinds.length === 0 ? NOTIFIED_KINDS : kinds;
    const known = [...new Set(asked.flatMap((kind) => CONDITIONS_OF[kind]))];
    if (known.includes(type)) return;
    const near = closest(type, known);
    const whose = kinds.length === 0 ? 'anything that is told of' : kinds.join(' or ');
    const way = near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near}?`;
    context.addIssue({ code: 'custom', path: ['type'], message: `is no condition of ${whose}; ${way}`, input: type });
  });
const eventRuleSchema = z.strictObject({
  reasons: z.array(word).default([]).meta({ description: 'Only with one of these reasons. Empty: with any.' }),
  type: z.enum(['Normal', 'Warning']).optional().meta({ description: 'Only of this type.' }),
  kinds: kindsSchema,
});
export type ConditionRule = z.output<typeof conditionRuleSchema>;
export type EventRule = z.output<typeof eventRuleSchema>;

const WAYS = ['webhook', 'slack', 'ntfy', 'command'] as const;
export const notifierSpecSchema = z
  .strictObject({
    webhook: webhookSchema.optional().meta({ description: 'POST of JSON.' }),
    slack: slackSchema
      .optional()
      .meta({ description: "An incoming webhook of Slack, or of a chat that takes Slack's form." }),
    ntfy: ntfySchema.optional().meta({ description: 'A topic of an ntfy server.' }),
    command: commandSchema.optional().meta({ description: "A program of the controller's machine." }),
    conditions: z.array(conditionRuleSchema).max(100).default([]).meta({
      description: 'Conditions that are told, and told again when they are over.',
    }),
    events: z.array(eventRuleSchema).max(100).default([]).meta({ description: 'Events that are told.' }),
    selector: selectorSchema.default('').meta({
      description: 'Only of things with these labels, as in `sac get -l`. Empty: of all.',
    }),
    repeatEvery: durationSchema.default('4h').meta({
      description:
        'A condition that lasts is told again so often; an event that happens again at most so often. 0: once.',
    }),
    resolve: z.boolean().default(true).meta({ description: 'It is told when a condition that was told is over.' }),
    rateLimit: z
      .strictObject({
        max: z.int().min(1).max(1000).default(20).meta({ description: 'Messages in that time.' }),
        per: durationSchema.default('1m').meta({ description: 'That time.' }),
      })
      .prefault({})
      .meta({ description: 'What exceeds it is put together into one message.' }),
    retry: z
      .strictObject({
        initial: durationSchema
          .default('5s')
          .meta({ description: 'Wait after the first failure; doubled by each more.' }),
        max: durationSchema.default('5m').meta({ description: 'Longest wait.' }),
      })
      .prefault({})
      .meta({ description: 'What could not be delivered is tried again until it is, or is over.' }),
    timeout: durationSchema.default('10s').meta({ description: 'Longest duration of one delivery.' }),
    suspend: z.boolean().default(false).meta({ description: 'Nothing is told.' }),
  })
  .refine((spec) => given(spec, WAYS) === 1, {
    message: 'needs exactly one of webhook, slack, ntfy, command',
    when: isMapping,
  })
  .refine(({ conditions = [], events = [] }) => conditions.length + events.length > 0, {
    message: 'tells nothing: list conditions or events',
    when: isMapping,
  });
export type NotifierSpec = z.output<typeof notifierSpecSchema>;

export const notifierManifestSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION).meta({ description: 'Always sac/v1.' }),
    kind: z.literal('Notifier').meta({ description: 'Always Notifier.' }),
    metadata: manifestMetaSchema.prefault({}).meta({ description: 'Name, labels, annotations.' }),
    spec: notifierSpecSchema.meta({ description: 'Who is told, of what, how often.' }),
  })
  .meta({ title: 'Notifier', description: 'Tells a person or a program of conditions and events.' });

/** One thing that is told, or about to be. */
export interface NoticeEntry {
  readonly kind: string;
  readonly name: string;
  readonly instance?: string;
  /** Condition type, or the event's reason. */
  readonly type: string;
  /** Of the condition; of an event `Normal` or `Warning`. */
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** ISO 8601: since when the condition is so; when the event happened. */
  readonly since: string;
  readonly state: 'firing' | 'resolving' | 'event';
  /** Equal texts: the same occurrence, told once (and repeated). */
  readonly occurrence: string;
  /** When it is due for the first time, milliseconds since the epoch. */
  readonly dueAt: Instant;
  /** How often this occurrence was told. */
  readonly sent: number;
  readonly lastSentAt?: Instant;
  /** Somebody may have heard of it: it was delivered, or a delivery was begun and its end is not known. */
  readonly told: boolean;
  /** Whether it still holds cannot be seen now. */
  readonly unsure?: true;
}

export interface NotifierStatus {
  readonly conditions: readonly {
    readonly type: 'Ready';
    readonly status: ConditionStatus;
    readonly reason: string;
    readonly message: string;
    readonly lastTransitionTime: string;
  }[];
  /** Messages delivered, and deliveries that failed. */
  readonly sent: number;
  readonly failed: number;
  /** Failures since the last success. */
  readonly attempts: number;
  readonly retryAt?: Instant;
  /** When messages went out lately. */
  readonly recent: readonly Instant[];
  /** resourceVersion of the last event that was looked at. */
  readonly eventsSeen: number;
  readonly entries: Readonly<Record<string, NoticeEntry>>;
}

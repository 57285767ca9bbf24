/**
 * Owns: what a message says, for programs and for people, and how each way of telling wants it. Pure.
 * Never: holds a secret; texts of agents are redacted.
 */
import type { NoticeEntry, NotifierSpec } from '../../api/resources/kinds/notifier.ts';
import { redact } from '../../api/resources/redact.ts';
import { type Instant, isoTime } from '../../api/resources/time.ts';

export interface Notice {
  /** The same however often it is delivered: whoever receives one twice knows it by this. */
  readonly id: string;
  readonly status: 'firing' | 'resolved' | 'event';
  /** 0: told for the first time. */
  readonly repeat: number;
  readonly kind: string;
  readonly name: string;
  readonly instance?: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly since: string;
}

export interface Message {
  readonly version: 'sac/v1';
  readonly id: string;
  readonly fleet: string;
  readonly notifier: string;
  readonly at: string;
  readonly notices: readonly Notice[];
}

export function messageOf(
  entries: readonly (readonly [key: string, entry: NoticeEntry])[],
  {
    fleet,
    notifier,
    now,
    digest,
  }: {
    readonly fleet: string;
    readonly notifier: string;
    readonly now: Instant;
    /** Of a text: short, and safe in a header. */
    readonly digest: (text: string) => string;
  },
): Message {
  const notices = entries.map(([key, entry]): Notice => {
    const { kind, name, instance, type, reason, since, sent, state, occurrence } = entry;
    const status = state === 'resolving' ? 'resolved' : state;
    return {
      id: digest([fleet, notifier, key, occurrence, status, status === 'resolved' ? 0 : sent].join('\n')),
      status,
      repeat: status === 'resolved' ? 0 : sent,
      kind,
      name,
      ...(instance !== undefined && instance !== name && { instance }),
      type,
      reason,
      message: redact(entry.message).slice(0, 2_000),
      since,
    };
  });
  const [only] = notices;
  const id = only && notices.length === 1 ? only.id : digest(notices.map((notice) => notice.id).join('\n'));
  return { version: 'sac/v1', id, fleet, notifier, at: isoTime(now), notices };
}

const lineOf = ({ status, repeat, kind, name, instance, type, reason, message }: Notice): string => {
  const what = `${kind.toLowerCase()}/${name}${instance === undefined ? '' : ` (${instance})`}`;
  if (status === 'resolved') return `${what}: ${type} is over`;
  const again = repeat > 0 ? ', still' : '';
  return `${what}: ${type}${reason === type ? '' : ` (${reason})`}${again}: ${message}`;
};
export const textOf = ({ notices }: Message): string => notices.map(lineOf).join('\n');

/** https://api.slack.com/reference/surfaces/formatting#escaping */
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const SIGNS = { firing: ':warning:', resolved: ':white_check_mark:', event: ':information_source:' } as const;

export const slackBody = (message: Message): object => ({
  text: message.notices.map((notice) => `${SIGNS[notice.status]} ${escaped(lineOf(notice))}`).join('\n'),
});

/** https://docs.ntfy.sh/publish/#publish-as-json */
export function ntfyBody(message: Message, { topic, priority }: NonNullable<NotifierSpec['ntfy']>): object {
  const over = message.notices.every(({ status }) => status === 'resolved');
  return {
    topic,
    title: `sac ${message.notifier}`,
    message: textOf(message).slice(0, 4_000),
    priority: over ? 2 : priority,
    tags: [over ? 'white_check_mark' : 'warning', message.id],
  };
}

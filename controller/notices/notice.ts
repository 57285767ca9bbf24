/**
 * Owns: what a notifier knows and is to tell: which conditions and events it watches, what is due, what was told. Pure.
 * Never: sends or stores; whoever does saves the state before and after each delivery.
 */
import type { EventObject } from '../../api/resources/event.ts';
import type { NoticeEntry, NotifierSpec, NotifierStatus } from '../../api/resources/kinds/notifier.ts';
import { type DurationMs, durationMs, type Instant } from '../../api/resources/time.ts';

export interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly instance?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly conditions: readonly {
    readonly type: string;
    readonly status: string;
    readonly reason: string;
    readonly message: string;
    readonly lastTransitionTime: string;
  }[];
}

export interface NoticeLook {
  readonly spec: NotifierSpec;
  /** Those its selector selects. */
  readonly subjects: readonly Subject[];
  /** Of things its selector selects, after `eventsSeen`; oldest first. */
  readonly events: readonly EventObject[];
  /** resourceVersion up to which events were looked at. */
  readonly eventsSeen: number;
  readonly now: Instant;
}

type Entries = Readonly<Record<string, NoticeEntry>>;
/** More is not remembered; the oldest are kept. */
const MAX_ENTRIES = 2_000;

export const newStatus = (eventsSeen: number): NotifierStatus => ({
  conditions: [],
  sent: 0,
  failed: 0,
  attempts: 0,
  recent: [],
  eventsSeen,
  entries: {},
});

/** Takes in how things are now. */
export function observe(status: NotifierStatus, look: NoticeLook): NotifierStatus {
  const { spec, now, eventsSeen } = look;
  if (spec.suspend) return { ...status, eventsSeen };
  const found = findConditions(look, status.entries);
  const entries = new Map<string, NoticeEntry>(Object.entries(found.active));
  for (const [key, entry] of Object.entries(status.entries)) {
    if (entries.has(key)) continue;
    const kept = entry.state === 'event' ? keptEvent(entry, spec, now) : afterwards(entry, found, key, spec);
    if (kept) entries.set(key, kept);
  }
  for (const event of look.events) takeEvent(entries, event, spec, now);
  return { ...status, eventsSeen, entries: Object.fromEntries([...entries].slice(0, MAX_ENTRIES)) };
}

interface Found {
  /** Of rules that match now. */
  readonly active: Entries;
  /** Conditions that are as before, though no rule asks for them any more. */
  readonly unasked: ReadonlySet<string>;
  /** Conditions of which nobody knows how they are. */
  readonly unsure: ReadonlySet<string>;
}

function findConditions({ spec, subjects, now }: NoticeLook, known: Entries): Found {
  const active: Record<string, NoticeEntry> = {};
  const unasked = new Set<string>();
  const unsure = new Set<string>();
  for (const { kind, name, instance, conditions } of subjects)
    for (const { type, status, reason, message, lastTransitionTime: since } of conditions) {
      const thing = `${kind}/${name}/${instance ?? ''}/${type}`;
      if (status === 'Unknown') {
        unsure.add(`${thing}=True`).add(`${thing}=False`);
        continue;
      }
      const key = `${thing}=${status}`;
      const rules = spec.conditions.filter(
        (rule) =>
          rule.type === type &&
          rule.status === status &&
          (rule.reasons.length === 0 || rule.reasons.includes(reason)) &&
          (rule.kinds.length === 0 || rule.kinds.some((one) => one === kind)),
      );
      if (rules.length === 0) {
        unasked.add(key);
        continue;
      }
      const before = known[key];
      // Another question is told anew; a number that counts up in it, or another reason of the same trouble, is not.
      const occurrence = type === 'Blocked' ? `${since} ${reason} ${message.replaceAll(/\d+/g, '#')}` : since;
      const same = before?.occurrence === occurrence && before.state === 'firing';
      const patience = Math.min(...rules.map((rule) => durationMs(rule.for)));
      active[key] = {
        ...{ kind, name, type, status, reason, message, since, occurrence },
        ...(instance !== undefined && { instance }),
        state: 'firing',
        dueAt: same ? before.dueAt : Math.max(now, Date.parse(since) + patience),
        sent: same ? before.sent : 0,
        ...(same && before.lastSentAt !== undefined && { lastSentAt: before.lastSentAt }),
        told: before?.told ?? false,
      };
    }
  return { active, unasked, unsure };
}

/** It is over, or cannot be seen, or nobody asks for it any more. */
function afterwards(entry: NoticeEntry, found: Found, key: string, spec: NotifierSpec): NoticeEntry | undefined {
  if (found.unsure.has(key)) return { ...entry, unsure: true };
  if (found.unasked.has(key) || !entry.told || !spec.resolve) return undefined;
  const { unsure: _unsure, ...sure } = entry;
  return { ...sure, state: 'resolving' };
}

/** One that was told is remembered, so that it is not told again too soon. */
const keptEvent = (entry: NoticeEntry, spec: NotifierSpec, now: Instant): NoticeEntry | undefined =>
  entry.lastSentAt === undefined || now < entry.lastSentAt + quiet(spec) ? entry : undefined;

/** With `repeatEvery: 0` the same event is told once a day at most. */
const quiet = (spec: NotifierSpec): DurationMs => durationMs(spec.repeatEvery) || 86_400_000;

function takeEvent(entries: Map<string, NoticeEntry>, event: EventObject, spec: NotifierSpec, now: Instant): void {
  const { type, reason, message, regarding, lastSeen } = event;
  // Events of instances are told as those of their agent.
  const kind = regarding.kind === 'Instance' ? 'Agent' : regarding.kind;
  if (kind === 'Notifier') return;
  const asked = spec.events.some(
    (rule) =>
      (rule.type === undefined || rule.type === type) &&
      (rule.reasons.length === 0 || rule.reasons.includes(reason)) &&
      (rule.kinds.length === 0 || rule.kinds.some((one) => one === kind)),
  );
  const key = `event/${kind}/${regarding.name}/${regarding.instance ?? ''}/${reason}`;
  if (!asked || entries.has(key)) return;
  entries.set(key, {
    ...{ kind, name: regarding.name, type: reason, status: type, reason, message, since: lastSeen },
    ...(regarding.instance !== undefined && { instance: regarding.instance }),
    occurrence: `${event.metadata.name} ${event.count}`,
    state: 'event',
    dueAt: now,
    sent: 0,
    told: false,
  });
}

/** One message: one notice, or several when there are more than the rate limit lets out. */
export interface Delivery {
  readonly keys: readonly string[];
}
/** Notices in one message. */
const MAX_TOGETHER = 50;

/** The next message that may go out now. */
export function choose(status: NotifierStatus, spec: NotifierSpec, now: Instant): Delivery | undefined {
  if (spec.suspend || (status.retryAt !== undefined && now < status.retryAt)) return undefined;
  const due = Object.entries(status.entries)
    .filter(([, entry]) => dueAt(entry, spec) <= now)
    .sort(([, a], [, b]) => a.dueAt - b.dueAt)
    .map(([key]) => key);
  const room = spec.rateLimit.max - inTime(status, spec, now).length;
  if (due.length === 0 || room <= 0) return undefined;
  return { keys: due.slice(0, room === 1 ? MAX_TOGETHER : 1) };
}

/** When there may be something to send, if nothing changes; undefined: never. */
export function nextAt(status: NotifierStatus, spec: NotifierSpec, now: Instant): Instant | undefined {
  if (spec.suspend) return undefined;
  const due = Math.min(...Object.values(status.entries).map((entry) => dueAt(entry, spec)));
  if (due === Number.POSITIVE_INFINITY) return undefined;
  const recent = inTime(status, spec, now);
  const full = recent.length >= spec.rateLimit.max ? (recent[0] ?? now) + durationMs(spec.rateLimit.per) : 0;
  return Math.max(due, full, status.retryAt ?? 0);
}

function dueAt({ state, sent, dueAt: first, lastSentAt = 0, unsure }: NoticeEntry, spec: NotifierSpec): Instant {
  if (unsure) return Number.POSITIVE_INFINITY;
  const repeat = durationMs(spec.repeatEvery);
  switch (state) {
    case 'resolving':
      return 0;
    case 'event':
      return sent === 0 ? first : Number.POSITIVE_INFINITY;
    case 'firing':
      return sent === 0 ? first : repeat === 0 ? Number.POSITIVE_INFINITY : lastSentAt + repeat;
  }
}

const inTime = ({ recent }: NotifierStatus, { rateLimit }: NotifierSpec, now: Instant): readonly Instant[] =>
  recent.filter((at) => at > now - durationMs(rateLimit.per) && at <= now);

/** To be saved before the delivery: whoever finds it after a crash knows that somebody may have heard of it. */
export const begun = (status: NotifierStatus, { keys }: Delivery): NotifierStatus => ({
  ...status,
  entries: changed(status.entries, keys, (entry) => (entry.told ? entry : { ...entry, told: true })),
});

export type Outcome =
  | { readonly type: 'delivered' }
  /** `rejected`: it will never be taken. `heard`: whether it arrived is not known. */
  | { readonly type: 'rejected' | 'refused' | 'unclear'; readonly why: string; readonly retryMs?: DurationMs };

/** Takes in how a delivery ended. `before`: the state before it was begun. `random`: in [0, 1). */
export function settled(
  status: NotifierStatus,
  before: NotifierStatus,
  { keys }: Delivery,
  outcome: Outcome,
  { spec, now, random }: { readonly spec: NotifierSpec; readonly now: Instant; readonly random: number },
): NotifierStatus {
  const { retryAt: _retryAt, ...rest } = status;
  switch (outcome.type) {
    case 'delivered':
    case 'rejected': {
      const done = changed(status.entries, keys, (entry) =>
        entry.state === 'resolving' ? undefined : { ...entry, sent: entry.sent + 1, lastSentAt: now },
      );
      const delivered = outcome.type === 'delivered';
      return {
        ...rest,
        entries: done,
        recent: [...inTime(status, spec, now), now],
        attempts: 0,
        ...(delivered ? { sent: status.sent + 1 } : { failed: status.failed + 1 }),
      };
    }
    case 'refused':
    case 'unclear': {
      const attempts = status.attempts + 1;
      const { initial, max } = spec.retry;
      const backoff = Math.min(durationMs(max), durationMs(initial) * 2 ** Math.min(attempts - 1, 30));
      // Nobody heard of it.
      const entries =
        outcome.type === 'refused'
          ? changed(status.entries, keys, (entry, key) => ({ ...entry, told: before.entries[key]?.told ?? false }))
          : status.entries;
      return {
        ...rest,
        entries,
        attempts,
        failed: status.failed + 1,
        retryAt: now + Math.max(outcome.retryMs ?? 0, Math.round(backoff * (1 + 0.1 * random))),
      };
    }
  }
}

const changed = (
  entries: Entries,
  keys: readonly string[],
  change: (entry: NoticeEntry, key: string) => NoticeEntry | undefined,
): Entries => {
  const next = { ...entries };
  for (const key of keys) {
    const entry = entries[key];
    const after = entry && change(entry, key);
    if (after) next[key] = after;
    else delete next[key];
  }
  return next;
};

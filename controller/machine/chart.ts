/**
 * Owns: the state chart of one instance: phase x gap -> phase, and what is remembered on the way.
 * Never: reads a clock, emits effects (effects.ts derives them anew on each pass), or keeps an actor alive.
 */
import { assign, setup } from 'xstate';
import type { InstanceId } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { DesiredInstance } from '../plan/desired-instance.ts';
import { backoffMs } from './backoff.ts';
import type { Gap, GapType } from './gap.ts';
import type { ExitRecord, Memory, PlacedSighting } from './snapshot.ts';

/** A gap with what is needed to act on it. `type` is the gap's, which is how the chart selects. */
export interface GapEvent {
  readonly type: GapType;
  readonly gap: Gap;
  readonly id: InstanceId;
  readonly desired: DesiredInstance | undefined;
  readonly now: Instant;
}

const DEFAULT_GRACE_MS = 10_000;
/** A request to leave is repeated after this long, a kill after the shorter one. */
export const ASK_AGAIN_MS = 3_000;
export const KILL_AGAIN_MS = 1_000;

/** When a stop in progress is to be asked for again: killing starts at `killAt`. */
export const nextAskAt = (stop: NonNullable<Memory['stop']>): Instant =>
  stop.askedAt >= stop.killAt ? stop.askedAt + KILL_AGAIN_MS : Math.min(stop.killAt, stop.askedAt + ASK_AGAIN_MS);

type Rule = (input: { context: Memory; event: GapEvent }) => boolean;
type Note = (input: { context: Memory; event: GapEvent }) => Memory;

const seenIn = (gap: Gap): PlacedSighting | undefined => ('seen' in gap ? gap.seen : undefined);

/** The end that this pass learns of: read from the corpse, or concluded from absence. */
function exitOf(context: Memory, { gap, now }: GapEvent): ExitRecord {
  const seen = seenIn(gap);
  if (!seen)
    return {
      at: now,
      reason: context.stop ? 'Stopped' : 'Vanished',
      incarnation: context.stop?.incarnation ?? context.incarnation ?? now,
    };
  const { code, signal, at } = seen.exit ?? {};
  const asked = context.stop?.incarnation === seen.incarnation;
  return {
    ...(code !== undefined && { code }),
    ...(signal !== undefined && { signal }),
    at: at ?? now,
    reason: asked
      ? 'Stopped'
      : signal !== undefined
        ? 'Killed'
        : code === 0
          ? 'Completed'
          : code === undefined
            ? 'Vanished'
            : 'Error',
    incarnation: seen.incarnation,
  };
}

/**
 * Retries are forgiven after the agent stayed ready for the longest backoff. How long it stayed is taken from the place's own
 * clock where it tells: our look may come much later than the end, after a lost hint or while we were away.
 */
function attemptsSoFar(context: Memory, { gap, desired, now }: GapEvent): number {
  if (!desired) return context.attempts;
  const { startedAt, exit } = seenIn(gap) ?? {};
  const readyMs =
    startedAt !== undefined && exit?.at !== undefined
      ? exit.at - startedAt - desired.minReadyMs
      : context.readySince === undefined
        ? 0
        : now - context.readySince;
  return readyMs >= desired.restart.maxMs ? 0 : context.attempts;
}

/**
 * Its end is old news: since it was started, `sac restart` was asked for or the spec changed. What is declared now has not
 * been tried yet, whether or not we saw the end before the change.
 */
const askedAnew = ({ context, event: { desired, gap } }: Parameters<Rule>[0]): boolean =>
  desired !== undefined &&
  ((desired.restartAt !== undefined &&
    desired.restartAt > (seenIn(gap)?.incarnation ?? context.incarnation ?? desired.restartAt)) ||
    (context.observedGeneration > 0 && desired.generation > context.observedGeneration));

const startedAnew = ({ context, event: { desired } }: Parameters<Rule>[0]): boolean =>
  desired !== undefined &&
  (desired.generation > (context.finalFor ?? context.observedGeneration) ||
    (desired.restartAt !== undefined &&
      context.lastExit !== undefined &&
      desired.restartAt > context.lastExit.incarnation &&
      desired.restartAt > (context.incarnation ?? 0)));

const rules: Record<
  | 'ours'
  | 'askedAnew'
  | 'isFinal'
  | 'succeeded'
  | 'endsWell'
  | 'due'
  | 'retriesAtOnce'
  | 'startedAnew'
  | 'ofAnotherLaunch',
  Rule
> = {
  ours: ({ context, event }) =>
    context.stop !== undefined &&
    context.stop.incarnation === (seenIn(event.gap)?.incarnation ?? context.stop.incarnation),
  isFinal: ({ context, event }) => {
    const { desired } = event;
    if (!desired) return false;
    const { code, reason } = exitOf(context, event);
    const failed = code !== 0 || reason === 'Vanished';
    if (desired.restart.policy === 'never') return true;
    if (desired.restart.policy === 'on-failure' && !failed) return true;
    return attemptsSoFar(context, event) >= desired.restart.maxRetries;
  },
  succeeded: ({ context, event }) => exitOf(context, event).code === 0 && event.desired?.restart.policy !== 'always',
  due: ({ context, event }) => context.notBefore === undefined || event.now >= context.notBefore,
  retriesAtOnce: ({ context, event }) =>
    event.desired !== undefined && backoffMs(event.desired.restart, event.id, attemptsSoFar(context, event)) === 0,
  startedAnew,
  askedAnew,
  /** A corpse of another launch than the declared one: its end says nothing about the declared one. */
  ofAnotherLaunch: ({ event }) => {
    const seen = seenIn(event.gap);
    return seen !== undefined && seen.launchHash !== event.desired?.launchHash;
  },
  endsWell: (input) => rules.isFinal(input) && rules.succeeded(input),
};

function forget<K extends keyof Memory>(memory: Memory, ...keys: K[]): Omit<Memory, K> {
  const rest = { ...memory };
  for (const key of keys) delete rest[key];
  return rest;
}

const notes = {
  beginStart: ({ context, event }) => ({
    ...forget(context, 'notBefore', 'liveSince', 'readySince', 'stop', 'driftSince', 'finalFor', 'finalReason'),
    // Strictly newer than any incarnation known, also when the clock was set back.
    incarnation: Math.max(event.now, (context.incarnation ?? 0) + 1, (context.lastExit?.incarnation ?? 0) + 1),
    ...(event.desired?.place && { place: event.desired.place }),
  }),
  startAgain: ({ context, event }) => ({
    ...context,
    incarnation: context.incarnation ?? event.now,
    ...(event.desired?.place && { place: event.desired.place }),
  }),
  clearAttempts: ({ context }) => ({ ...context, attempts: 0 }),
  markLive: ({ context, event }) => {
    const seen = seenIn(event.gap);
    if (!seen) return context;
    const same = context.incarnation === seen.incarnation && context.liveSince !== undefined;
    const adopted = context.incarnation !== seen.incarnation;
    const liveSince = same ? context.liveSince : adopted ? Math.min(event.now, seen.incarnation) : event.now;
    const readyAt = (liveSince ?? event.now) + (event.desired?.minReadyMs ?? 0);
    const base: Memory = same
      ? context
      : forget(context, 'readySince', 'driftSince', 'notBefore', 'finalFor', 'finalReason', 'stop');
    return {
      ...base,
      incarnation: seen.incarnation,
      place: seen.place,
      ...(liveSince !== undefined && { liveSince }),
      ...(event.now >= readyAt && { readySince: base.readySince ?? readyAt }),
    };
  },
  noteDrift: ({ context, event }) => ({ ...context, driftSince: context.driftSince ?? event.now }),
  clearDrift: ({ context }) => (context.driftSince === undefined ? context : forget(context, 'driftSince')),
  beginStop: ({ context, event }) => {
    if (event.gap.type !== 'surplus') return context;
    const { seen, why } = event.gap;
    return {
      ...forget(context, 'readySince'),
      stop: {
        incarnation: seen.incarnation,
        since: event.now,
        killAt: event.now + (event.desired?.graceMs ?? DEFAULT_GRACE_MS),
        askedAt: event.now,
        why,
      },
    };
  },
  askAgain: ({ context, event }) => {
    const { stop } = context;
    if (!stop || event.now < nextAskAt(stop)) return context;
    return { ...context, stop: { ...stop, askedAt: event.now } };
  },
  rest: ({ context }) => ({
    ...forget(context, 'notBefore', 'readySince', 'liveSince', 'driftSince', 'finalFor', 'finalReason', 'stop'),
    attempts: 0,
  }),
  markQueued: ({ context, event }) => {
    const seen = seenIn(event.gap);
    return seen ? { ...context, incarnation: seen.incarnation, place: seen.place } : context;
  },
  clearStop: ({ context }) => forget(context, 'stop'),
  recordExit: ({ context, event }) => ({
    ...forget(context, 'liveSince'),
    attempts: attemptsSoFar(context, event),
    lastExit: exitOf(context, event),
  }),
  countRetry: ({ context, event }) => ({
    ...forget(context, 'readySince', 'driftSince'),
    attempts: context.attempts + 1,
    restarts: context.restarts + 1,
    ...(event.desired && { notBefore: event.now + backoffMs(event.desired.restart, event.id, context.attempts) }),
  }),
  countRestart: ({ context }) => ({ ...context, restarts: context.restarts + 1 }),
  finalize: ({ context, event }) => {
    const policyEnds =
      event.desired?.restart.policy === 'never' ||
      (event.desired?.restart.policy === 'on-failure' && context.lastExit?.code === 0);
    return {
      ...forget(context, 'readySince', 'driftSince'),
      finalFor: event.desired?.generation ?? context.observedGeneration,
      finalReason:
        context.lastExit?.code === 0 && event.desired?.restart.policy !== 'always'
          ? 'Completed'
          : policyEnds
            ? (context.lastExit?.reason ?? 'Error')
            : 'CrashLoop',
    };
  },
} satisfies Record<string, Note>;

/** `assign` merges into the context, so what is forgotten must be forgotten one level down. */
interface Context {
  readonly memory: Memory;
}
type Input = { context: Context; event: GapEvent };
const noting =
  (note: Note) =>
  ({ context, event }: Input): Context => ({ memory: note({ context: context.memory, event }) });
const guard =
  (rule: Rule) =>
  ({ context, event }: Input): boolean =>
    rule({ context: context.memory, event });

const machineSetup = setup({
  types: {} as { context: Context; events: GapEvent; input: Memory },
  guards: {
    ours: guard(rules.ours),
    isFinal: guard(rules.isFinal),
    endsWell: guard(rules.endsWell),
    due: guard(rules.due),
    retriesAtOnce: guard(rules.retriesAtOnce),
    startedAnew: guard(rules.startedAnew),
    askedAnew: guard(rules.askedAnew),
    ofAnotherLaunch: guard(rules.ofAnotherLaunch),
  },
  actions: {
    beginStart: assign(noting(notes.beginStart)),
    startAgain: assign(noting(notes.startAgain)),
    clearAttempts: assign(noting(notes.clearAttempts)),
    markLive: assign(noting(notes.markLive)),
    markQueued: assign(noting(notes.markQueued)),
    noteDrift: assign(noting(notes.noteDrift)),
    clearDrift: assign(noting(notes.clearDrift)),
    beginStop: assign(noting(notes.beginStop)),
    askAgain: assign(noting(notes.askAgain)),
    clearStop: assign(noting(notes.clearStop)),
    recordExit: assign(noting(notes.recordExit)),
    countRetry: assign(noting(notes.countRetry)),
    countRestart: assign(noting(notes.countRestart)),
    finalize: assign(noting(notes.finalize)),
    rest: assign(noting(notes.rest)),
  },
});

/** It ended without being asked: by policy over, or tried again. */
const byPolicy = [
  { guard: 'endsWell', target: 'Succeeded', actions: ['recordExit', 'finalize'] },
  { guard: 'isFinal', target: 'Failed', actions: ['recordExit', 'finalize'] },
  { guard: 'retriesAtOnce', target: 'Starting', actions: ['recordExit', 'countRetry', 'beginStart'] },
  { target: 'Backoff', actions: ['recordExit', 'countRetry'] },
] as const;
/** It was asked to leave and is still wanted: the new one starts at once, at nobody's cost. */
const replaced = {
  guard: 'ours',
  target: 'Starting',
  actions: ['recordExit', 'clearStop', 'countRestart', 'beginStart'],
} as const;
const again = ['recordExit', 'clearStop', 'clearAttempts', 'countRestart', 'beginStart'] as const;
const onEnd = [
  replaced,
  { guard: 'ofAnotherLaunch', target: 'Starting', actions: again },
  { guard: 'askedAnew', target: 'Starting', actions: again },
  ...byPolicy,
] as const;
const runs = { target: 'Running', actions: ['markLive', 'clearDrift'] } as const;
const anew = { guard: 'startedAnew', target: 'Starting', actions: ['clearAttempts', 'beginStart'] } as const;

/** Gaps that mean the same in every phase; a phase overrides what differs there. */
const everywhere = {
  unplaced: {},
  queued: { target: 'Queued', actions: ['markQueued'] },
  live: runs,
  drifted: { target: 'Running', actions: ['markLive', 'noteDrift'] },
  surplus: { target: 'Stopping', actions: ['beginStop'] },
  leaving: { target: 'Stopping', actions: ['askAgain'] },
  exited: onEnd,
  corpse: [
    { guard: 'ours', target: 'Stopped', actions: ['recordExit', 'rest'] },
    { target: 'Stopped', actions: ['rest'] },
  ],
  gone: { target: 'Stopped', actions: ['rest'] },
  stale: {},
} as const;

export const chart = machineSetup.createMachine({
  id: 'instance',
  context: ({ input }) => ({ memory: input }),
  initial: 'Pending',
  states: {
    Pending: {
      on: {
        ...everywhere,
        missing: { target: 'Starting', actions: ['beginStart'] },
      },
    },
    Queued: { on: { ...everywhere, missing: onEnd } },
    Starting: { on: { ...everywhere, missing: { target: 'Starting', actions: ['startAgain'] } } },
    Running: { on: { ...everywhere, missing: onEnd, unplaced: { target: 'Pending', actions: ['recordExit'] } } },
    Stopping: {
      on: {
        ...everywhere,
        missing: { target: 'Starting', actions: ['recordExit', 'clearStop', 'countRestart', 'beginStart'] },
      },
    },
    Stopped: { on: { ...everywhere, missing: { target: 'Starting', actions: ['clearAttempts', 'beginStart'] } } },
    Backoff: {
      on: {
        ...everywhere,
        missing: [anew, { guard: 'due', target: 'Starting', actions: ['beginStart'] }],
      },
    },
    Succeeded: { on: { ...everywhere, missing: [anew] } },
    Failed: { on: { ...everywhere, missing: [anew] } },
  },
});

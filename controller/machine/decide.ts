/**
 * Owns: the decision about one instance; the only caller of xstate.
 * Never: does I/O. An unknown world returns before the machine is even asked.
 */
import { type AnyActorScope, createActor, type EventFrom } from 'xstate';
import type { Condition } from '../../api/resources/meta.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import { type DesiredInstance, placeKey } from '../plan/desired-instance.ts';
import { type AtTime, atTime, dueNext, sameTiming } from './at-time.ts';
import { chart } from './chart.ts';
import { effectsFor, filesFresh } from './effects.ts';
import { findGap, type Gap } from './gap.ts';
import { countChecks, nextCheck } from './health.ts';
import { nextAskAt } from './notes.ts';
import { type OnboardingResult, onboard } from './onboarding.ts';
import {
  type Decide,
  type Decision,
  type FilesReading,
  type MachineSnapshot,
  type Memory,
  NEW_SNAPSHOT,
  type SnapshotPhase,
} from './snapshot.ts';
import { conditionsFor, eventsFor } from './status/conditions.ts';
import { sameTold, tell } from './told.ts';

const PHASES = Object.keys(chart.states);
const isPhase = (value: unknown): value is SnapshotPhase => typeof value === 'string' && PHASES.includes(value);

export const decide: Decide = ({ id, desired: declared, observed, snapshot, files, health, now, since }) => {
  if (observed.kind === 'unknown') return { snapshot, effects: [], events: [] };
  const timed = atTime(declared, observed.sightings, snapshot, now);
  const desired = timed?.desired ?? declared;
  const counted = countChecks(snapshot.memory, desired, health);
  const gap = findGap(desired, observed.sightings, counted, now);
  if (gap.type === 'stale') return { snapshot: doubt(snapshot, now), effects: [], events: [], lookAgain: true };
  if (observed.sightings.length === 1 && settled(snapshot, gap, desired, files) && settledInTime(snapshot, timed))
    return { snapshot, effects: [], events: [], ...(timed?.wakeAt !== undefined && { wakeAt: timed.wakeAt }) };
  const doubted = doubtLook(snapshot, gap, desired, now);
  if (doubted) return doubted;

  const moved = move(forgetDoubt({ ...snapshot, memory: counted }), { type: gap.type, gap, id, desired, now, since });
  const way = onTheWay(moved.phase, moved.memory, gap, desired, now);
  const { memory: knowing, effects: hooks } = tell({
    id,
    memory: moved.memory,
    before: snapshot.conditions,
    gap,
    desired,
    files,
  });
  const memory = seal(way ? { ...knowing, onboarding: way.memory } : knowing, desired, timed);
  const conditions = conditionsFor(
    snapshot.conditions,
    moved.phase,
    memory,
    gap,
    desired,
    now,
    files,
    timed?.fact,
    health,
  );
  const unchanged =
    moved.phase === snapshot.phase && conditions === snapshot.conditions && sameMemory(memory, snapshot.memory);
  const next: MachineSnapshot = unchanged ? snapshot : { phase: moved.phase, memory, conditions };
  const effects = effectsFor(id, next.phase, next.memory, gap, desired, observed.sightings, now, way?.step, files);
  const check = nextCheck(id, next, gap, desired, health, now);
  const wakes = [nextLook(next, gap, desired, now), way?.wakeAt, dueNext(timed, next.phase, now), check.wakeAt];
  const wakeAt = wakes.reduce(earliest);
  return {
    snapshot: next,
    effects: [...hooks, ...effects, ...check.effects],
    events: unchanged ? [] : eventsFor(snapshot, next, now),
    ...(wakeAt !== undefined && { wakeAt }),
  };
};

/** The next step of a live agent to its prompt; undefined for what has no prompt. */
function onTheWay(
  phase: SnapshotPhase,
  memory: Memory,
  gap: Gap,
  desired: DesiredInstance | undefined,
  now: Instant,
): OnboardingResult | undefined {
  if (phase !== 'Running' || !desired?.onboarding || (gap.type !== 'live' && gap.type !== 'drifted')) return undefined;
  const { incarnation, reading, submitted = 0 } = gap.seen;
  const known = memory.onboarding?.incarnation === incarnation ? memory.onboarding : undefined;
  const result = onboard({
    plan: desired.onboarding,
    memory: known ?? { incarnation, since: memory.liveSince ?? now },
    reading,
    submitted,
    now,
  });
  // What was just finished makes it ready at the next look.
  return result.memory.done === now ? { ...result, wakeAt: now + 1 } : result;
}

const earliest = (a: Instant | undefined, b: Instant | undefined): Instant | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b);

/** Running as declared, ready, nothing else there and nothing new: by far the most frequent look, so the machine need not be asked. */
const settled = (
  { phase, memory, conditions }: MachineSnapshot,
  gap: Gap,
  desired: DesiredInstance | undefined,
  files: FilesReading | undefined,
): boolean =>
  phase === 'Running' &&
  gap.type === 'live' &&
  memory.incarnation === gap.seen.incarnation &&
  memory.readySince !== undefined &&
  memory.driftSince === undefined &&
  memory.doubtedAt === undefined &&
  desired?.onboarding === undefined &&
  desired?.health === undefined &&
  memory.unhealthy === undefined &&
  memory.observedGeneration === desired?.generation &&
  (memory.leased === true) === (desired?.leaseMs !== undefined) &&
  conditions.length > 0 &&
  conditions[3]?.status === 'True' &&
  filesSettled(memory, conditions, desired, files) &&
  conditions[0]?.message === (desired?.placeNote ?? conditions[0]?.message);

const filesSettled = (
  { told: hooks }: Memory,
  conditions: readonly Condition[],
  desired: DesiredInstance | undefined,
  files: FilesReading | undefined,
): boolean => {
  const told = conditions.find(({ type }) => type === 'FilesSynced');
  if (!desired?.workspace) return told === undefined;
  return (
    desired.workspace.problem === undefined &&
    filesFresh(desired, files) &&
    told?.message === files?.message &&
    (files?.mendedAt === undefined || files.mendedAt === hooks?.mended)
  );
};

const doubt = (snapshot: MachineSnapshot, now: Instant): MachineSnapshot =>
  snapshot.memory.doubtedAt === undefined ? { ...snapshot, memory: { ...snapshot.memory, doubtedAt: now } } : snapshot;

/** A start that was asked for may still arrive for this long, although its reply was lost. */
const LATE_START_MS = 3_000;

/**
 * The look is not what was to be expected. One look may be old, so that alone neither starts nor forgets anything; and a start
 * not seen yet may still arrive, so that its place is not given up at once.
 */
function doubtLook(
  snapshot: MachineSnapshot,
  gap: Gap,
  desired: DesiredInstance | undefined,
  now: Instant,
): Decision | undefined {
  const { phase, memory } = snapshot;
  const wait =
    gap.type === 'missing' || gap.type === 'gone' ? absenceWait(phase, memory, gap, desired) : strangerWait(phase, gap);
  if (wait === undefined) return undefined;
  if (memory.doubtedAt === undefined)
    return {
      snapshot: doubt(snapshot, now),
      effects: [],
      events: [],
      lookAgain: true,
      ...(wait > 0 && { wakeAt: now + wait }),
    };
  const wakeAt = memory.doubtedAt + Math.max(1, wait);
  return now >= wakeAt ? undefined : { snapshot, effects: [], events: [], lookAgain: true, wakeAt };
}

/** A corpse of which nothing is remembered may be that of a namesake deleted before. */
const strangerWait = (phase: SnapshotPhase, gap: Gap): DurationMs | undefined =>
  phase === 'Pending' && gap.type === 'exited' ? 0 : undefined;

/** How long absence has to last before it is believed; undefined: it is what was to be expected. */
function absenceWait(
  phase: SnapshotPhase,
  memory: Memory,
  gap: Gap,
  desired: DesiredInstance | undefined,
): DurationMs | undefined {
  switch (phase) {
    case 'Running':
    case 'Queued':
    case 'Stopping':
      return 0;
    case 'Starting':
      return gap.type === 'gone' ||
        (memory.place && desired?.place && placeKey(memory.place) !== placeKey(desired.place))
        ? LATE_START_MS
        : undefined;
    case 'Backoff':
    case 'Succeeded':
    case 'Failed':
      // Its corpse ought to lie there: what is forgotten now will never be cleared away.
      return gap.type === 'gone' ? 0 : undefined;
    case 'Stopped':
      return gap.type === 'gone' && desired?.want !== 'rest' ? 0 : undefined;
    case 'Pending':
      return undefined;
  }
}

function forgetDoubt(snapshot: MachineSnapshot): MachineSnapshot {
  if (snapshot.memory.doubtedAt === undefined) return snapshot;
  const { doubtedAt: _, ...memory } = snapshot.memory;
  return { ...snapshot, memory };
}

const resolved = (value: SnapshotPhase) => chart.resolveState({ value, context: { memory: NEW_SNAPSHOT.memory } });
/** Resolving a phase into the chart's state costs as much as a transition, and depends on the phase alone. */
const RESOLVED: Readonly<Record<SnapshotPhase, ReturnType<typeof resolved>>> = {
  Pending: resolved('Pending'),
  Queued: resolved('Queued'),
  Starting: resolved('Starting'),
  Running: resolved('Running'),
  Stopping: resolved('Stopping'),
  Stopped: resolved('Stopped'),
  Backoff: resolved('Backoff'),
  Succeeded: resolved('Succeeded'),
  Failed: resolved('Failed'),
};

/** What the chart may reach beyond its state: nothing. xstate's own `transition` makes an actor anew each time, which costs as much again. */
const actor = createActor(chart, { input: NEW_SNAPSHOT.memory });
const NO_SCOPE: AnyActorScope = {
  self: actor,
  system: actor.system,
  id: '',
  sessionId: '',
  logger: () => undefined,
  defer: () => undefined,
  stopChild: () => undefined,
  emit: () => undefined,
  actionExecutor: () => undefined,
};

function move(snapshot: MachineSnapshot, event: EventFrom<typeof chart>): { phase: SnapshotPhase; memory: Memory } {
  // A phase that this version does not know begins anew: the next look tells the rest.
  const value = isPhase(snapshot.phase) ? snapshot.phase : 'Pending';
  const next = chart.transition({ ...RESOLVED[value], context: { memory: snapshot.memory } }, event, NO_SCOPE);
  return { phase: isPhase(next.value) ? next.value : 'Pending', memory: next.context.memory };
}

function seal(memory: Memory, desired: DesiredInstance | undefined, timed: AtTime | undefined): Memory {
  const sealed =
    desired && memory.observedGeneration !== desired.generation
      ? { ...memory, observedGeneration: desired.generation }
      : memory;
  if (sameTiming(sealed.timing, timed?.timing)) return sealed;
  const { timing: _, ...rest } = sealed;
  return timed ? { ...rest, timing: timed.timing } : rest;
}

const settledInTime = ({ memory, conditions }: MachineSnapshot, timed: AtTime | undefined): boolean =>
  sameTiming(memory.timing, timed?.timing) &&
  (timed === undefined || conditions.find(({ type }) => type === 'Scheduled')?.message === timed.fact[2]);

const MEMORY_KEYS = [
  'attempts',
  'restarts',
  'notBefore',
  'incarnation',
  'leased',
  'liveSince',
  'readySince',
  'finalFor',
  'finalReason',
  'doubtedAt',
  'driftSince',
  'observedGeneration',
] as const satisfies readonly (keyof Memory)[];

const sameMemory = (a: Memory, b: Memory): boolean =>
  a === b ||
  (MEMORY_KEYS.every((key) => a[key] === b[key]) &&
    a.place?.host === b.place?.host &&
    a.place?.runtime === b.place?.runtime &&
    a.lastExit?.incarnation === b.lastExit?.incarnation &&
    a.lastExit?.reason === b.lastExit?.reason &&
    sameOnboarding(a.onboarding, b.onboarding) &&
    sameTold(a.told, b.told) &&
    sameTiming(a.timing, b.timing) &&
    a.unhealthy?.at === b.unhealthy?.at &&
    a.passed?.incarnation === b.passed?.incarnation &&
    a.passed?.generation === b.passed?.generation &&
    a.stop?.incarnation === b.stop?.incarnation &&
    a.stop?.askedAt === b.stop?.askedAt);

const sameOnboarding = (a: Memory['onboarding'], b: Memory['onboarding']): boolean =>
  a === b ||
  (a?.incarnation === b?.incarnation &&
    a?.since === b?.since &&
    a?.done === b?.done &&
    a?.stuck?.reason === b?.stuck?.reason &&
    a?.stuck?.message === b?.stuck?.message &&
    a?.last?.at === b?.last?.at);

/** When to look again although nothing may happen. */
function nextLook(
  { phase, memory }: MachineSnapshot,
  gap: Gap,
  desired: DesiredInstance | undefined,
  now: Instant,
): Instant | undefined {
  switch (phase) {
    case 'Backoff':
      // Without a place, time alone brings nothing: a place that can be had again is told.
      return gap.type === 'unplaced' ? undefined : memory.notBefore;
    case 'Stopping':
      return memory.stop && Math.max(nextAskAt(memory.stop), now + 1);
    case 'Running': {
      if (memory.readySince === undefined && !desired?.onboarding)
        return (memory.liveSince ?? now) + (desired?.minReadyMs ?? 0);
      if (memory.readySince === undefined && memory.onboarding?.done !== undefined)
        return Math.max(now + 1, (memory.liveSince ?? now) + (desired?.minReadyMs ?? 0));
      return gap.type === 'drifted' ? gap.until : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * Owns: the conditions of one instance, and the one-line stories told as events when its phase changes.
 * Never: decides what happens next.
 */

import type { Activity, ExitCause } from '../../../api/resources/agent/agent.ts';
import type { ServiceFault } from '../../../api/resources/agent/facts.ts';
import type { ConditionType } from '../../../api/resources/conditions.ts';
import type { EventDraft } from '../../../api/resources/event.ts';
import type { Condition, ConditionStatus } from '../../../api/resources/meta.ts';
import { type DurationMs, type Instant, isoTime } from '../../../api/resources/time.ts';
import type { DesiredInstance } from '../../plan/desired-instance.ts';
import type { AtTime } from '../at-time.ts';
import type { Gap } from '../gap.ts';
import { type HealthReading, healthFact } from '../health.ts';
import type { OnboardingMemory, Reading } from '../onboarding.ts';
import type { ExitRecord, FilesReading, MachineSnapshot, Memory, SnapshotPhase } from '../snapshot.ts';

export type Fact = readonly [ConditionType, ConditionStatus, string, string];

export function conditionsFor(
  previous: readonly Condition[],
  phase: SnapshotPhase,
  memory: Memory,
  gap: Gap,
  desired: DesiredInstance | undefined,
  now: Instant,
  files?: FilesReading,
  scheduled?: AtTime['fact'],
  health?: HealthReading,
): readonly Condition[] {
  const { reading } = ('seen' in gap ? gap.seen : undefined) ?? {};
  const facts: readonly Fact[] = [
    placed(memory, desired),
    started(phase, memory, gap),
    ready(phase, memory),
    upToDate(phase, gap, desired),
    ['HostReachable', 'True', 'Listed', 'The place was looked at.'],
    ...filesFact(previous, desired, files),
    ...(desired?.onboarding && phase === 'Running' ? activityFacts(reading, memory.onboarding) : []),
    ...(scheduled ? [['Scheduled', ...scheduled] as const] : []),
    ...versionFact(phase, memory, desired?.launch.cliVersion),
    ...(phase === 'Running' ? healthFact(previous, memory, desired, health) : []),
  ];
  const next = facts.map((fact) => keepTime(previous, fact, now));
  return sameConditions(previous, next) ? previous : next;
}

/** What was last known stays until there is news: a new controller is no reason to doubt it. */
function filesFact(
  previous: readonly Condition[],
  desired: DesiredInstance | undefined,
  files: FilesReading | undefined,
): readonly Fact[] {
  const { workspace } = desired ?? {};
  if (!workspace) return [];
  if (workspace.problem !== undefined) return [['FilesSynced', 'False', 'InvalidFiles', workspace.problem]];
  if (files?.key === workspace.key) return [['FilesSynced', files.ok ? 'True' : 'False', files.reason, files.message]];
  const before = previous.find(({ type }) => type === 'FilesSynced');
  if (before && before.reason !== 'InvalidFiles')
    return [['FilesSynced', before.status, before.reason, before.message]];
  return [['FilesSynced', 'Unknown', 'NotLookedAt', 'Its files were not deployed yet.']];
}

/** What a start found stays until another got further. */
function versionFact(
  phase: SnapshotPhase,
  { lastExit, readySince }: Memory,
  wanted: string | undefined,
): readonly Fact[] {
  if (wanted === undefined) return [];
  if (phase === 'Running' && readySince !== undefined)
    return [['VersionMismatch', 'False', 'AsAsked', `The CLI is of version ${wanted}.`]];
  return lastExit?.reason === 'VersionMismatch'
    ? [
        [
          'VersionMismatch',
          'True',
          'OtherVersion',
          lastExit.foundVersion === undefined
            ? `The CLI there is not of version ${wanted}, so it was not started; \`sac logs\` shows which it is.`
            : `The CLI there is of version ${lastExit.foundVersion}, not ${wanted}, so it was not started.`,
        ],
      ]
    : [['VersionMismatch', 'Unknown', 'NotLookedAt', 'Looked at when it starts.']];
}

/** What a person has to know of a live agent: what it waits for, and what it lacks. */
function activityFacts(reading: Reading | undefined, onboarding: OnboardingMemory | undefined): readonly Fact[] {
  const { activity = 'unknown', reason = 'Its screen was not read yet.', resetsAt, dialog, fault } = reading ?? {};
  const stuck = onboarding?.stuck;
  const asks =
    activity === 'permission_prompt' ||
    activity === 'question' ||
    // A used up limit that comes with a dialog does not go on by itself, not even when it is reset.
    (activity === 'limit_reached' && dialog !== undefined) ||
    (activity === 'dialog' && onboarding?.done !== undefined);
  const blocked: Fact = stuck
    ? ['Blocked', 'True', stuck.reason, stuck.message]
    : asks
      ? [
          'Blocked',
          'True',
          BLOCKED_REASONS[activity] ?? 'Dialog',
          dialog ? `${reason}: ${oneLine(dialog.text)}` : reason,
        ]
      : ['Blocked', 'False', 'NotBlocked', 'It waits for nobody.'];
  return [
    blocked,
    activity === 'auth_error'
      ? ['AuthFailed', 'True', 'AuthError', reason]
      : ['AuthFailed', 'False', 'NoError', 'No authentication error is shown.'],
    activity === 'limit_reached' || activity === 'rate_limited'
      ? [
          'QuotaLimited',
          'True',
          activity === 'limit_reached' ? 'LimitReached' : 'RateLimited',
          resetsAt === undefined ? reason : `${reason}; resets ${resetsAt}`,
        ]
      : ['QuotaLimited', 'False', 'NoLimit', 'No limit is shown.'],
    activity === 'error'
      ? ['RequestFailed', 'True', fault === undefined ? 'ApiError' : FAULT_REASONS[fault], reason]
      : ['RequestFailed', 'False', 'NoError', 'No failure of a request is shown.'],
    activity === 'context_low'
      ? ['ContextHigh', 'True', 'ContextLow', reason]
      : ['ContextHigh', 'False', 'Enough', 'No warning about context is shown.'],
  ];
}
const BLOCKED_REASONS: Partial<Readonly<Record<Activity, string>>> = {
  permission_prompt: 'PermissionPrompt',
  question: 'Question',
};
const FAULT_REASONS: Readonly<Record<ServiceFault, string>> = {
  overloaded: 'Overloaded',
  server_error: 'ServerError',
};
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim().slice(0, 300);

/** lastTransitionTime changes only when the status does. */
export function keepTime(
  previous: readonly Condition[],
  [type, status, reason, message]: Fact,
  now: Instant,
): Condition {
  const before = previous.find((condition) => condition.type === type);
  if (before?.status === status && before.reason === reason && before.message === message) return before;
  return {
    type,
    status,
    reason,
    message,
    lastTransitionTime: before?.status === status ? before.lastTransitionTime : isoTime(now),
  };
}

const sameConditions = (a: readonly Condition[], b: readonly Condition[]): boolean =>
  a.length === b.length && a.every((condition, i) => condition === b[i]);

const placed = (memory: Memory, desired: DesiredInstance | undefined): Fact => {
  if (desired && !desired.place) return ['Placed', 'False', 'NoPlace', desired.unplaced ?? 'No place can be had.'];
  if (desired?.waitsFor !== undefined && memory.liveSince === undefined)
    return ['Placed', 'False', 'WaitsForDependency', `Waits until agent "${desired.waitsFor}" is ready.`];
  const place = desired?.place ?? memory.place;
  if (!place) return ['Placed', 'Unknown', 'NotPlaced', 'Not placed yet.'];
  return [
    'Placed',
    'True',
    desired?.placeNote ? 'FellBack' : 'Placed',
    desired?.placeNote ?? `On ${place.host}, in ${place.runtime}.`,
  ];
};

/** Whoever is killed for so long in vain is not merely slow: its node does not answer, or the kernel keeps a process of it. */
const NOT_ENDING_MS: DurationMs = 30_000;

function stopping(stop: Memory['stop'], detail: string | undefined): Fact {
  const why = stop?.why ?? 'stop';
  if (!stop || stop.askedAt < stop.killAt + NOT_ENDING_MS)
    return ['Started', 'True', 'Stopping', `Asked to leave (${why}).`];
  const told = `Killed for ${NOT_ENDING_MS / 1000} s, and it has not ended (${why}).`;
  return ['Started', 'True', 'NotEnding', [told, detail, 'It goes on being tried.'].filter(Boolean).join(' ')];
}

const started = (phase: SnapshotPhase, memory: Memory, gap: Gap): Fact => {
  switch (phase) {
    case 'Running':
      return ['Started', 'True', 'Started', 'The agent is running.'];
    case 'Pending':
      return ['Started', 'False', 'Pending', 'Not started yet.'];
    case 'Queued':
      return [
        'Started',
        'False',
        'Queued',
        (gap.type === 'queued' && gap.seen.detail) || "Waiting in the place's queue.",
      ];
    case 'Starting':
      return ['Started', 'False', 'Starting', 'Being started.'];
    case 'Backoff':
      return [
        'Started',
        'False',
        'BackOff',
        `${exitText(memory.lastExit)}; next start at ${isoTime(memory.notBefore ?? 0)} (restart ${memory.attempts}).`,
      ];
    case 'Stopping':
      return stopping(memory.stop, gap.type === 'leaving' ? gap.seen.detail : undefined);
    case 'Stopped':
      return ['Started', 'False', 'Stopped', 'At rest.'];
    case 'Succeeded':
      return ['Started', 'False', 'Completed', `Done; ${stays(memory)}.`];
    case 'Failed':
      return ['Started', 'False', memory.finalReason ?? 'Error', `${exitText(memory.lastExit)}; ${stays(memory)}.`];
  }
};

const stays = ({ timing }: Memory): string =>
  timing?.nextStart === undefined
    ? 'it stays so until its spec changes or `sac restart`'
    : `it runs again at ${isoTime(timing.nextStart)}`;

const ready = (phase: SnapshotPhase, memory: Memory): Fact => {
  if (phase === 'Running' && memory.readySince !== undefined) return ['Ready', 'True', 'Ready', 'The agent is up.'];
  if (phase === 'Running' && memory.onboarding && memory.onboarding.done === undefined)
    return [
      'Ready',
      'False',
      memory.onboarding.stuck?.reason ?? 'Onboarding',
      memory.onboarding.stuck?.message ?? 'On its way to its prompt.',
    ];
  if (phase === 'Running') return ['Ready', 'False', 'NotReadyYet', 'Up, but not for long enough to count as ready.'];
  return [
    'Ready',
    'False',
    phase === 'Failed' ? (memory.finalReason ?? 'Failed') : phase,
    phase === 'Failed' ? exitText(memory.lastExit) : `The agent is ${phase}.`,
  ];
};

const upToDate = (phase: SnapshotPhase, gap: Gap, { hold, moveWhenIdle }: Partial<DesiredInstance> = {}): Fact => {
  if (moveWhenIdle && gap.type === 'drifted')
    return [
      'UpToDate',
      'False',
      'WaitsForIdle',
      'It is to live on another host, and moves there when idle (`sac drain --force` of where it lives: at once).',
    ];
  if (hold && gap.type === 'drifted')
    return [
      'UpToDate',
      'False',
      'WaitsForTurn',
      'The manifest changed; others are changed first (update.maxUnavailable).',
    ];
  if (gap.type === 'drifted')
    return gap.until === undefined
      ? [
          'UpToDate',
          'False',
          'WaitsForRestart',
          'The manifest changed; `sac restart` applies it (update.strategy OnDelete).',
        ]
      : [
          'UpToDate',
          'False',
          'WaitsForIdle',
          `The manifest changed; restarts when idle, at the latest at ${isoTime(gap.until)}.`,
        ];
  return phase === 'Running'
    ? ['UpToDate', 'True', 'UpToDate', 'Runs as declared.']
    : ['UpToDate', 'Unknown', 'NotRunning', 'Nothing is running.'];
};

const CAUSE_TEXT: Readonly<Record<ExitCause, string>> = {
  Preempted: 'It was preempted by its place',
  TimedOut: 'It reached the time limit of its place',
  NodeFailed: 'Its node failed',
  Cancelled: 'It was cancelled by somebody else',
  OOMKilled: 'It was killed for using too much memory',
  VersionMismatch: 'Its CLI is of another version than the manifest asks for',
  Unhealthy: 'It was ended because its health checks failed',
};
const isCause = (reason: ExitRecord['reason']): reason is ExitCause => reason in CAUSE_TEXT;

export const exitText = (exit: ExitRecord | undefined): string => {
  if (!exit) return 'It ended';
  if (exit.reason === 'Vanished') return 'It vanished without an exit status';
  if (isCause(exit.reason)) return CAUSE_TEXT[exit.reason];
  if (exit.signal !== undefined) return `It was ended by signal ${exit.signal}`;
  if (exit.code === undefined) return 'It ended with unknown status';
  return `It exited with code ${exit.code}${exit.said === undefined ? '' : ` (${exit.said})`}`;
};

const TOLD: ReadonlySet<ConditionType> = new Set([
  'Blocked',
  'AuthFailed',
  'QuotaLimited',
  'RequestFailed',
  'ContextHigh',
  'VersionMismatch',
]);

/** What changed between two snapshots, told for people. */
export function eventsFor(before: MachineSnapshot, after: MachineSnapshot, now: Instant): readonly EventDraft[] {
  const drafts: EventDraft[] = [];
  const normal = (reason: string, message: string) => drafts.push({ type: 'Normal', reason, message });
  const warning = (reason: string, message: string) => drafts.push({ type: 'Warning', reason, message });
  const { memory: was } = before;
  const { memory: is } = after;

  if (is.lastExit && is.lastExit.incarnation !== was.lastExit?.incarnation) {
    const { reason } = is.lastExit;
    if (reason === 'Stopped') normal('Stopped', 'Left after being asked to.');
    else if (reason === 'Completed') normal('Exited', `${exitText(is.lastExit)}.`);
    else warning('Exited', `${exitText(is.lastExit)}.`);
  }
  if (after.phase !== before.phase || is.incarnation !== was.incarnation) {
    if (after.phase === 'Running' && before.phase !== 'Running')
      is.incarnation === was.incarnation
        ? normal('Started', `Started in ${is.place?.runtime ?? '?'} on ${is.place?.host ?? '?'}.`)
        : normal('Adopted', `Found running in ${is.place?.runtime ?? '?'}; adopted.`);
    if (after.phase === 'Backoff' && before.phase !== 'Backoff')
      warning('BackOff', `Restart ${is.attempts} in ${Math.round(((is.notBefore ?? now) - now) / 100) / 10} s.`);
    if (after.phase === 'Stopping' && before.phase !== 'Stopping')
      normal(
        is.stop?.why === 'restart' || is.stop?.why === 'update' || is.stop?.why === 'unhealthy'
          ? 'Restarting'
          : 'Stopping',
        `Asked to leave (${is.stop?.why ?? 'stop'}).`,
      );
    if (after.phase === 'Failed' && before.phase !== 'Failed')
      warning(
        'Failed',
        is.finalReason === 'CrashLoop'
          ? `Gave up after ${is.attempts} restarts; \`sac restart\` or a changed spec tries again.`
          : `${exitText(is.lastExit)}; restart policy says that is final.`,
      );
    if (after.phase === 'Succeeded' && before.phase !== 'Succeeded') normal('Succeeded', 'Done.');
  }
  if (is.readySince !== undefined && was.readySince === undefined) normal('Ready', 'Ready.');
  const { last } = is.onboarding ?? {};
  if (last && last.at !== was.onboarding?.last?.at)
    last.what.startsWith('dialog ')
      ? normal('DialogAnswered', `Answers ${last.what} (attempt ${last.times}).`)
      : normal('Submitting', submittingText(last));
  for (const { type, status, reason, message } of after.conditions) {
    if (!TOLD.has(type)) continue;
    const earlier = before.conditions.find((condition) => condition.type === type);
    if (status === 'True' && (earlier?.status !== 'True' || earlier.message !== message))
      warning(type, `${reason}: ${message}`);
    if (status === 'False' && earlier?.status === 'True') normal(`${type}Over`, message);
  }
  const [how, howBefore] = [after, before].map(({ conditions }) => conditions.find(({ type }) => type === 'Started'));
  if (how?.reason === 'NotEnding' && howBefore?.reason !== 'NotEnding') warning('NotEnding', how.message);
  const [well, wasWell] = [after, before].map(({ conditions }) => conditions.find(({ type }) => type === 'Healthy'));
  if (well?.status === 'False' && wasWell?.status !== 'False') warning('Unhealthy', well.message);
  if (well?.status === 'True' && wasWell?.status === 'False') normal('Healthy', well.message);
  const synced = after.conditions.find(({ type }) => type === 'FilesSynced');
  const syncedBefore = before.conditions.find(({ type }) => type === 'FilesSynced');
  if (synced?.status === 'False' && (syncedBefore?.status !== 'False' || syncedBefore.message !== synced.message))
    warning('FilesNotSynced', `${synced.reason}: ${synced.message}`);
  if (synced?.status === 'True' && syncedBefore?.status !== 'True') normal('FilesSynced', synced.message);
  const scheduled = after.conditions.find(({ type }) => type === 'Scheduled');
  const scheduledBefore = before.conditions.find(({ type }) => type === 'Scheduled');
  if (scheduled && scheduled.message !== scheduledBefore?.message) {
    if (scheduled.reason === 'MissedStart') warning('MissedStart', scheduled.message);
    if (scheduled.reason === 'Overdue') warning('Overdue', scheduled.message);
    if (scheduled.reason === 'StillRunning') normal('StartWaits', scheduled.message);
  }
  if (is.driftSince !== undefined && was.driftSince === undefined)
    normal('Drifted', 'The manifest changed; the running launch differs.');
  return drafts;
}

/** `submit 0`: the first is submitted; `send 1`: the first stands there still, and is sent again. */
function submittingText({ what, times }: NonNullable<OnboardingMemory['last']>): string {
  const [verb, index] = what.split(' ');
  return verb === 'send'
    ? `Sends startup text ${index} again (attempt ${times}).`
    : `Submits startup text ${Number(index) + 1} (attempt ${times}).`;
}

/**
 * Owns: what users see of an instance and an agent, made from what is remembered.
 * Never: stores anything; equal records give equal status.
 */
import type {
  Activity,
  AgentStatus,
  InstanceStatus,
  LastExit,
  Phase,
  ReadingStatus,
  RolloutStatus,
} from '../../../api/resources/agent/agent.ts';
import { type ConditionType, WELL_WHEN_FALSE } from '../../../api/resources/conditions.ts';
import type { Condition } from '../../../api/resources/meta.ts';
import { type Instant, isoTime } from '../../../api/resources/time.ts';
import type { Revised } from '../../plan/rollout/revisions.ts';
import { SUSPENDED } from '../at-time.ts';
import type { Reading } from '../onboarding.ts';
import type { ExitRecord, MachineSnapshot, PlacedSighting } from '../snapshot.ts';
import { overlayStartFailed, overlayUnknown, type Trouble } from './overlays.ts';

/** The parts of an instance record that status is made of. */
export interface StatusInput {
  readonly name: string;
  readonly snapshot: MachineSnapshot;
  readonly sighting?: PlacedSighting;
  readonly unknown?: Trouble;
  readonly startFailed?: Trouble;
}

export function instanceStatus({ name, snapshot, sighting, unknown, startFailed }: StatusInput): InstanceStatus {
  const { memory } = snapshot;
  const onboarding = memory.onboarding !== undefined && memory.onboarding.done === undefined;
  const phase: Phase = unknown ? 'Unknown' : snapshot.phase === 'Running' && onboarding ? 'Onboarding' : snapshot.phase;
  const running = phase === 'Running' || phase === 'Onboarding';
  const live = sighting?.state === 'running' ? sighting : undefined;
  const place = memory.place ?? sighting?.place;
  return {
    name,
    host: place?.host ?? '',
    runtime: place?.runtime ?? '',
    phase,
    activity: running ? (sighting?.reading?.activity ?? 'none') : unknown ? 'unknown' : 'none',
    ready: phase === 'Running' && memory.readySince !== undefined,
    restarts: memory.restarts,
    ...(running && sighting?.reading && { reading: readingStatus(sighting.reading) }),
    ...(sighting && { session: sighting.session }),
    ...(live?.pid !== undefined && { pid: live.pid }),
    ...(memory.liveSince !== undefined && { startedAt: isoTime(startOf(live) ?? memory.liveSince) }),
    ...(memory.lastExit && { lastExit: lastExit(memory.lastExit) }),
    ...nextTimes(snapshot),
    conditions: unknown
      ? overlayUnknown(snapshot.conditions, unknown)
      : startFailed && snapshot.phase === 'Starting'
        ? overlayStartFailed(snapshot.conditions, startFailed)
        : snapshot.conditions,
  };
}

/** Many places tell whole seconds; nothing began before it was decided, which is known better. */
const startOf = (live: PlacedSighting | undefined): Instant | undefined =>
  live?.startedAt === undefined ? undefined : Math.max(live.startedAt, live.incarnation);

const nextTimes = ({
  memory: { timing },
  conditions,
}: MachineSnapshot): Pick<InstanceStatus, 'nextStart' | 'nextStop'> =>
  timing === undefined || conditions.some(({ type, reason }) => type === 'Scheduled' && reason === SUSPENDED)
    ? {}
    : {
        ...(timing.nextStart !== undefined && { nextStart: isoTime(timing.nextStart) }),
        ...(timing.nextStop !== undefined && { nextStop: isoTime(timing.nextStop) }),
      };

const readingStatus = ({
  since,
  reason,
  dialog,
  source = 'screen',
  lastToolAt,
  fault: _fault,
  at: _at,
  activity: _activity,
  matchesReady: _matchesReady,
  ...more
}: Reading): ReadingStatus => ({
  since: isoTime(since),
  reason,
  source,
  ...(dialog && {
    dialog: { name: dialog.name, text: dialog.text, options: dialog.options.map(({ label }) => label) },
  }),
  ...(lastToolAt !== undefined && { lastToolAt: isoTime(lastToolAt) }),
  ...more,
});

const lastExit = ({ code, signal, at, incarnation, reason, said }: ExitRecord): LastExit => ({
  ...(code !== undefined && { code }),
  ...(signal !== undefined && { signal }),
  at: isoTime(at),
  startedAt: isoTime(incarnation),
  reason,
  ...(said !== undefined && { message: said }),
});

/** Worst first: what a person should hear about an agent with several instances. */
const WORST_FIRST: readonly Phase[] = [
  'Failed',
  'Unknown',
  'Backoff',
  'Stopping',
  'Starting',
  'Queued',
  'Onboarding',
  'Pending',
  'Running',
  'Succeeded',
  'Stopped',
];
/** What a person should hear of first. */
const NEEDIEST_FIRST: readonly Activity[] = [
  'permission_prompt',
  'question',
  'dialog',
  'auth_error',
  'limit_reached',
  'rate_limited',
  'error',
  'exited',
  'compose_pending',
  'unknown',
  'context_low',
  'compacting',
  'starting',
  'working',
  'idle',
  'none',
];

/** Not meant to run at this time. */
const restsByTime = ({ phase, conditions }: InstanceStatus): boolean =>
  phase === 'Stopped' && conditions.some(({ type, status }) => type === 'Scheduled' && status === 'False');

export interface StatusAgent extends Revised {
  readonly generation: number;
  readonly deletedAt?: Instant;
  readonly createdAt: Instant;
  readonly holds?: Readonly<Record<string, { readonly reason: string; readonly since: string }>>;
  readonly spec: {
    readonly suspend: boolean;
    readonly replicas: number;
  };
}

export function agentStatus(agent: StatusAgent, records: readonly StatusInput[]): AgentStatus {
  const instances = records.map(instanceStatus);
  const ready = instances.filter((instance) => instance.ready).length;
  const observedGeneration =
    records.length === 0 ? 0 : Math.min(...records.map(({ snapshot }) => snapshot.memory.observedGeneration));
  const held = Object.entries(agent.holds ?? {}).map(([by, hold]) => ({ by, ...hold }));
  const rests = agent.spec.suspend || held.length > 0;
  const allReady =
    instances.length > 0 &&
    ready === instances.length &&
    !rests &&
    isSettled(agent) &&
    observedGeneration === agent.generation;
  return {
    phase: agentPhase(agent, instances),
    activity: NEEDIEST_FIRST.find((activity) => instances.some((instance) => instance.activity === activity)) ?? 'none',
    ready: allReady,
    readyInstances: ready,
    ...(held.length > 0 && { held }),
    desiredInstances: rests || agent.deletedAt !== undefined ? 0 : instances.filter((one) => !restsByTime(one)).length,
    restarts: instances.reduce((sum, instance) => sum + instance.restarts, 0),
    observedGeneration,
    ...rolloutOf(agent, instances),
    ...firstOf('nextStart', instances),
    ...firstOf('nextStop', instances),
    conditions: [...mergeConditions(instances, allReady), ...progressOf(agent)],
    instances,
  };
}

/**
 * No change is under way. What is Ready is also recorded as what all have, so that a failed change made in the next moment can come
 * back to it.
 */
const isSettled = ({ rollout }: StatusAgent): boolean => rollout === undefined;

function firstOf(field: 'nextStart' | 'nextStop', instances: readonly InstanceStatus[]) {
  const first = instances
    .map((instance) => instance[field])
    .filter((time) => time !== undefined)
    .sort()[0];
  return first === undefined ? {} : { [field]: first };
}

/** Undefined until it has had a revision. */
function rolloutOf(
  { revisions = [], rollout, paused = false }: StatusAgent,
  instances: readonly InstanceStatus[],
): { readonly rollout?: RolloutStatus } {
  const newest = revisions.at(-1);
  if (!newest) return {};
  const total = instances.length;
  if (!rollout)
    return {
      rollout: {
        revision: newest.number,
        stable: newest.number,
        state: 'Complete',
        message: `All instances have revision ${newest.number}.`,
        updated: total,
        ready: instances.filter(({ ready }) => ready).length,
        total,
      },
    };
  const has = ({ name }: InstanceStatus) =>
    (rollout.moved[name]?.revision ?? (rollout.base || rollout.to)) === rollout.to;
  const updated = instances.filter(has);
  const ready = updated.filter((one) => one.ready).length;
  const [state, message] = rollout.halted
    ? ([
        'Halted',
        `${rollout.halted.message}; \`sac rollout undo\` takes it back, a changed manifest goes on.`,
      ] as const)
    : paused
      ? (['Paused', '`sac rollout resume` goes on.'] as const)
      : ([
          'Progressing',
          `${updated.length} of ${total} instances have revision ${newest.number}, ${ready} of them are ready.`,
        ] as const);
  return {
    rollout: {
      revision: newest.number,
      ...(rollout.base > 0 && { stable: rollout.base }),
      state,
      message,
      updated: updated.length,
      ready,
      total,
    },
  };
}

function progressOf({ rollout, paused = false, revisions = [] }: StatusAgent): readonly Condition[] {
  if (!rollout) return [];
  const newest = revisions.at(-1)?.number ?? rollout.to;
  const halted = rollout.halted;
  return [
    {
      type: 'Progressing',
      status: halted || paused ? 'False' : 'True',
      reason: halted ? 'ProgressDeadlineExceeded' : paused ? 'Paused' : 'RollingOut',
      message: halted ? `Halted: ${halted.message}.` : `Revision ${newest} is ${paused ? 'paused' : 'on its way'}.`,
      lastTransitionTime: isoTime(halted?.at ?? rollout.since),
    },
  ];
}

function agentPhase(agent: StatusAgent, instances: readonly InstanceStatus[]): Phase {
  if (agent.deletedAt !== undefined) return 'Stopping';
  if (instances.length === 0)
    return agent.spec.suspend || agent.holds !== undefined || agent.spec.replicas === 0 ? 'Stopped' : 'Pending';
  return WORST_FIRST.find((phase) => instances.some((instance) => instance.phase === phase)) ?? 'Pending';
}

/** One condition a type: the first instance's that is not well, else the first's. */
function mergeConditions(instances: readonly InstanceStatus[], allReady: boolean): readonly Condition[] {
  const [only] = instances;
  if (!only) return [];
  const types = [...new Set(instances.flatMap(({ conditions }) => conditions.map(({ type }) => type)))];
  return types.flatMap((type) => {
    const worst = instances
      .map(({ conditions }) => conditions.find((condition) => condition.type === type))
      .filter((condition) => condition !== undefined);
    const chosen = worst.find((condition) => unwell(type, condition)) ?? worst[0];
    if (!chosen) return [];
    // Ready of an agent also says that the newest generation was seen.
    if (type === 'Ready' && chosen.status === 'True' && !allReady)
      return [
        { ...chosen, status: 'False' as const, reason: 'Reconciling', message: 'The newest spec is being applied.' },
      ];
    return [chosen];
  });
}

const unwell = (type: ConditionType, { status }: Condition): boolean =>
  WELL_WHEN_FALSE.has(type) ? status === 'True' : status !== 'True';

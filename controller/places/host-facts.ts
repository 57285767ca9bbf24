/**
 * Owns: what planning and people are told of the machines: facts for placement, Host resources with their status.
 * Never: reaches out to a machine.
 */
import type { RuntimeKind } from '../../api/resources/agent/agent.ts';
import type { Host, PlaceStatus } from '../../api/resources/kinds/host.ts';
import type { DeclaredObject } from '../../api/resources/kinds/kinds.ts';
import type { Condition, ObjectMeta } from '../../api/resources/meta.ts';
import { type FleetId, type HostName, LOCAL_HOST } from '../../api/resources/names.ts';
import { type Instant, isoTime } from '../../api/resources/time.ts';
import type { PlaceView } from '../observed/place-view.ts';
import { placeKey } from '../plan/desired-instance.ts';
import type { HostFacts, Hosts } from '../plan/placement.ts';
import type { Store } from '../store/store.ts';
import type { Machine } from './machines.ts';

export function hostFacts(
  machines: readonly Machine[],
  load: (host: HostName) => number,
  now: Instant,
  startedAt: Instant,
): Hosts {
  return new Map(machines.map((machine) => [machine.name, factsOf(machine, () => load(machine.name), now, startedAt)]));
}

function factsOf(
  { name, spec, labels, reached, problem, connecting, renewedAt }: Machine,
  load: () => number,
  now: Instant,
  startedAt: Instant,
): HostFacts {
  const runtimes = new Map<RuntimeKind, { available: boolean; detail: string; screen: boolean }>();
  for (const { place, runtime, detail } of reached?.places ?? [])
    runtimes.set(place.runtime, { available: true, detail, screen: runtime.capabilities.screen });
  for (const [kind, detail] of reached?.missing ?? []) runtimes.set(kind, { available: false, detail, screen: false });
  const isLost = name !== LOCAL_HOST && problem !== undefined;
  return {
    runtimes,
    labels,
    load,
    ...(!reached && { unreached: problem ?? 'it was not looked at yet' }),
    ...(connecting && { connecting }),
    // Who renewed it before this process began is not known: counted from its beginning.
    ...(isLost && { lostForMs: now - (renewedAt ?? startedAt) }),
    ...(spec?.cordoned && { cordoned: true }),
    ...(spec?.drain && { drain: spec.drain }),
    ...(spec?.maxAgents !== undefined && { maxAgents: spec.maxAgents }),
    ...(reached && { workspaces: reached.workspaces, userHome: reached.userHome }),
  };
}

export interface HostViewContext {
  readonly fleet: FleetId;
  readonly startedAt: Instant;
  readonly version: number;
  readonly views: readonly PlaceView[];
  /** Instances by place. */
  readonly counts: ReadonlyMap<string, number>;
  readonly now: Instant;
  /** Of declared hosts, what was last written down. */
  readonly kept: (host: HostName) => Condition | undefined;
}

/** `declared`: undefined for this machine. */
export function viewHost(machine: Machine, declared: DeclaredObject | undefined, context: HostViewContext): Host {
  const { name, reached, problem, latencyMs, spec } = machine;
  const { fleet, startedAt, version, counts } = context;
  const views = new Map([...context.views].map((view) => [placeKey(view.place), view]));
  const found: PlaceStatus[] = (reached?.places ?? []).map(({ place, detail }) => {
    const view = views.get(placeKey(place));
    return {
      runtime: place.runtime,
      available: view?.unknown === undefined,
      detail: view?.unknown?.reason ?? detail,
      agents: counts.get(placeKey(place)) ?? 0,
      ...(view?.lastListedAt !== undefined && { lastListedAt: isoTime(view.lastListedAt) }),
    };
  });
  const absent = [...(reached?.missing ?? [])].map(([runtime, detail]) => ({
    runtime,
    available: false,
    detail,
    agents: 0,
  }));
  const ready = problem === undefined && found.some(({ available }) => available);
  const metadata: ObjectMeta = declared?.metadata ?? {
    name,
    id: `${fleet}.${name}`,
    labels: {},
    annotations: {},
    generation: 1,
    resourceVersion: version,
    creationTimestamp: isoTime(startedAt),
  };
  const agents = [...counts].filter(([key]) => key.startsWith(`${name}/`)).reduce((sum, [, count]) => sum + count, 0);
  return {
    apiVersion: 'sac/v1',
    kind: 'Host',
    metadata,
    spec: spec ?? { address: 'this machine' },
    status: {
      ready,
      agents,
      ...(latencyMs !== undefined && { latencyMs }),
      places: [...found, ...absent],
      conditions: [
        stamped(readyCondition(machine, ready, found, absent), context.kept(name), declared ? context.now : startedAt),
      ],
    },
  };
}

type Finding = Omit<Condition, 'lastTransitionTime'>;

/** What was not written down yet has only just been seen. */
const stamped = (found: Finding, kept: Condition | undefined, seenAt: Instant): Condition => ({
  ...found,
  lastTransitionTime: kept?.status === found.status ? kept.lastTransitionTime : isoTime(seenAt),
});

function readyCondition(
  { problem, connecting }: Machine,
  ready: boolean,
  found: readonly PlaceStatus[],
  absent: readonly PlaceStatus[],
): Finding {
  if (ready)
    return { type: 'Ready', status: 'True', reason: 'Reached', message: 'It can be reached and takes agents.' };
  if (connecting) return { type: 'Ready', status: 'Unknown', reason: 'Connecting', message: 'It is being connected.' };
  if (problem !== undefined) return { type: 'Ready', status: 'False', reason: 'Unreachable', message: problem };
  const message = found.length === 0 ? `No runtime can be used there: ${reasons(absent)}.` : reasons(found);
  return { type: 'Ready', status: 'False', reason: 'NoRuntime', message };
}

/** A reason that several have is said once. */
function reasons(places: readonly PlaceStatus[]): string {
  const byDetail = new Map<string, string[]>();
  for (const { runtime, detail } of places) byDetail.set(detail, [...(byDetail.get(detail) ?? []), runtime]);
  return [...byDetail].map(([detail, kinds]) => `${kinds.join(', ')}: ${detail}`).join('; ');
}

/** Every declared host was reached by this process: what lives where has been seen. */
export const isAllKnown = (machines: readonly Machine[], store: Pick<Store, 'objects'>): boolean =>
  store.objects('Host').length > 0 &&
  machines.every(({ name, reached }) => name === LOCAL_HOST || reached !== undefined);

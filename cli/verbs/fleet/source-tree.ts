/**
 * Owns: agents as a tree: below where they come from, above their instances and the places of those. Pure.
 * Never: asks or prints.
 */
import type { AnyResource } from '../../../api/protocol.ts';
import type { Agent, InstanceStatus } from '../../../api/resources/agent/agent.ts';
import type { Host } from '../../../api/resources/kinds/host.ts';
import type { Source } from '../../../api/resources/meta.ts';
import { statusText } from '../../../api/tables/columns.ts';

export interface PlaceBranch {
  readonly kind: 'Place';
  readonly host: string;
  readonly runtime: string;
  /** Whether its host answers; absent: nobody knows that host. */
  readonly ready?: boolean;
  readonly session?: string;
  readonly pid?: number;
}
export interface InstanceBranch {
  readonly kind: 'Instance';
  readonly name: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly startedAt?: string;
  /** Absent: not placed yet. */
  readonly place?: PlaceBranch;
}
export interface AgentBranch {
  readonly kind: 'Agent';
  readonly name: string;
  readonly phase: string;
  /** The word that `sac get agents` has for it. */
  readonly state: string;
  readonly ready: boolean;
  readonly readyInstances: number;
  readonly desiredInstances: number;
  readonly creationTimestamp: string;
  readonly instances: readonly InstanceBranch[];
}
export interface SourceBranch {
  readonly kind: 'Source';
  readonly source: {
    readonly kind: Source['kind'] | 'none';
    readonly name: string;
    readonly revision?: string | undefined;
  };
  /** Of a git source that is declared: its Ready condition. */
  readonly phase?: string;
  readonly ready?: boolean;
  readonly agents: readonly AgentBranch[];
}

/** By source; git sources first, then directories, then what was applied by hand. */
export function sourceTree(
  agents: readonly Agent[],
  declared: readonly AnyResource[],
  hosts: readonly Host[],
  shown: (source: string) => boolean,
): readonly SourceBranch[] {
  const readyHosts = new Map(hosts.map(({ metadata, status }) => [metadata.name, status.ready]));
  const groups = new Map<string, { readonly source: SourceBranch['source']; readonly agents: AgentBranch[] }>();
  const groupOf = ({ kind, name, revision }: SourceBranch['source']) => {
    const key = `${kind}/${name}`;
    const known = groups.get(key);
    if (known) return known;
    const made = { source: { kind, name, ...(revision !== undefined && { revision }) }, agents: [] };
    groups.set(key, made);
    return made;
  };
  for (const { metadata } of declared) if (shown(metadata.name)) groupOf({ kind: 'git', name: metadata.name });
  for (const agent of agents)
    groupOf(agent.metadata.source ?? { kind: 'none', name: '' }).agents.push(agentBranch(agent, readyHosts));
  const about = new Map(declared.map((object) => [object.metadata.name, gitStatus(object)]));
  return [...groups.values()]
    .sort((a, b) => ORDER[a.source.kind] - ORDER[b.source.kind] || byName(a.source, b.source))
    .map(({ source, agents: those }) => {
      const { revision, ...state } = (source.kind === 'git' ? about.get(source.name) : undefined) ?? {};
      return {
        kind: 'Source',
        source: { ...source, ...(revision !== undefined && { revision }) },
        ...state,
        agents: those.sort(byName),
      };
    });
}

const ORDER: Readonly<Record<SourceBranch['source']['kind'], number>> = { git: 0, directory: 1, apply: 2, none: 3 };
const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

function gitStatus(object: AnyResource): {
  readonly phase?: string;
  readonly ready?: boolean;
  readonly revision?: string;
} {
  if (object.kind !== 'GitSource' || !('status' in object)) return {};
  const status: Readonly<Record<string, unknown>> = { ...object.status };
  const { lastAppliedRevision: revision, conditions } = status;
  const ready: unknown = Array.isArray(conditions) ? conditions.find((one) => one?.type === 'Ready') : undefined;
  const told = ready !== null && typeof ready === 'object' ? { ...ready } : {};
  return {
    ...('reason' in told && typeof told.reason === 'string' && { phase: told.reason }),
    ...('status' in told && { ready: told.status === 'True' }),
    ...(typeof revision === 'string' && { revision }),
  };
}

function agentBranch(agent: Agent, hosts: ReadonlyMap<string, boolean>): AgentBranch {
  const { metadata, status } = agent;
  return {
    kind: 'Agent',
    name: metadata.name,
    phase: metadata.deletionTimestamp === undefined ? status.phase : 'Terminating',
    state: statusText(agent),
    ready: status.ready,
    readyInstances: status.readyInstances,
    desiredInstances: status.desiredInstances,
    creationTimestamp: metadata.creationTimestamp,
    instances: status.instances.map((instance) => instanceBranch(instance, hosts)),
  };
}

function instanceBranch(instance: InstanceStatus, hosts: ReadonlyMap<string, boolean>): InstanceBranch {
  const { name, phase, ready, startedAt, host, runtime, session, pid } = instance;
  const answers = hosts.get(host);
  return {
    kind: 'Instance',
    name,
    phase,
    ready,
    ...(startedAt !== undefined && { startedAt }),
    ...(runtime !== '' && {
      place: {
        kind: 'Place',
        host,
        runtime,
        ...(answers !== undefined && { ready: answers }),
        ...(session !== undefined && { session }),
        ...(pid !== undefined && { pid }),
      },
    }),
  };
}

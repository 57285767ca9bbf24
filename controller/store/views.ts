/**
 * Owns: how records look as resources to users.
 * Never: computes status; that is passed in.
 */
import type { Agent, AgentStatus, Instance, InstanceStatus } from '../../api/resources/agent/agent.ts';
import type { DeclaredObject, ObjectKind } from '../../api/resources/kinds/kinds.ts';
import { isoTime } from '../../api/resources/time.ts';
import type { AgentRecord, InstanceRecord, ObjectRecord } from './store.ts';

export const viewAgentRecord = (
  fleet: string,
  record: AgentRecord,
  resourceVersion: number,
  status: AgentStatus,
): Agent => ({
  apiVersion: 'sac/v1',
  kind: 'Agent',
  metadata: {
    name: record.name,
    id: `${fleet}.${record.name}`,
    labels: record.labels,
    annotations: record.annotations,
    generation: record.generation,
    resourceVersion,
    creationTimestamp: isoTime(record.createdAt),
    ...(record.deletedAt !== undefined && { deletionTimestamp: isoTime(record.deletedAt) }),
    source: record.source,
    ...(record.restartAt !== undefined && { restartRequestedAt: isoTime(record.restartAt) }),
    ...(record.restartBy !== undefined && { restartRequestedBy: record.restartBy }),
  },
  spec: record.spec,
  status,
});

export const viewObjectRecord = <K extends ObjectKind>(
  fleet: string,
  record: ObjectRecord<K>,
  resourceVersion: number,
): DeclaredObject<K> => ({
  apiVersion: 'sac/v1',
  kind: record.kind,
  metadata: {
    name: record.name,
    id: `${fleet}.${record.kind.toLowerCase()}.${record.name}`,
    labels: record.labels,
    annotations: record.annotations,
    generation: record.generation,
    resourceVersion,
    creationTimestamp: isoTime(record.createdAt),
    source: record.source,
  },
  spec: record.spec,
  status: record.status,
});

export const viewInstanceRecord = (
  record: InstanceRecord,
  resourceVersion: number,
  agent: AgentRecord | undefined,
  status: InstanceStatus,
): Instance => ({
  apiVersion: 'sac/v1',
  kind: 'Instance',
  metadata: {
    name: record.name,
    id: record.id,
    labels: { ...agent?.labels, 'sac/agent': record.agent },
    annotations: {},
    generation: record.snapshot.memory.observedGeneration,
    resourceVersion,
    creationTimestamp: isoTime(record.createdAt),
  },
  spec: { agent: record.agent, host: status.host, runtime: status.runtime },
  status,
});

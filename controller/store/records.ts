/**
 * Owns: all records in memory, indexed by name and by agent, and how they look to users (made when somebody looks).
 * Never: writes to disk, or takes in a change that was not written.
 */
import type { Agent, AgentStatus, Instance, InstanceStatus } from '../../api/resources/agent/agent.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import { DeclaredObjects } from './declared-objects.ts';
import type { AgentRecord, Change, InstanceRecord, ObjectRecord, StoreEvent, Versioned } from './store.ts';
import { viewAgentRecord, viewInstanceRecord } from './views.ts';

/** How status is made of records; pure. */
export interface StatusProjection {
  agentStatus(agent: AgentRecord, instances: readonly InstanceRecord[]): AgentStatus;
  instanceStatus(record: InstanceRecord): InstanceStatus;
}

export interface WrittenChange {
  readonly change: Change;
  readonly version: number;
}

type VersionedInstance = Versioned<InstanceRecord>;
type Touched = Map<string, { readonly type: 'ADDED' | 'MODIFIED'; readonly version: number }>;
const NONE: readonly VersionedInstance[] = [];

export class Records {
  readonly #fleet: string;
  readonly #status: StatusProjection;
  readonly agents = new Map<string, Versioned<AgentRecord>>();
  readonly instances = new Map<InstanceId, VersionedInstance>();
  readonly objects: DeclaredObjects;
  /** By agent, sorted by name; replaced and never changed, so that whoever holds one has a moment in time. */
  readonly #byAgent = new Map<string, readonly VersionedInstance[]>();
  /** The last change of an agent or of an instance of it. */
  readonly #agentVersion = new Map<string, number>();
  readonly #agentViews = new Map<string, { readonly version: number; readonly view: Agent }>();
  readonly #instanceViews = new WeakMap<
    VersionedInstance,
    { readonly agent: AgentRecord | undefined; readonly view: Instance }
  >();

  constructor(fleet: string, status: StatusProjection) {
    this.#fleet = fleet;
    this.#status = status;
    this.objects = new DeclaredObjects(fleet);
  }

  fill(
    agents: Iterable<Versioned<AgentRecord>>,
    instances: Iterable<VersionedInstance>,
    objects: Iterable<Versioned<ObjectRecord>>,
  ): void {
    this.objects.fill(objects);
    for (const agent of agents) {
      this.agents.set(agent.record.name, agent);
      this.#raise(agent.record.name, agent.resourceVersion);
    }
    const byAgent = new Map<string, VersionedInstance[]>();
    for (const instance of instances) {
      const { id, agent } = instance.record;
      this.instances.set(id, instance);
      this.#raise(agent, instance.resourceVersion);
      const siblings = byAgent.get(agent);
      if (siblings) siblings.push(instance);
      else byAgent.set(agent, [instance]);
    }
    for (const [agent, siblings] of byAgent) this.#byAgent.set(agent, siblings.sort(byName));
  }

  instancesOf(agent: string): readonly VersionedInstance[] {
    return this.#byAgent.get(agent) ?? NONE;
  }

  /** Version of what the change is about; 0: it does not exist. */
  versionOf(change: Change): number {
    switch (change.type) {
      case 'put-agent':
        return this.agents.get(change.record.name)?.resourceVersion ?? 0;
      case 'delete-agent':
        return this.agents.get(change.name)?.resourceVersion ?? 0;
      case 'put-instance':
        return this.instances.get(change.record.id)?.resourceVersion ?? 0;
      case 'delete-instance':
        return this.instances.get(change.id)?.resourceVersion ?? 0;
      case 'put-object':
        return this.objects.get(change.record.kind, change.record.name)?.resourceVersion ?? 0;
      case 'delete-object':
        return this.objects.get(change.kind, change.name)?.resourceVersion ?? 0;
    }
  }

  viewAgent(name: string): Agent | undefined {
    const agent = this.agents.get(name);
    if (!agent) return undefined;
    const version = this.#agentVersion.get(name) ?? agent.resourceVersion;
    const cached = this.#agentViews.get(name);
    if (cached?.version === version) return cached.view;
    const view = this.#makeAgentView(agent.record, this.instancesOf(name), version);
    this.#agentViews.set(name, { version, view });
    return view;
  }

  viewInstance(versioned: VersionedInstance): Instance {
    const { record, resourceVersion } = versioned;
    // Its labels are those of its agent.
    const agent = this.agents.get(record.agent)?.record;
    const cached = this.#instanceViews.get(versioned);
    if (cached && cached.agent === agent) return cached.view;
    const view = viewInstanceRecord(record, resourceVersion, agent, this.#status.instanceStatus(record));
    this.#instanceViews.set(versioned, { agent, view });
    return view;
  }

  /**
   * Takes in one transaction; returns what watchers hear of it. A changed instance makes its agent MODIFIED too, once a
   * transaction: nothing between is lost by that, because in one transaction a record changes once.
   */
  apply(written: readonly WrittenChange[]): StoreEvent[] {
    const told: StoreEvent[] = [];
    const touched: Touched = new Map();
    for (const { change, version } of written) this.#applyOne(change, version, told, touched);
    for (const [name, { type, version }] of touched) {
      const event = this.#agentEvent(type, name, version);
      if (event) told.push(event);
    }
    return told;
  }

  #applyOne(change: Change, version: number, told: StoreEvent[], touched: Touched): void {
    switch (change.type) {
      case 'put-agent': {
        const { name } = change.record;
        touched.set(name, { type: this.agents.has(name) ? 'MODIFIED' : 'ADDED', version });
        this.agents.set(name, { record: change.record, resourceVersion: version });
        this.#raise(name, version);
        return;
      }
      case 'delete-agent': {
        const last = this.agents.get(change.name)?.record;
        if (!last) return;
        const instances = this.instancesOf(change.name);
        told.push(lazy('DELETED', version, () => this.#makeAgentView(last, instances, version)));
        touched.delete(change.name);
        this.agents.delete(change.name);
        this.#agentViews.delete(change.name);
        this.#agentVersion.delete(change.name);
        return;
      }
      case 'put-instance': {
        const { record } = change;
        const versioned = { record, resourceVersion: version };
        const before = this.instances.get(record.id);
        // One that two agents claim may change hands.
        if (before && before.record.agent !== record.agent) this.#leave(before.record, version, touched);
        this.instances.set(record.id, versioned);
        this.#byAgent.set(record.agent, withInstance(this.instancesOf(record.agent), versioned));
        this.#touch(record.agent, version, touched);
        told.push(lazy(before ? 'MODIFIED' : 'ADDED', version, () => this.viewInstance(versioned)));
        return;
      }
      case 'delete-instance': {
        const last = this.instances.get(change.id);
        if (!last) return;
        this.instances.delete(change.id);
        this.#leave(last.record, version, touched);
        told.push(lazy('DELETED', version, () => this.viewInstance(last)));
        return;
      }
      case 'put-object':
      case 'delete-object':
        told.push(...this.objects.apply(change, version));
        return;
    }
  }

  #leave({ id, agent }: InstanceRecord, version: number, touched: Touched): void {
    const left = this.instancesOf(agent).filter((one) => one.record.id !== id);
    if (left.length > 0) this.#byAgent.set(agent, left);
    else this.#byAgent.delete(agent);
    this.#touch(agent, version, touched);
  }

  #touch(agent: string, version: number, touched: Touched): void {
    if (!this.agents.has(agent)) return;
    this.#raise(agent, version);
    touched.set(agent, { type: touched.get(agent)?.type ?? 'MODIFIED', version });
  }

  #raise(agent: string, version: number): void {
    this.#agentVersion.set(agent, Math.max(version, this.#agentVersion.get(agent) ?? 0));
  }

  /** The records as they are now are kept by reference; the object is made when somebody looks, and shared with readers. */
  #agentEvent(type: 'ADDED' | 'MODIFIED', name: string, version: number): StoreEvent | undefined {
    const agent = this.agents.get(name);
    if (!agent) return undefined;
    const instances = this.instancesOf(name);
    return lazy(type, version, () => {
      const current = this.agents.get(name) === agent && this.#agentVersion.get(name) === version;
      return (current ? this.viewAgent(name) : undefined) ?? this.#makeAgentView(agent.record, instances, version);
    });
  }

  #makeAgentView(agent: AgentRecord, instances: readonly VersionedInstance[], version: number): Agent {
    const status = this.#status.agentStatus(
      agent,
      instances.map(({ record }) => record),
    );
    return viewAgentRecord(this.#fleet, agent, version, status);
  }
}

const byName = (a: VersionedInstance, b: VersionedInstance): number =>
  a.record.name < b.record.name ? -1 : a.record.name > b.record.name ? 1 : 0;

function withInstance(siblings: readonly VersionedInstance[], added: VersionedInstance): readonly VersionedInstance[] {
  // The name is a part of the id: the same id stays in its place.
  const same = siblings.findIndex((one) => one.record.id === added.record.id);
  if (same >= 0) return siblings.with(same, added);
  const after = siblings.findIndex((one) => byName(one, added) > 0);
  return siblings.toSpliced(after < 0 ? siblings.length : after, 0, added);
}

function lazy(type: StoreEvent['type'], resourceVersion: number, make: () => StoreEvent['object']): StoreEvent {
  let made: StoreEvent['object'] | undefined;
  return {
    type,
    resourceVersion,
    get object() {
      made ??= make();
      return made;
    },
  };
}

/**
 * Owns: the Store over sac.db: everything in memory, every write durable, many writers in one transaction.
 * Never: lets memory run ahead of the disk: readers and watchers see a change when it is written.
 *
 * Bounds: `maxEvents` events in all, `maxEventsPerObject` an object, `watchHistory` changes for watchers to resume from.
 */
import type { Agent, AgentStatus, Instance, InstanceStatus } from '../../api/resources/agent.ts';
import { ConflictError, GoneError } from '../../api/resources/errors.ts';
import type { EventObject } from '../../api/resources/event.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { Database, RowChange } from './database.ts';
import { EventLog } from './event-log.ts';
import type { AgentRecord, Change, InstanceRecord, RecordedEvent, Store, StoreEvent, Versioned } from './store.ts';
import { viewAgentRecord, viewInstanceRecord } from './views.ts';

/** How status is made of records; pure. */
export interface StatusProjection {
  agentStatus(agent: AgentRecord, instances: readonly InstanceRecord[]): AgentStatus;
  instanceStatus(record: InstanceRecord): InstanceStatus;
}

export interface StoreOptions {
  readonly database: Database;
  readonly fleet: string;
  readonly clock: { now(): Instant };
  readonly status: StatusProjection;
  readonly limits?: { readonly events?: number; readonly eventsPerObject?: number; readonly watchHistory?: number };
}

interface Pending {
  readonly changes: readonly Change[];
  readonly events: readonly RecordedEvent[];
  readonly resolve: (versions: readonly number[]) => void;
  readonly reject: (error: unknown) => void;
}

const EVENT_AGE_MS = 7 * 86_400_000;

export async function openSqliteStore(options: StoreOptions): Promise<Store> {
  const { agents, instances, events, version } = await options.database.load();
  const store = new SqliteStore(options, version);
  store.fill(
    agents.map(({ document, version: at }) => ({ record: JSON.parse(document), resourceVersion: at })),
    instances.map(({ document, version: at }) => ({ record: JSON.parse(document), resourceVersion: at })),
    events.map(({ key, document }) => ({ key, event: JSON.parse(document) })),
  );
  return store;
}

class SqliteStore implements Store {
  readonly #options: StoreOptions;
  readonly #agents = new Map<string, Versioned<AgentRecord>>();
  readonly #instances = new Map<InstanceId, Versioned<InstanceRecord>>();
  readonly #byAgent = new Map<string, Map<InstanceId, Versioned<InstanceRecord>>>();
  readonly #views = new Map<string, { readonly version: number; readonly view: Agent }>();
  readonly #events: EventLog;
  readonly #history: StoreEvent[] = [];
  /** Versions up to this one are no longer in the history. */
  #forgotten: number;
  readonly #watchers = new Set<(event: StoreEvent) => void>();
  #version: number;
  #pending: Pending[] = [];
  #flushing = false;
  #closed = false;

  constructor(options: StoreOptions, version: number) {
    this.#options = options;
    this.#version = version;
    this.#forgotten = version;
    this.#events = new EventLog(options.limits?.events ?? 5_000, options.limits?.eventsPerObject ?? 100, EVENT_AGE_MS);
  }

  fill(
    agents: readonly Versioned<AgentRecord>[],
    instances: readonly Versioned<InstanceRecord>[],
    events: readonly { readonly key: string; readonly event: EventObject }[],
  ): void {
    for (const agent of agents) this.#agents.set(agent.record.name, agent);
    for (const instance of instances) this.#setInstance(instance);
    this.#events.fill(events);
  }

  get version(): number {
    return this.#version;
  }
  agent(name: string): Versioned<AgentRecord> | undefined {
    return this.#agents.get(name);
  }
  agents(): Iterable<Versioned<AgentRecord>> {
    return this.#agents.values();
  }
  instance(id: InstanceId): Versioned<InstanceRecord> | undefined {
    return this.#instances.get(id);
  }
  instances(): Iterable<Versioned<InstanceRecord>> {
    return this.#instances.values();
  }
  instancesOf(agent: string): readonly Versioned<InstanceRecord>[] {
    return [...(this.#byAgent.get(agent)?.values() ?? [])].sort((a, b) => (a.record.name < b.record.name ? -1 : 1));
  }

  viewAgent(name: string): Agent | undefined {
    const agent = this.#agents.get(name);
    if (!agent) return undefined;
    const instances = this.instancesOf(name);
    const version = Math.max(agent.resourceVersion, ...instances.map(({ resourceVersion }) => resourceVersion));
    const cached = this.#views.get(name);
    if (cached?.version === version) return cached.view;
    const view = this.#makeAgentView(agent, instances);
    this.#views.set(name, { version, view });
    return view;
  }
  viewAgents(): readonly Agent[] {
    return [...this.#agents.keys()]
      .sort()
      .map((name) => this.viewAgent(name))
      .filter((view) => view !== undefined);
  }
  viewInstances(): readonly Instance[] {
    return [...this.#instances.values()]
      .sort((a, b) => (a.record.name < b.record.name ? -1 : 1))
      .map((versioned) => this.#makeInstanceView(versioned));
  }
  events(): readonly EventObject[] {
    return this.#events.list();
  }

  assertNotFenced(): void {
    this.#options.database.assertNotFenced();
  }

  commit(changes: readonly Change[], events: readonly RecordedEvent[] = []): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ changes, events, resolve, reject });
      this.#schedule();
    });
  }

  watch(since: number, onEvent: (event: StoreEvent) => void): Disposable {
    if (since < this.#forgotten)
      throw new GoneError(`changes since version ${since} are no longer kept (oldest: ${this.#forgotten}); list again`);
    if (since > this.#version)
      throw new GoneError(`version ${since} was never given out (newest: ${this.#version}); list again`);
    for (const event of this.#history) if (event.resourceVersion > since) onEvent(event);
    this.#watchers.add(onEvent);
    return { [Symbol.dispose]: () => void this.#watchers.delete(onEvent) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#flush();
    await this.#options.database[Symbol.asyncDispose]();
  }

  #schedule(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    // After what is ready to run now, so that all who write in this turn share the transaction.
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    const batch = this.#pending;
    this.#pending = [];
    const accepted: { readonly pending: Pending; readonly versions: readonly number[] }[] = [];
    const rows: RowChange[] = [];
    const overlay = new Map<string, number>();
    let version = this.#version;
    this.#events.begin();
    for (const pending of batch) {
      const conflict = pending.changes
        .map((change) => this.#conflict(change, overlay))
        .find((message) => message !== undefined);
      if (conflict !== undefined) {
        pending.reject(new ConflictError(conflict));
        continue;
      }
      const versions: number[] = [];
      for (const change of pending.changes) {
        version++;
        versions.push(version);
        overlay.set(keyOf(change), change.type.startsWith('put') ? version : 0);
        rows.push(rowOf(change, version));
      }
      for (const event of pending.events) rows.push(...this.#events.stage(event, ++version));
      accepted.push({ pending, versions });
    }
    if (accepted.length === 0) return;
    try {
      this.#options.database.write(rows, version);
    } catch (error) {
      this.#events.discard();
      for (const { pending } of accepted) pending.reject(error);
      return;
    }
    this.#version = version;
    const told: StoreEvent[] = [];
    for (const { pending, versions } of accepted) {
      pending.changes.forEach((change, i) => {
        told.push(...this.#apply(change, versions[i] ?? version));
      });
    }
    for (const object of this.#events.accept())
      told.push({
        type: object.count === 1 ? 'ADDED' : 'MODIFIED',
        resourceVersion: object.metadata.resourceVersion,
        object,
      });
    told.sort((a, b) => a.resourceVersion - b.resourceVersion);
    for (const { pending, versions } of accepted) pending.resolve(versions);
    this.#tell(told);
  }

  #conflict(change: Change, overlay: ReadonlyMap<string, number>): string | undefined {
    const key = keyOf(change);
    const current =
      overlay.get(key) ??
      (change.type.endsWith('agent')
        ? this.#agents.get(nameOf(change))?.resourceVersion
        : this.#instances.get(nameOf(change) as InstanceId)?.resourceVersion) ??
      0;
    if (current === change.expected) return undefined;
    return change.expected === 0
      ? `${nameOf(change)} exists already`
      : `${nameOf(change)} was changed meanwhile (version ${current}, not ${change.expected}); read it again`;
  }

  #apply(change: Change, version: number): StoreEvent[] {
    switch (change.type) {
      case 'put-agent': {
        const { name } = change.record;
        const type = this.#agents.has(name) ? 'MODIFIED' : 'ADDED';
        this.#agents.set(name, { record: change.record, resourceVersion: version });
        return [this.#agentEvent(type, name, version)];
      }
      case 'delete-agent': {
        const last = this.#agents.get(change.name);
        const event = last && lazy('DELETED', version, () => this.#makeAgentView(last, []));
        this.#agents.delete(change.name);
        this.#views.delete(change.name);
        this.#byAgent.delete(change.name);
        return event ? [event] : [];
      }
      case 'put-instance': {
        const versioned = { record: change.record, resourceVersion: version };
        const type = this.#instances.has(change.record.id) ? 'MODIFIED' : 'ADDED';
        this.#setInstance(versioned);
        const told = [lazy(type, version, () => this.#makeInstanceView(versioned))];
        return this.#agents.has(change.record.agent)
          ? [...told, this.#agentEvent('MODIFIED', change.record.agent, version)]
          : told;
      }
      case 'delete-instance': {
        const last = this.#instances.get(change.id);
        if (!last) return [];
        this.#instances.delete(change.id);
        this.#byAgent.get(last.record.agent)?.delete(change.id);
        this.#views.delete(last.record.agent);
        const told = [lazy('DELETED', version, () => this.#makeInstanceView(last))];
        return this.#agents.has(last.record.agent)
          ? [...told, this.#agentEvent('MODIFIED', last.record.agent, version)]
          : told;
      }
    }
  }

  /** The state as it is now is kept by reference; the object is made when somebody looks. */
  #agentEvent(type: 'ADDED' | 'MODIFIED', name: string, version: number): StoreEvent {
    const agent = this.#agents.get(name);
    const instances = this.instancesOf(name);
    if (!agent) throw new Error(`agent ${name} is not there`);
    return lazy(type, version, () => ({ ...this.#makeAgentView(agent, instances) }));
  }

  #setInstance(versioned: Versioned<InstanceRecord>): void {
    // An instance that two agents claim may change hands.
    const before = this.#instances.get(versioned.record.id)?.record.agent;
    if (before !== undefined && before !== versioned.record.agent) {
      this.#byAgent.get(before)?.delete(versioned.record.id);
      this.#views.delete(before);
    }
    this.#instances.set(versioned.record.id, versioned);
    const siblings = this.#byAgent.get(versioned.record.agent);
    if (siblings) siblings.set(versioned.record.id, versioned);
    else this.#byAgent.set(versioned.record.agent, new Map([[versioned.record.id, versioned]]));
  }

  #makeAgentView(agent: Versioned<AgentRecord>, instances: readonly Versioned<InstanceRecord>[]): Agent {
    const version = Math.max(agent.resourceVersion, ...instances.map(({ resourceVersion }) => resourceVersion));
    const status = this.#options.status.agentStatus(
      agent.record,
      instances.map(({ record }) => record),
    );
    return viewAgentRecord(this.#options.fleet, agent.record, version, status);
  }

  #makeInstanceView({ record, resourceVersion }: Versioned<InstanceRecord>): Instance {
    return viewInstanceRecord(
      record,
      resourceVersion,
      this.#agents.get(record.agent)?.record,
      this.#options.status.instanceStatus(record),
    );
  }

  #tell(events: readonly StoreEvent[]): void {
    const keep = this.#options.limits?.watchHistory ?? 4_096;
    this.#history.push(...events);
    if (this.#history.length > keep * 1.25) {
      const dropped = this.#history.splice(0, this.#history.length - keep);
      this.#forgotten = dropped.at(-1)?.resourceVersion ?? this.#forgotten;
    }
    if (this.#closed) return;
    for (const event of events) for (const watcher of this.#watchers) watcher(event);
  }
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

const nameOf = (change: Change): string => {
  switch (change.type) {
    case 'put-agent':
      return change.record.name;
    case 'delete-agent':
      return change.name;
    case 'put-instance':
      return change.record.id;
    case 'delete-instance':
      return change.id;
  }
};
const keyOf = (change: Change): string => `${change.type.endsWith('agent') ? 'agent' : 'instance'}/${nameOf(change)}`;

function rowOf(change: Change, version: number): RowChange {
  const table = change.type.endsWith('agent') ? 'agents' : 'instances';
  return {
    table,
    key: nameOf(change),
    version,
    document: 'record' in change ? JSON.stringify(change.record) : undefined,
  };
}

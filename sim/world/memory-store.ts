/**
 * Owns: an in-memory store with the port's contract: compare-and-swap, fencing, watch. Its content belongs to the world and
 * survives a controller; a handle belongs to one controller.
 * Never: decides. Timing and faults are laid around it by the incarnation that uses it.
 */
import type { Agent, Instance } from '../../api/resources/agent/agent.ts';
import { ConflictError, FencedError } from '../../api/resources/errors.ts';
import type { EventObject } from '../../api/resources/event.ts';
import type { DeclaredObject, ObjectKind } from '../../api/resources/kinds/kinds.ts';
import { API_VERSION } from '../../api/resources/meta.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import { isoTime } from '../../api/resources/time.ts';
import { agentStatus } from '../../controller/machine/status/status.ts';
import { DeclaredObjects } from '../../controller/store/declared-objects.ts';
import type {
  AgentRecord,
  Change,
  InstanceRecord,
  ObjectRecord,
  RecordedEvent,
  Store,
  StoreEvent,
  Versioned,
} from '../../controller/store/store.ts';

/** What is on disk. */
export class Disk {
  readonly agents = new Map<string, Versioned<AgentRecord>>();
  readonly instances = new Map<InstanceId, Versioned<InstanceRecord>>();
  /** Ids of the instances of each agent. */
  readonly #byAgent = new Map<string, Set<InstanceId>>();
  version = 0;
  /** Highest fencing token given out: its holder alone may write. */
  token = 0;
  objects = new DeclaredObjects('sim');
  readonly watchers = new Set<(event: StoreEvent) => void>();
  readonly events: RecordedEvent[] = [];
  commits = 0;
  /** Hears what controllers have written, and what was there before. */
  onCommit: ((changes: readonly Change[], before: (agent: string) => AgentRecord | undefined) => void) | undefined;

  /** Losing the database: history goes, and what declares agents has to declare them again. */
  lose(): void {
    this.agents.clear();
    this.instances.clear();
    this.#byAgent.clear();
    this.objects = new DeclaredObjects('sim');
  }

  instancesOf(agent: string): readonly Versioned<InstanceRecord>[] {
    return [...(this.#byAgent.get(agent) ?? [])].flatMap((id) => this.instances.get(id) ?? []);
  }

  write(changes: readonly Change[], events: readonly RecordedEvent[] = []): readonly number[] {
    for (const change of changes) this.#check(change);
    const versions = changes.map((change) => this.#apply(change));
    this.events.push(...events);
    if (changes.length > 0) this.commits++;
    return versions;
  }

  #current(change: Change): number {
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

  #check(change: Change): void {
    const current = this.#current(change);
    if (current !== change.expected)
      throw new ConflictError(`${change.type}: expected version ${change.expected}, found ${current}`);
  }

  #apply(change: Change): number {
    const resourceVersion = ++this.version;
    switch (change.type) {
      case 'put-agent': {
        this.agents.set(change.record.name, { record: change.record, resourceVersion });
        this.#tell('MODIFIED', change.record, resourceVersion);
        break;
      }
      case 'delete-agent': {
        const before = this.agents.get(change.name);
        this.agents.delete(change.name);
        if (before) this.#tell('DELETED', before.record, resourceVersion);
        break;
      }
      case 'put-instance': {
        const before = this.instances.get(change.record.id);
        if (before) this.#byAgent.get(before.record.agent)?.delete(change.record.id);
        this.instances.set(change.record.id, { record: change.record, resourceVersion });
        this.#byAgent.set(
          change.record.agent,
          (this.#byAgent.get(change.record.agent) ?? new Set()).add(change.record.id),
        );
        // An agent's status is made of its instances, so its watchers hear of them too.
        const agent = this.agents.get(change.record.agent);
        if (agent) this.#tell('MODIFIED', agent.record, resourceVersion);
        break;
      }
      case 'delete-instance': {
        const before = this.instances.get(change.id);
        this.instances.delete(change.id);
        if (before) this.#byAgent.get(before.record.agent)?.delete(change.id);
        break;
      }
      case 'put-object':
      case 'delete-object':
        for (const event of this.objects.apply(change, resourceVersion))
          for (const watcher of [...this.watchers]) watcher(event);
        break;
    }
    return resourceVersion;
  }

  #tell(type: StoreEvent['type'], record: AgentRecord, resourceVersion: number): void {
    if (this.watchers.size === 0) return;
    const event: StoreEvent = { type, resourceVersion, object: view({ record, resourceVersion }, []) };
    for (const watcher of [...this.watchers]) watcher(event);
  }
}

/** One controller's way to the disk. Opening takes the token from whoever held it. */
export class MemoryStore implements Store {
  readonly #disk: Disk;
  readonly #token: number;
  #frozen: Pick<Disk, 'agents' | 'instances' | 'version' | 'instancesOf'> | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
    this.#token = ++disk.token;
  }

  /** What a stopped process goes on believing. */
  freeze(): void {
    const { agents, instances, version } = this.#disk;
    const frozen = new Map(instances);
    const instancesOf = (agent: string) => [...frozen.values()].filter(({ record }) => record.agent === agent);
    this.#frozen = { agents: new Map(agents), instances: frozen, version, instancesOf };
  }

  get #read(): Pick<Disk, 'agents' | 'instances' | 'version' | 'instancesOf'> {
    return this.#frozen ?? this.#disk;
  }

  agent(name: string): Versioned<AgentRecord> | undefined {
    return this.#read.agents.get(name);
  }
  agents(): Iterable<Versioned<AgentRecord>> {
    return this.#read.agents.values();
  }
  instance(id: InstanceId): Versioned<InstanceRecord> | undefined {
    return this.#read.instances.get(id);
  }
  instances(): Iterable<Versioned<InstanceRecord>> {
    return this.#read.instances.values();
  }
  instancesOf(agent: string): readonly Versioned<InstanceRecord>[] {
    return this.#read.instancesOf(agent);
  }
  object<K extends ObjectKind>(kind: K, name: string): Versioned<ObjectRecord<K>> | undefined {
    return this.#disk.objects.get(kind, name) as Versioned<ObjectRecord<K>> | undefined;
  }
  objects<K extends ObjectKind>(kind: K): readonly Versioned<ObjectRecord<K>>[] {
    return this.#disk.objects.list(kind) as readonly Versioned<ObjectRecord<K>>[];
  }
  viewObjects(kind: ObjectKind): readonly DeclaredObject[] {
    return this.#disk.objects.list(kind).map((object) => this.#disk.objects.view(object));
  }
  viewAgent(name: string): Agent | undefined {
    const agent = this.agent(name);
    return agent && view(agent, this.instancesOf(name));
  }
  viewAgents(): readonly Agent[] {
    return [...this.agents()].map((agent) => view(agent, this.instancesOf(agent.record.name)));
  }
  viewInstances(): readonly Instance[] {
    return [];
  }
  events(): readonly EventObject[] {
    return [];
  }
  get version(): number {
    return this.#read.version;
  }

  async commit(changes: readonly Change[], events: readonly RecordedEvent[] = []): Promise<readonly number[]> {
    this.assertNotFenced();
    const { agents, onCommit } = this.#disk;
    if (!onCommit) return this.#disk.write(changes, events);
    const before = new Map(
      changes.flatMap((change) =>
        change.type === 'put-agent' ? [[change.record.name, agents.get(change.record.name)?.record]] : [],
      ),
    );
    const versions = this.#disk.write(changes, events);
    onCommit(changes, (name) => before.get(name));
    return versions;
  }

  watch(_since: number, onEvent: (event: StoreEvent) => void): Disposable {
    this.#disk.watchers.add(onEvent);
    return { [Symbol.dispose]: () => void this.#disk.watchers.delete(onEvent) };
  }

  assertNotFenced(): void {
    if (this.#disk.token !== this.#token) throw new FencedError('another controller has taken over');
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export const view = (
  { record, resourceVersion }: Versioned<AgentRecord>,
  instances: readonly Versioned<InstanceRecord>[],
): Agent => ({
  apiVersion: API_VERSION,
  kind: 'Agent',
  metadata: {
    name: record.name,
    id: record.name,
    labels: record.labels,
    annotations: record.annotations,
    generation: record.generation,
    resourceVersion,
    creationTimestamp: isoTime(record.createdAt),
    source: record.source,
  },
  spec: record.spec,
  // Most who are told of a change never ask for it.
  get status() {
    return agentStatus(
      record,
      instances.map((versioned) => versioned.record),
    );
  },
});

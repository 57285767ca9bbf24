/**
 * Owns: the Store over sac.db: everything in memory, every write durable, many writers in one transaction.
 * Never: lets memory run ahead of the disk: readers and watchers see a change when it is written.
 *
 * Bounds: `events` events in all, `eventsPerObject` an object, `watchHistory` changes for watchers to resume from.
 */
import type { Agent, Instance } from '../../api/resources/agent/agent.ts';
import { ConflictError } from '../../api/resources/errors.ts';
import type { EventObject } from '../../api/resources/event.ts';
import type { DeclaredObject, ObjectKind } from '../../api/resources/kinds/kinds.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { Database, RowChange } from './database.ts';
import { EventLog } from './event-log.ts';
import { Records, type StatusProjection, type WrittenChange } from './records.ts';
import type {
  AgentRecord,
  Change,
  InstanceRecord,
  ObjectRecord,
  RecordedEvent,
  Store,
  StoreEvent,
  Versioned,
} from './store.ts';
import { WatchHistory } from './watch-history.ts';

export type { StatusProjection } from './records.ts';

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

interface Accepted {
  readonly pending: Pending;
  readonly versions: readonly number[];
}

const EVENT_AGE_MS = 7 * 86_400_000;

export async function openSqliteStore(options: StoreOptions): Promise<Store> {
  const { agents, instances, objects, events, version } = await options.database.load();
  const store = new SqliteStore(options, version);
  store.fill(
    agents.map(({ document, version: at }) => ({ record: JSON.parse(document), resourceVersion: at })),
    instances.map(({ document, version: at }) => ({ record: JSON.parse(document), resourceVersion: at })),
    objects.map(({ document, version: at }) => ({ record: JSON.parse(document), resourceVersion: at })),
    events.map(({ key, document }) => ({ key, event: JSON.parse(document) })),
  );
  return store;
}

class SqliteStore implements Store {
  readonly #database: Database;
  readonly #clock: StoreOptions['clock'];
  readonly #records: Records;
  readonly #events: EventLog;
  readonly #history: WatchHistory;
  #version: number;
  #pending: Pending[] = [];
  #flushing = false;
  #closed = false;

  constructor({ database, clock, fleet, status, limits }: StoreOptions, version: number) {
    this.#database = database;
    this.#clock = clock;
    this.#version = version;
    this.#records = new Records(fleet, status);
    this.#history = new WatchHistory(limits?.watchHistory ?? 4_096, version);
    this.#events = new EventLog({
      total: limits?.events ?? 5_000,
      perObject: limits?.eventsPerObject ?? 100,
      ageMs: EVENT_AGE_MS,
    });
  }

  fill(
    agents: readonly Versioned<AgentRecord>[],
    instances: readonly Versioned<InstanceRecord>[],
    objects: readonly Versioned<ObjectRecord>[],
    events: readonly { readonly key: string; readonly event: EventObject }[],
  ): void {
    this.#records.fill(agents, instances, objects);
    this.#events.fill(events);
  }

  get version(): number {
    return this.#version;
  }
  agent(name: string): Versioned<AgentRecord> | undefined {
    return this.#records.agents.get(name);
  }
  agents(): Iterable<Versioned<AgentRecord>> {
    return this.#records.agents.values();
  }
  instance(id: InstanceId): Versioned<InstanceRecord> | undefined {
    return this.#records.instances.get(id);
  }
  instances(): Iterable<Versioned<InstanceRecord>> {
    return this.#records.instances.values();
  }
  instancesOf(agent: string): readonly Versioned<InstanceRecord>[] {
    return this.#records.instancesOf(agent);
  }

  object<K extends ObjectKind>(kind: K, name: string): Versioned<ObjectRecord<K>> | undefined {
    // Kept by kind: what is found under K is of K.
    return this.#records.objects.get(kind, name) as Versioned<ObjectRecord<K>> | undefined;
  }
  objects<K extends ObjectKind>(kind: K): readonly Versioned<ObjectRecord<K>>[] {
    return this.#records.objects.list(kind) as readonly Versioned<ObjectRecord<K>>[];
  }
  viewObjects(kind: ObjectKind): readonly DeclaredObject[] {
    const { objects } = this.#records;
    return objects.list(kind).map((object) => objects.view(object));
  }

  viewAgent(name: string): Agent | undefined {
    return this.#records.viewAgent(name);
  }
  viewAgents(): readonly Agent[] {
    return [...this.#records.agents.keys()]
      .sort()
      .map((name) => this.viewAgent(name))
      .filter((view) => view !== undefined);
  }
  viewInstances(): readonly Instance[] {
    return [...this.#records.instances.values()]
      .sort((a, b) => (a.record.name < b.record.name ? -1 : 1))
      .map((versioned) => this.#records.viewInstance(versioned));
  }
  events(): readonly EventObject[] {
    return this.#events.list();
  }

  assertNotFenced(): void {
    this.#database.assertNotFenced();
  }

  commit(changes: readonly Change[], events: readonly RecordedEvent[] = []): Promise<readonly number[]> {
    if (this.#closed) return Promise.reject(new Error('the store is closed'));
    return new Promise((resolve, reject) => {
      this.#pending.push({ changes, events, resolve, reject });
      this.#schedule();
    });
  }

  watch(since: number, onEvent: (event: StoreEvent) => void): Disposable {
    return this.#history.watch(since, onEvent);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#history.close();
    this.#flush();
    await this.#database[Symbol.asyncDispose]();
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
    let version = this.#version;
    const accepted: Accepted[] = [];
    const written: WrittenChange[] = [];
    // What the batch wrote so far; 0: deleted.
    const overlay = new Map<string, number>();
    for (const pending of batch) {
      const conflict = this.#conflictIn(pending.changes, overlay);
      if (conflict !== undefined) {
        pending.reject(new ConflictError(conflict));
        continue;
      }
      const versions = pending.changes.map((change) => {
        version++;
        overlay.set(keyOf(change), change.type.startsWith('put') ? version : 0);
        written.push({ change, version });
        return version;
      });
      for (const event of pending.events) this.#events.stage(event, ++version);
      accepted.push({ pending, versions });
    }
    if (accepted.length === 0) return;
    try {
      this.#database.write([...written.map(rowOf), ...this.#events.rows(this.#clock.now())], version);
    } catch (error) {
      this.#events.discard();
      for (const { pending } of accepted) pending.reject(error);
      return;
    }
    this.#version = version;
    const told = this.#records.apply(written);
    for (const object of this.#events.accept())
      told.push({
        type: object.count === 1 ? 'ADDED' : 'MODIFIED',
        resourceVersion: object.metadata.resourceVersion,
        object,
      });
    told.sort((a, b) => a.resourceVersion - b.resourceVersion);
    for (const { pending, versions } of accepted) pending.resolve(versions);
    this.#history.tell(told, version);
  }

  /** Why one of the changes cannot be made, given what is written and what this batch is about to write. */
  #conflictIn(changes: readonly Change[], overlay: ReadonlyMap<string, number>): string | undefined {
    for (const change of changes) {
      const current = overlay.get(keyOf(change)) ?? this.#records.versionOf(change);
      if (current === change.expected) continue;
      if (change.expected === 0) return `${nameOf(change)} exists already`;
      return current === 0
        ? `${nameOf(change)} is gone`
        : `${nameOf(change)} was changed meanwhile (version ${current}, not ${change.expected}); read it again`;
    }
    return undefined;
  }
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
    case 'put-object':
      return `${change.record.kind}/${change.record.name}`;
    case 'delete-object':
      return `${change.kind}/${change.name}`;
  }
};

const TABLE_OF = {
  'put-agent': 'agents',
  'delete-agent': 'agents',
  'put-instance': 'instances',
  'delete-instance': 'instances',
  'put-object': 'objects',
  'delete-object': 'objects',
} as const satisfies Readonly<Record<Change['type'], RowChange['table']>>;
const keyOf = (change: Change): string => `${TABLE_OF[change.type]}/${nameOf(change)}`;

const rowOf = ({ change, version }: WrittenChange): RowChange => ({
  table: TABLE_OF[change.type],
  key: nameOf(change),
  version,
  document: 'record' in change ? JSON.stringify(change.record) : undefined,
});

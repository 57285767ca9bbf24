/**
 * Owns: the port through which the controller and the API server read and write resources.
 * Never: decides; never touches agents.
 */
import type { Agent, AgentSpec, Instance } from '../../api/resources/agent/agent.ts';
import type { StoredFile } from '../../api/resources/agent/agent-files.ts';
import type { EventDraft, EventObject } from '../../api/resources/event.ts';
import type { DeclaredObject, ObjectKind, SpecOf } from '../../api/resources/kinds/kinds.ts';
import type { Source } from '../../api/resources/meta.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { MachineSnapshot, PlacedSighting } from '../machine/snapshot.ts';
import type { Revised } from '../plan/rollout/revisions.ts';

/** The intention behind an Agent, as stored. Its `status` is made from the instance records. */
export interface AgentRecord extends Revised {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly generation: number;
  readonly createdAt: Instant;
  readonly deletedAt?: Instant;
  /** Deletion without grace. */
  readonly forceDelete?: boolean;
  readonly source: Source;
  readonly restartAt?: Instant;
  readonly restartBy?: string;
  /** Which conversation that restart begins with; absent: as the spec says. */
  readonly restartSession?: 'new' | 'continue';
  /** Who keeps it at rest, whatever its spec says (`budget/<name>`). Not part of the spec: no generation. */
  readonly holds?: Readonly<Record<string, { readonly reason: string /** ISO 8601. */; readonly since: string }>>;
  readonly spec: AgentSpec;
  /** Files that come with it; replaced as a whole. Absent: it never had any. */
  readonly files?: readonly StoredFile[];
  /** The manifest as its source last submitted it (sparse): which fields the source owns. */
  readonly lastApplied: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly spec: Readonly<Record<string, unknown>>;
    /** By field, `file:line` of texts in which a variable is filled in; for messages. */
    readonly lines?: Readonly<Record<string, string>>;
  };
}

/** A declared thing that is no agent. */
export interface ObjectRecord<K extends ObjectKind = ObjectKind> {
  readonly kind: K;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly generation: number;
  readonly createdAt: Instant;
  readonly source: Source;
  readonly spec: SpecOf[K];
  /** Of what git declared: what its operators changed and the commit does not speak of (object-ownership.ts). */
  readonly byHand?: readonly string[];
  /** Written by whoever acts on it, in the same way as instances' snapshots. */
  readonly status: Readonly<Record<string, unknown>>;
}

/** What is remembered of one instance. */
export interface InstanceRecord {
  readonly id: InstanceId;
  readonly name: string;
  readonly agent: string;
  readonly createdAt: Instant;
  readonly snapshot: MachineSnapshot;
  /** The last thing seen of it, for status. */
  readonly sighting?: PlacedSighting;
  /** Set while some place could not be looked at. */
  readonly unknown?: { readonly since: Instant; readonly reason: string };
  /** What the last try to start it failed with; for people, until anything else is news of it. */
  readonly startFailed?: { readonly since: Instant; readonly reason: string };
}

export type Change =
  /** `expected`: resourceVersion the writer saw; 0 = must not exist. Mismatch → ConflictError, nothing is written. */
  | { readonly type: 'put-agent'; readonly expected: number; readonly record: AgentRecord }
  | { readonly type: 'delete-agent'; readonly expected: number; readonly name: string }
  | { readonly type: 'put-instance'; readonly expected: number; readonly record: InstanceRecord }
  | { readonly type: 'delete-instance'; readonly expected: number; readonly id: InstanceId }
  | { readonly type: 'put-object'; readonly expected: number; readonly record: ObjectRecord }
  | { readonly type: 'delete-object'; readonly expected: number; readonly kind: ObjectKind; readonly name: string };

export interface Versioned<T> {
  readonly record: T;
  readonly resourceVersion: number;
}

export interface RecordedEvent extends EventDraft {
  readonly at: Instant;
  readonly regarding: {
    readonly kind: 'Agent' | 'Instance' | 'Controller' | ObjectKind;
    readonly name: string;
    readonly instance?: string;
  };
}

export type WatchedObject = Agent | Instance | EventObject | DeclaredObject;
export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resourceVersion: number;
  readonly object: WatchedObject;
}

/**
 * Reads are synchronous, from memory (an informer-like cache that is the database's content); writes are durable when the
 * promise resolves. One writer: every transaction compares the fencing token and throws FencedError when it lost.
 * Many concurrent `commit`s share one transaction (group commit), each all-or-nothing.
 */
export interface Store extends AsyncDisposable {
  agent(name: string): Versioned<AgentRecord> | undefined;
  agents(): Iterable<Versioned<AgentRecord>>;
  instance(id: InstanceId): Versioned<InstanceRecord> | undefined;
  instances(): Iterable<Versioned<InstanceRecord>>;
  instancesOf(agent: string): readonly Versioned<InstanceRecord>[];
  object<K extends ObjectKind>(kind: K, name: string): Versioned<ObjectRecord<K>> | undefined;
  /** Of one kind, sorted by name. */
  objects<K extends ObjectKind>(kind: K): readonly Versioned<ObjectRecord<K>>[];
  /** Resource views with status. */
  viewObjects(kind: ObjectKind): readonly DeclaredObject[];
  viewAgent(name: string): Agent | undefined;
  viewAgents(): readonly Agent[];
  viewInstances(): readonly Instance[];
  events(): readonly EventObject[];
  /** Highest resourceVersion given out. */
  readonly version: number;
  /** Writes changes and counts events, all or nothing. Resolves with the new resourceVersion of each change. */
  commit(changes: readonly Change[], events?: readonly RecordedEvent[]): Promise<readonly number[]>;
  /** Called for every committed change after `since`; throws GoneError when that is no longer kept. Called in order, synchronously after the commit. */
  watch(since: number, onEvent: (event: StoreEvent) => void): Disposable;
  /** Cheap check, before each effect: throws FencedError when another controller has taken over. */
  assertNotFenced(): void;
}

/**
 * Owns: what the API server needs from the rest, declared here so that it knows neither store nor controller.
 * Never: implementations; those are joined in controller/main.ts.
 */

import type {
  AnswerRequest,
  AnswerResponse,
  AnyResource,
  ApplyItem,
  ApplyRequest,
  ApplyResponse,
  ControllerStatus,
  DeleteRequest,
  HostCheck,
  LogQuery,
  PatchRequest,
  Plural,
  RenderResponse,
  RestartRequest,
  RevisionInfo,
  RichStatus,
  Role,
  RolloutRequest,
  SourcePlan,
  SyncSourceRequest,
  TerminalResponse,
  TokenInfo,
  UsageReport,
} from '../protocol.ts';
import type { Agent, AgentManifest, Instance } from '../resources/agent/agent.ts';
import type { DeclaredObject, ObjectKind } from '../resources/kinds/kinds.ts';
import type { ManifestMeta } from '../resources/meta.ts';

/** Who asks: told by the door, never by the request's body. */
export interface Caller {
  readonly name: string;
  /** none: nobody in particular; only routes that need no role let it in. */
  readonly role: Role | 'none';
  /** Id of the token that was shown. */
  readonly token?: string;
}

export interface ResourceEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resourceVersion: number;
  readonly object: AnyResource;
}

/** Reads. Synchronous: from memory. */
export interface ResourceReads {
  readonly version: number;
  list(plural: Plural): readonly AnyResource[];
  get(plural: Plural, name: string): AnyResource | undefined;
  /** With what an agent would be started. Throws NotFoundError. */
  render(agent: string, instance: string | undefined): RenderResponse;
  /**
   * First, before it returns, what is kept of the changes after `since`; then each as it comes, after `list` shows it.
   * Throws GoneError when `since` is no longer kept.
   */
  watch(since: number, onEvent: (event: ResourceEvent) => void): Disposable;
}

/** Of whoever reads manifests in this process: what was checked there is not checked again. Never from a request's body. */
export interface ReadItem extends ApplyItem {
  /** The agent's manifest with all defaults. */
  readonly checked?: AgentManifest;
}
export interface ReadRequest extends ApplyRequest {
  readonly items: readonly ReadItem[];
}

/** Writes. All throw the classes of api/resources/errors.ts. */
export interface AgentWrites {
  apply(request: ReadRequest, by: Caller): Promise<ApplyResponse>;
  create(manifest: { readonly metadata: ManifestMeta; readonly spec: unknown }, by: Caller): Promise<Agent>;
  /** `resourceVersion` must be current, else ConflictError. */
  replace(
    name: string,
    body: {
      readonly resourceVersion: number;
      readonly labels: Record<string, string>;
      readonly annotations: Record<string, string>;
      readonly spec: unknown;
      readonly force?: boolean;
    },
    by: Caller,
  ): Promise<Agent>;
  patch(name: string, patch: PatchRequest, by: Caller): Promise<Agent>;
  remove(name: string, request: DeleteRequest, by: Caller): Promise<Agent>;
  restart(name: string, request: RestartRequest, by: Caller): Promise<Agent>;
}

/** Changes on their way from instance to instance. */
export interface RolloutWrites {
  rollout(name: string, request: RolloutRequest, by: Caller): Promise<Agent>;
  /** Oldest first. */
  revisions(name: string): readonly RevisionInfo[];
}

/** Agents and the other kinds that manifests declare. */
export interface ResourceWrites extends AgentWrites {
  patchObject(kind: ObjectKind, name: string, patch: PatchRequest, by: Caller): Promise<DeclaredObject>;
  /** Refused with ConflictError while something needs it, unless forced. */
  removeObject(kind: ObjectKind, name: string, request: DeleteRequest, by: Caller): Promise<DeclaredObject>;
}

export interface Terminals {
  logs(agent: string, query: LogQuery, signal: AbortSignal): AsyncIterable<string>;
  attach(agent: string, instance: string | undefined): TerminalResponse;
  rich(agent: string, instance: string | undefined): Promise<RichStatus>;
  /** Throws ConflictError when it asks nothing. */
  answer(agent: string, request: AnswerRequest): Promise<AnswerResponse>;
}

export interface UsagePort {
  read(selects: (instance: Instance) => boolean): Promise<UsageReport>;
}

export interface StoredToken extends TokenInfo {
  /** SHA-256 of the token, hex. */
  readonly hash: string;
}
export interface Tokens {
  list(): readonly StoredToken[];
  add(token: StoredToken): Promise<void>;
  remove(id: string): Promise<boolean>;
  touch(id: string, at: string): void;
}

/** Git sources, beyond what is declared of them. All throw the classes of api/resources/errors.ts. */
export interface SourceActions {
  sync(name: string, request: SyncSourceRequest): Promise<DeclaredObject>;
  plan(name: string): Promise<SourcePlan>;
  /** Answers what became of the notice; throws DeniedError when it is not genuine. */
  notice(
    name: string,
    notice: {
      readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
      readonly body: string;
    },
  ): Promise<{ readonly accepted: boolean; readonly detail: string }>;
}

/** Never holds a body, a query or a token. */
export interface AuditEntry {
  /** ISO 8601. */
  readonly at: string;
  readonly who: string;
  readonly role: Role | 'none';
  /** `socket`, or the address the request came from. */
  readonly from: string;
  /** A route's name; the HTTP method where there is no route. */
  readonly verb: string;
  /** The path. */
  readonly object: string;
  /** Asked what it would do; nothing was changed. */
  readonly dryRun?: true;
  /** HTTP status. */
  readonly result: number;
}

export interface ServerPorts {
  readonly reads: ResourceReads;
  readonly writes: ResourceWrites;
  readonly rollouts: RolloutWrites;
  readonly sources: SourceActions;
  readonly terminals: Terminals;
  readonly usage: UsagePort;
  readonly hosts: { check(name: string): Promise<HostCheck> };
  readonly tokens: Tokens;
  readonly controller: {
    status(): ControllerStatus;
    ready(): { readonly ok: boolean; readonly detail: string };
    metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
    stop(): void;
  };
  readonly audit: (entry: AuditEntry) => void;
  readonly clock: { now(): number };
  readonly randomBytes: (n: number) => Uint8Array;
}

/**
 * Owns: routes, requests, responses and watch events; server and client are typed by it.
 * Never: behaviour.
 *
 * Watch: `GET /apis/sac/v1/<plural>?watch=true&resourceVersion=N` answers newline-delimited JSON WatchEvents after version N
 * (absent: begins with an ADDED for everything, then a BOOKMARK). 410 when N is no longer kept: list again.
 */
import type { Activity, Agent, AgentManifestInput, Instance, Phase } from './resources/agent/agent.ts';
import type { AgentFile } from './resources/agent/agent-files.ts';
import type { EventObject } from './resources/event.ts';
import type { Host } from './resources/kinds/host.ts';
import { OBJECT_PLURALS, type ObjectPlural } from './resources/kinds/kind-names.ts';
import type { DeclaredObject, ObjectManifest } from './resources/kinds/kinds.ts';
import type { Source } from './resources/meta.ts';

export type Plural = 'agents' | 'instances' | 'events' | ObjectPlural;
export const PLURALS: readonly Plural[] = ['agents', 'instances', 'events', ...OBJECT_PLURALS];
interface OwnShapes {
  readonly agents: Agent;
  readonly instances: Instance;
  readonly events: EventObject;
  readonly hosts: Host;
}
export type ResourceOf = OwnShapes & { readonly [P in Exclude<ObjectPlural, keyof OwnShapes>]: DeclaredObject };
export type AnyResource = ResourceOf[Plural] | DeclaredObject;

export interface List<T> {
  readonly apiVersion: 'sac/v1';
  readonly kind: 'List';
  readonly metadata: { readonly resourceVersion: number };
  readonly items: readonly T[];
}

/** A list as `sac get` prints it: a tenth of its size, and no schema to be known. */
export interface Table {
  readonly apiVersion: 'sac/v1';
  readonly kind: 'Table';
  readonly metadata: { readonly resourceVersion: number };
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface TableQuery extends ListQuery {
  /** More columns. */
  readonly wide?: boolean;
  /** One column more: the labels. */
  readonly labels?: boolean;
}

export interface ListQuery {
  /** kubectl's grammar: `a=b,c!=d,e,!f,g in (x,y),h notin (z)`. */
  readonly labelSelector?: string;
  /** `status.phase=Running,metadata.name!=x`: `=`, `==`, `!=` on any scalar field path. */
  readonly fieldSelector?: string;
  /** Denied to viewers, who are shown no secrets; everybody else is shown them in any case. */
  readonly raw?: boolean;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly resourceVersion: number;
  /** Absent for BOOKMARK. */
  readonly object?: T;
}

/** Every error body. */
export interface ErrorBody {
  readonly kind: 'Status';
  readonly status: 'Failure';
  readonly code: number;
  /** InvalidError.reason and so on. */
  readonly reason: string;
  readonly message: string;
  readonly problems?: readonly string[];
}

export interface ApplyItem {
  /** For messages: file:line:column of the document. */
  readonly origin: string;
  readonly manifest: AgentManifestInput | ObjectManifest;
  /** All files that come with the agent; absent: those it has stay. */
  readonly files?: readonly AgentFile[];
  /** By field (`spec.mcpServers.docs.args[0]`), `file:line` of texts in which a variable is filled in. For messages. */
  readonly lines?: Readonly<Record<string, string>>;
}
export interface ApplyRequest {
  readonly items: readonly ApplyItem[];
  readonly source: Source;
  readonly dryRun?: boolean;
  /** Take fields owned by another source. */
  readonly force?: boolean;
  /** Delete agents of this source (and matching the selector) that are not among the items. */
  readonly prune?: { readonly labelSelector?: string };
}
export type ApplyAction = 'created' | 'configured' | 'unchanged' | 'pruned';
export interface ApplyResult {
  readonly kind: string;
  readonly name: string;
  readonly action: ApplyAction;
  readonly generation: number;
  /** True when the change restarts running instances. */
  readonly restarts: boolean;
  /** Before and after, sparse of server fields; for `diff`. */
  readonly before?: Comparable;
  readonly after?: Comparable;
}
/** What `diff` compares: no server fields. */
export interface Comparable {
  readonly apiVersion: 'sac/v1';
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: unknown;
  /** SHA-256 of each file that comes with the agent. */
  readonly files?: Readonly<Record<string, string>>;
}
export interface ApplyResponse {
  readonly results: readonly ApplyResult[];
  /** Items refused; the others were applied. Each a whole line `origin: message`. */
  readonly errors: readonly {
    readonly origin: string;
    readonly name: string;
    readonly reason: string;
    readonly message: string;
  }[];
}

/** JSON merge patch (RFC 7396) on labels, annotations and spec. */
export interface PatchRequest {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string | null>>;
    readonly annotations?: Readonly<Record<string, string | null>>;
    readonly resourceVersion?: number;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  /** Change fields the agent's source declared; the source puts them back when it next changes. */
  readonly force?: boolean;
  /** Check it, change nothing, answer what there is. */
  readonly dryRun?: boolean;
}

export interface SyncSourceRequest {
  /** Take a rewritten history, prune beyond maxPrunePercent, adopt what was applied by hand. */
  readonly force?: boolean;
  /** Go to this commit and stay there until the next sync without it: rollback. */
  readonly to?: string;
}
/** What the next sync of a GitSource would do. */
export interface SourcePlan {
  readonly revision: string;
  /** Why it would do nothing; each a whole line. */
  readonly problems: readonly string[];
  readonly response: ApplyResponse;
}

export interface DeleteRequest {
  /** Kill at once, no grace. */
  readonly force?: boolean;
  /** Check it, change nothing, answer what there is. */
  readonly dryRun?: boolean;
}
export interface RestartRequest {
  readonly by?: string;
  /** `new`: the next start, and only that, begins a new conversation. */
  readonly session?: 'new' | 'continue';
}

/** All that is known of an agent at work; names as dashboards read them, see docs/agents.md. Best effort: unknown is empty. */
export type RichStatus = Readonly<Record<string, unknown>>;

/** What is installed on a host, looked up now. */
export interface HostCheck {
  readonly system: string;
  readonly cpus: number;
  /** Version of each program that is there. */
  readonly programs: Readonly<Record<string, string>>;
  readonly latencyMs: number;
  /** What keeps agents from living there; each a whole line. */
  readonly missing: readonly string[];
}

export const ROLLOUT_ACTIONS = ['undo', 'pause', 'resume', 'restart'] as const;
export interface RolloutRequest {
  readonly action: (typeof ROLLOUT_ACTIONS)[number];
  /** undo: to this revision; absent: to the last good one. */
  readonly revision?: number;
}
/** One revision of an agent, as `sac rollout history` shows it. */
export interface RevisionInfo {
  readonly revision: number;
  /** ISO 8601. */
  readonly at: string;
  readonly by: string;
  readonly source: Source;
  /** `restart`, or which revision it put back. */
  readonly cause: string;
  /** Instances that are to have it now. */
  readonly instances: number;
  readonly spec: unknown;
}

/** What agents and machines use now. CPU times only grow: a rate is the difference of two reports. */
export interface UsageReport {
  /** ISO 8601. */
  readonly at: string;
  readonly hosts: readonly HostUsage[];
  readonly instances: readonly InstanceUsage[];
}
export interface HostUsage {
  readonly name: string;
  /** Why there are no numbers. */
  readonly problem?: string;
  readonly machine?: {
    /** The machine's own clock, which its CPU times are to be compared with. */
    readonly uptimeSeconds: number;
    readonly cpus: number;
    /** Of all processors since it booted. */
    readonly cpuSeconds: number;
    readonly load1m: number;
    readonly memoryBytes: number;
    readonly memoryTotalBytes: number;
  };
}
/** What is not known is absent. */
export interface InstanceUsage {
  readonly instance: string;
  readonly agent: string;
  readonly host: string;
  readonly runtime: string;
  readonly phase: Phase;
  readonly activity: Activity;
  readonly startedAt?: string;
  /** Of all its processes that live, and of their children that have ended. */
  readonly cpuSeconds?: number;
  /** Resident, added up over its processes. */
  readonly memoryBytes?: number;
  readonly processes?: number;
  readonly contextUsedRatio?: number;
  readonly tokensToday?: number;
  /** Of the last minute. */
  readonly tokensPerMinute?: number;
}

/** Keys for what an agent asks, one at a time; 409 when it asks nothing, unless forced. */
export interface AnswerRequest {
  /** As tmux names them: `1`, `Enter`, `Escape`, `Down`. */
  readonly keys: readonly string[];
  readonly instance?: string;
  readonly force?: boolean;
}
export interface AnswerResponse {
  /** What the screen showed afterwards. */
  readonly screen: { readonly activity: Activity; readonly reason: string };
  /** How many of the keys were pressed: none is pressed once the question it was meant for is gone. */
  readonly pressed: number;
}

export interface LogQuery {
  readonly instance?: string;
  readonly tail?: number;
  readonly previous?: boolean;
  readonly follow?: boolean;
  /** As it was printed, with the secrets in it; needs the role that `attach` needs. */
  readonly raw?: boolean;
}

/** How the user's own terminal reaches the agent. */
/** With what an agent would be started now. No value of a variable, no secret. */
export interface RenderResponse {
  readonly instance: string;
  /** `host/runtime`; absent: no place can be had, and why. */
  readonly place?: string;
  readonly unplaced?: string;
  readonly launchHash: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Names of its variables. */
  readonly env: readonly string[];
  readonly envFiles: readonly string[];
  readonly preStart: readonly string[];
  readonly postStart: readonly string[];
  /** Which conversation it begins with. */
  readonly session?: string;
  /** What the place would get: a job script. */
  readonly script?: string;
}

export interface TerminalResponse {
  readonly argv: readonly string[];
  readonly cwd?: string;
  readonly host: string;
  readonly session: string;
}

export interface ControllerStatus {
  readonly pid: number;
  readonly version: string;
  readonly home: string;
  readonly fleet: string;
  readonly socket: string;
  readonly listen: string | null;
  readonly agentsDirs: readonly string[];
  readonly startedAt: string;
  readonly agents: number;
  /** What is wrong with manifests in watched directories now; each a whole line. */
  readonly manifestErrors: readonly string[];
}

export const ROLES = ['admin', 'operator', 'viewer'] as const;
/** viewer reads; operator also writes agents, restarts, attaches; admin also manages tokens. */
export type Role = (typeof ROLES)[number];
export interface TokenInfo {
  readonly id: string;
  readonly role: Role;
  readonly description: string;
  readonly createdAt: string;
  readonly lastUsedAt?: string;
}
export interface TokenCreateRequest {
  readonly role: Role;
  readonly description?: string;
}
export interface TokenCreateResponse extends TokenInfo {
  /** Shown once; only its hash is stored. */
  readonly token: string;
}

/** Every route, its method and path (`:name` is a path parameter), and the least role it needs over TCP. */
export const ROUTES = {
  version: { method: 'GET', path: '/version', role: 'none' },
  healthz: { method: 'GET', path: '/healthz', role: 'none' },
  readyz: { method: 'GET', path: '/readyz', role: 'none' },
  metrics: { method: 'GET', path: '/metrics', role: 'none' },
  openapi: { method: 'GET', path: '/openapi.json', role: 'none' },
  controller: { method: 'GET', path: '/apis/sac/v1/controller', role: 'viewer' },
  stopController: { method: 'POST', path: '/apis/sac/v1/controller/stop', role: 'admin' },
  list: { method: 'GET', path: '/apis/sac/v1/:plural', role: 'viewer' },
  get: { method: 'GET', path: '/apis/sac/v1/:plural/:name', role: 'viewer' },
  create: { method: 'POST', path: '/apis/sac/v1/agents', role: 'operator' },
  /** Body: Agent with metadata.resourceVersion; 409 when stale. */
  replace: { method: 'PUT', path: '/apis/sac/v1/agents/:name', role: 'operator' },
  patch: { method: 'PATCH', path: '/apis/sac/v1/agents/:name', role: 'operator' },
  delete: { method: 'DELETE', path: '/apis/sac/v1/agents/:name', role: 'operator' },
  /** Kinds besides Agent: created and replaced by apply. */
  patchObject: { method: 'PATCH', path: '/apis/sac/v1/:plural/:name', role: 'operator' },
  deleteObject: { method: 'DELETE', path: '/apis/sac/v1/:plural/:name', role: 'operator' },
  /** Fetches and applies now; answers when it is done, or after 25 s how far it is. */
  syncSource: { method: 'POST', path: '/apis/sac/v1/gitsources/:name/sync', role: 'operator' },
  /** What the next sync would do. */
  planSource: { method: 'POST', path: '/apis/sac/v1/gitsources/:name/plan', role: 'operator' },
  /** Push notices of GitHub, Gitea and GitLab; their signature is the door. */
  gitHook: { method: 'POST', path: '/hooks/git/:name', role: 'none' },
  apply: { method: 'POST', path: '/apis/sac/v1/apply', role: 'operator' },
  answer: { method: 'POST', path: '/apis/sac/v1/agents/:name/answer', role: 'operator' },
  restart: { method: 'POST', path: '/apis/sac/v1/agents/:name/restart', role: 'operator' },
  rollout: { method: 'POST', path: '/apis/sac/v1/agents/:name/rollout', role: 'operator' },
  revisions: { method: 'GET', path: '/apis/sac/v1/agents/:name/revisions', role: 'viewer' },
  /** Text, streamed. */
  logs: { method: 'GET', path: '/apis/sac/v1/agents/:name/logs', role: 'viewer' },
  render: { method: 'GET', path: '/apis/sac/v1/agents/:name/render', role: 'viewer' },
  attach: { method: 'GET', path: '/apis/sac/v1/agents/:name/attach', role: 'operator' },
  /** All that is known of it at work. */
  rich: { method: 'GET', path: '/apis/sac/v1/agents/:name/rich', role: 'viewer' },
  /** Looked up now, one look a machine; `labelSelector`. */
  usage: { method: 'GET', path: '/apis/sac/v1/usage', role: 'viewer' },
  checkHost: { method: 'GET', path: '/apis/sac/v1/hosts/:name/check', role: 'operator' },
  listTokens: { method: 'GET', path: '/apis/sac/v1/tokens', role: 'admin' },
  createToken: { method: 'POST', path: '/apis/sac/v1/tokens', role: 'admin' },
  deleteToken: { method: 'DELETE', path: '/apis/sac/v1/tokens/:name', role: 'admin' },
} as const;
export type RouteName = keyof typeof ROUTES;

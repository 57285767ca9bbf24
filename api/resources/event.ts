/**
 * Owns: the Event kind: what happened to which resource, deduplicated with counts.
 * Never: decides anything; events are for people.
 */
export interface EventObject {
  readonly apiVersion: 'sac/v1';
  readonly kind: 'Event';
  readonly metadata: { readonly name: string; readonly resourceVersion: number };
  readonly type: 'Normal' | 'Warning';
  /** CamelCase: Created, Started, Ready, Exited, BackOff, Adopted, Drifted, Restarting, Stopped, ... */
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  /** ISO 8601. */
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly regarding: { readonly kind: string; readonly name: string; readonly instance?: string };
}

/** An event before it is counted. */
export interface EventDraft {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

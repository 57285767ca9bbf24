/**
 * Owns: what a test tells its controller, and what that writes down: two files, named in one environment variable.
 * Never: part of a shipped program; only the bundle made by bundle.ts reads it.
 */
import type { RuntimeKind } from '../../../api/resources/agent/agent.ts';
import type { Kind, PointKey } from '../plans/plan.ts';

/** Names the file with the orders. */
export const ORDERS_VARIABLE = 'SAC_E2E_ORDERS';

/** One kind of fault at one point of the run. */
export interface Fault {
  readonly point: PointKey;
  readonly kind: Kind;
}

export interface Orders {
  /** Lines of JournalEntry, appended also by successors of a controller that was killed. */
  readonly journal: string;
  /** Each is carried out once, when a controller comes to its point. */
  readonly faults?: readonly Fault[];
  /** How long after its timeout (ms) what is done late is done; 300 when left out. */
  readonly lateMs?: number;
  /** Holds a number, or is not there yet: ms that the controller's clock is ahead. Read anew at most every 50 ms. */
  readonly clock?: string;
  /** Instances whose leftovers a sweep is expected to find. */
  readonly sweeps?: readonly string[];
  /** The runtimes the controller knows; all of them when left out. What a machine has besides costs each sweep a look. */
  readonly runtimes?: readonly RuntimeKind[];
  /** A bug to be found, see PLANTED. */
  readonly bug?: PlantedBug;
}

/** Ways in which a place could be misread or its contract broken; each must be found by some plan. */
export const PLANTED = ['starts-again', 'blind-at-boot', 'trusts-hints'] as const;
export type PlantedBug = (typeof PLANTED)[number];

export type JournalEntry =
  | { readonly what: 'begin'; readonly point: PointKey; readonly incarnation: number }
  | { readonly what: 'end'; readonly point: PointKey; readonly incarnation: number; readonly error?: string }
  | ({ readonly what: 'struck' } & Fault)
  /** What was to be done after its time has been done, or was refused. */
  | { readonly what: 'late'; readonly point: PointKey }
  | { readonly what: 'swept'; readonly count: number };

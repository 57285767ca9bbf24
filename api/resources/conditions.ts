/**
 * Owns: which conditions things of each kind have, and which of an agent's are well when False.
 * Never: loads schemas: the CLI reads this while it starts.
 */
import type { ObjectKind } from './kinds/kind-names.ts';

export const CONDITION_TYPES = [
  'Placed',
  'FilesSynced',
  'Started',
  'Ready',
  'UpToDate',
  'Blocked',
  'AuthFailed',
  'QuotaLimited',
  'RequestFailed',
  'ContextHigh',
  'Healthy',
  'HostReachable',
  'Stalled',
  'Progressing',
  'Scheduled',
  'VersionMismatch',
] as const;
export type ConditionType = (typeof CONDITION_TYPES)[number];

export const GIT_CONDITIONS = ['Ready', 'Fetched', 'Verified', 'Synced', 'Healthy'] as const;

export const CONDITIONS_OF: Readonly<Record<'Agent' | ObjectKind, readonly string[]>> = {
  Agent: CONDITION_TYPES,
  GitSource: GIT_CONDITIONS,
  Budget: ['Ready', 'NearLimit', 'Exceeded'],
  Host: ['Ready'],
  Reservation: ['Ready'],
  Notifier: ['Ready'],
};

/** All others are well when True. */
export const WELL_WHEN_FALSE: ReadonlySet<string> = new Set<ConditionType>([
  'Blocked',
  'AuthFailed',
  'QuotaLimited',
  'RequestFailed',
  'ContextHigh',
  'Stalled',
  'VersionMismatch',
]);

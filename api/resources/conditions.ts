/**
 * Owns: which conditions an agent has, and which of them are well when False.
 * Never: loads schemas: the CLI reads this while it starts.
 */
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

/**
 * Owns: a GitSource's conditions: what each sync found, and Ready, which follows from them.
 * Never: does anything.
 */
import {
  GIT_CONDITIONS,
  type GitCondition,
  type GitConditionType,
  type GitSourceStatus,
} from '../../../api/resources/kinds/git-source.ts';
import type { ConditionStatus } from '../../../api/resources/meta.ts';
import { type Instant, isoTime } from '../../../api/resources/time.ts';

export interface Finding {
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
}
export type Findings = Partial<Readonly<Record<Exclude<GitConditionType, 'Ready'>, Finding>>>;

export const yes = (reason: string, message: string): Finding => ({ status: 'True', reason, message });
export const no = (reason: string, message: string): Finding => ({ status: 'False', reason, message });
export const unknown = (reason: string, message: string): Finding => ({ status: 'Unknown', reason, message });

/** What was not looked at this time stays as it was. */
export function withFindings(
  before: GitSourceStatus,
  changed: Partial<Omit<GitSourceStatus, 'conditions'>>,
  findings: Findings,
  now: Instant,
  /** Why nothing was looked at: suspended, or waiting for another source. */
  waiting?: Finding,
): GitSourceStatus {
  const others = GIT_CONDITIONS.flatMap((type) => {
    if (type === 'Ready') return [];
    const finding = findings[type] ?? conditionOf(before, type);
    return finding ? [stamped(before, type, finding, now)] : [];
  });
  const ready = stamped(before, 'Ready', waiting ?? readiness(others), now);
  return { ...before, ...changed, conditions: [ready, ...others] };
}

export const conditionOf = (status: GitSourceStatus, type: GitConditionType): GitCondition | undefined =>
  status.conditions.find((condition) => condition.type === type);

function stamped(before: GitSourceStatus, type: GitConditionType, finding: Finding, now: Instant): GitCondition {
  const last = conditionOf(before, type);
  const { status, reason, message } = finding;
  return {
    type,
    status,
    reason,
    message,
    lastTransitionTime: last?.status === status ? last.lastTransitionTime : isoTime(now),
  };
}

/** Signatures that nobody asked for do not count; everything else must be true. */
function readiness(others: readonly GitCondition[]): Finding {
  for (const type of GIT_CONDITIONS) {
    if (type === 'Ready') continue;
    const condition = others.find((one) => one.type === type);
    if (type === 'Verified' && (condition === undefined || condition.reason === NOT_REQUIRED)) continue;
    if (condition === undefined) return unknown('Pending', 'Not looked at yet.');
    if (condition.status !== 'True')
      return { status: condition.status, reason: condition.reason, message: condition.message };
  }
  return yes('Applied', others.find(({ type }) => type === 'Synced')?.message ?? 'Applied.');
}

export const NOT_REQUIRED = 'NotRequired';

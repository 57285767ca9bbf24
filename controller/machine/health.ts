/**
 * Owns: what a command that checks an instance means for it: when it is run next, how many failed in a row, what is told of it.
 * Pure. A check that could not be asked says nothing, and a check of another incarnation neither.
 * Never: runs a check.
 */
import type { Condition } from '../../api/resources/meta.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { DesiredInstance } from '../plan/desired-instance.ts';
import type { Gap } from './gap.ts';
import type { Effect, MachineSnapshot, Memory, PlacedSighting } from './snapshot.ts';
import type { Fact } from './status/conditions.ts';

/** What is known of the checks of an instance. */
export interface HealthReading {
  readonly incarnation: Instant;
  readonly askedAt: Instant;
  /** The one that was asked for has not ended yet. */
  readonly pending: boolean;
  /** The last that ended. */
  readonly last?: {
    readonly at: Instant;
    /** Of the declaration by which it was asked. */
    readonly generation: number;
    readonly result: 'ok' | 'failed' | 'unknown';
    /** In a few words, for people: what it said. */
    readonly message: string;
  };
}

/** JSON. The newest declaration by which a check passed, and of which incarnation. */
export interface PassedCheck {
  readonly incarnation: Instant;
  readonly generation: number;
}

/** JSON. */
export interface FailedChecks {
  readonly incarnation: Instant;
  /** At most the threshold: what is known to be unwell is not written down again and again. */
  readonly failures: number;
  /** When the last one that counts ended. */
  readonly at: Instant;
  readonly message: string;
}

/** Counts each check once. */
export function countChecks(memory: Memory, desired: DesiredInstance | undefined, health?: HealthReading): Memory {
  const { unhealthy } = memory;
  if (!desired?.health) return unhealthy ? well(memory) : memory;
  const { last } = health ?? {};
  if (!health || !last || health.incarnation !== memory.incarnation) return memory;
  const before = unhealthy?.incarnation === memory.incarnation ? unhealthy : undefined;
  switch (last.result) {
    case 'unknown':
      return memory;
    case 'ok':
      return notePassed(unhealthy ? well(memory) : memory, health.incarnation, last.generation);
    case 'failed': {
      const failures = before?.failures ?? 0;
      if (last.at <= (before?.at ?? 0) || failures >= desired.health.failureThreshold) return memory;
      const { incarnation } = health;
      return { ...memory, unhealthy: { incarnation, failures: failures + 1, at: last.at, message: last.message } };
    }
  }
}

function notePassed(memory: Memory, incarnation: Instant, generation: number): Memory {
  const { passed } = memory;
  if (passed?.incarnation === incarnation && passed.generation >= generation) return memory;
  return { ...memory, passed: { incarnation, generation } };
}

function well(memory: Memory): Memory {
  const { unhealthy: _, ...rest } = memory;
  return rest;
}

const isUnwell = ({ health }: DesiredInstance, { unhealthy }: Memory, incarnation: Instant | undefined): boolean =>
  health !== undefined &&
  unhealthy?.incarnation === incarnation &&
  (unhealthy?.failures ?? 0) >= health.failureThreshold;

/** Not well, and the policy restarts what fails. */
export const mustRestart = (desired: DesiredInstance, { incarnation }: PlacedSighting, memory: Memory): boolean =>
  desired.restart.policy !== 'never' && isUnwell(desired, memory, incarnation);

/** An instance is checked from when it is ready, at the declared interval; a controller that comes back checks it soon. */
export function nextCheck(
  id: InstanceId,
  { phase, memory }: MachineSnapshot,
  gap: Gap,
  desired: DesiredInstance | undefined,
  health: HealthReading | undefined,
  now: Instant,
): { readonly effects: readonly Effect[]; readonly wakeAt?: Instant } {
  const nothing = { effects: [] };
  if (!desired?.health || phase !== 'Running' || memory.readySince === undefined) return nothing;
  if (gap.type !== 'live' && gap.type !== 'drifted') return nothing;
  const { place, incarnation } = gap.seen;
  const known = health?.incarnation === incarnation ? health : undefined;
  if (known?.pending) return nothing;
  const dueAt = (known?.askedAt ?? memory.readySince) + desired.health.intervalMs;
  if (now < dueAt) return { effects: [], wakeAt: dueAt };
  return {
    effects: [{ type: 'check', id, place, incarnation, health: desired.health, generation: desired.generation }],
  };
}

/** What was last known stays until there is news. */
export function healthFact(
  previous: readonly Condition[],
  memory: Memory,
  desired: DesiredInstance | undefined,
  health: HealthReading | undefined,
): readonly Fact[] {
  if (!desired?.health) return [];
  const { incarnation, unhealthy } = memory;
  if (isUnwell(desired, memory, incarnation))
    return [
      ['Healthy', 'False', 'CheckFailed', `${unhealthy?.failures} checks in a row failed: ${unhealthy?.message}.`],
    ];
  if (health?.incarnation === incarnation && health?.last?.result === 'ok')
    return [['Healthy', 'True', 'CheckPassed', 'The last check passed.']];
  const before = previous.find(({ type }) => type === 'Healthy');
  if (before) return [['Healthy', before.status, before.reason, before.message]];
  return [['Healthy', 'Unknown', 'NotCheckedYet', 'It was not checked yet.']];
}

/**
 * Owns: the contract of one look at what a machine and the agents on it use.
 * Never: keeps anything between two looks: times only grow, and who asks twice has a rate.
 */
import type { InstanceId } from '../../api/resources/names.ts';

/** Of an agent's whole family of processes, as it was in that moment. */
export interface FamilyUsage {
  /** User and system time of all who live, and of their children that have ended, seconds. Falls when somebody leaves unwaited for. */
  readonly cpuSeconds: number;
  /** Resident; pages that several of them share count for each. */
  readonly memoryBytes: number;
  readonly processes: number;
}

export interface MachineUsage {
  /** Its own clock: seconds since it booted. CPU seconds of two looks are divided by the difference. */
  readonly uptimeSeconds: number;
  readonly cpus: number;
  /** Of all its processors together since it booted, without waiting. */
  readonly cpuSeconds: number;
  readonly load1m: number;
  readonly memoryBytes: number;
  readonly memoryTotalBytes: number;
  /** Who has no process there is absent. */
  readonly families: ReadonlyMap<InstanceId, FamilyUsage>;
}

/**
 * `roots`: a process of each agent as its place told it. Throws TransportError, and RuntimeError where processes cannot be seen.
 */
export type LookAtUsage = (roots: ReadonlyMap<number, InstanceId>) => Promise<MachineUsage>;

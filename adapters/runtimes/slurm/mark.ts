/**
 * Owns: the mark by which a job is known as ours: its comment. Says which fleet, instance, incarnation and launch.
 * Never: holds a character that a directive, a format or a shell could read otherwise.
 */
import { type FleetId, fleetOf, type InstanceId, instanceNameOf, NAME_PATTERN } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';

export interface JobMark {
  readonly id: InstanceId;
  readonly incarnation: Instant;
  readonly launchHash: string;
}

const MARK = /^sac\/1:([0-9a-f]+\.[a-z0-9-]+):(\d+):([0-9a-f]+)$/;

export const renderMark = ({ id, incarnation, launchHash }: JobMark): string =>
  `sac/1:${id}:${incarnation}:${launchHash}`;

/** Undefined for a job of somebody else, or of another fleet. */
export function parseMark(comment: string, fleet: FleetId): JobMark | undefined {
  const match = MARK.exec(comment);
  if (!match) return undefined;
  const id = match[1] as InstanceId;
  if (fleetOf(id) !== fleet || !NAME_PATTERN.test(instanceNameOf(id))) return undefined;
  return { id, incarnation: Number(match[2]), launchHash: match[3] ?? '' };
}

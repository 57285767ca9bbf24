/**
 * Owns: what stands over the conditions that were decided, while a place cannot be looked at or refuses to start something.
 * Never: stores anything, or is seen by the machine.
 */
import type { Condition } from '../../../api/resources/meta.ts';
import { type Instant, isoTime } from '../../../api/resources/time.ts';

export interface Trouble {
  readonly since: Instant;
  readonly reason: string;
}

export const overlayUnknown = (conditions: readonly Condition[], { since, reason }: Trouble): readonly Condition[] => [
  ...conditions.filter(({ type }) => type !== 'HostReachable' && type !== 'Ready'),
  { type: 'Ready', status: 'Unknown', reason: 'PlaceUnknown', message: reason, lastTransitionTime: isoTime(since) },
  { type: 'HostReachable', status: 'False', reason: 'ListFailed', message: reason, lastTransitionTime: isoTime(since) },
];

export const overlayStartFailed = (
  conditions: readonly Condition[],
  { since, reason }: Trouble,
): readonly Condition[] =>
  conditions.map((condition) =>
    condition.type === 'Started'
      ? {
          ...condition,
          reason: 'StartFailed',
          message: `The last try to start it failed, it is tried again: ${reason}`,
          lastTransitionTime: isoTime(since),
        }
      : condition.type === 'Ready'
        ? { ...condition, reason: 'StartFailed', message: 'It could not be started yet.' }
        : condition,
  );

/**
 * Owns: the port through which the reconciler looks at the world.
 * Never: decides.
 */
import type { InstanceId } from '../../api/resources/names.ts';
import type { Observation } from '../machine/snapshot.ts';
import type { Place } from '../plan/desired-instance.ts';

/** One cache over all places. Looks are shared: many callers, one listing a place. */
export interface Observer extends Disposable {
  /**
   * What is there of this instance at the given places, as of a look that began after the last `invalidate` of it;
   * `forsaken`: what was there has stopped itself, so that not being able to look there keeps nothing waiting;
   * looks only when what is cached is older than that. Never throws: what could not be looked at is unknown.
   */
  observe(id: InstanceId, places: readonly Place[], forsaken?: Place): Promise<Observation>;
  /** An effect on this instance has ended (or may have happened): what is cached of it is history. */
  invalidate(id: InstanceId, place: Place): void;
}

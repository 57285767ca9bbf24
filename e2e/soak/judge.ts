/**
 * Owns: what a soak may not show. Bounds and growth, no speeds.
 * Never: looks at the fleet.
 */
import type { Soaked } from './soak.ts';

/** Part of memory that may come on top once warm. */
const RSS_GROWTH = 0.05;
/** The event log's own bound, per agent and in all, is tested in the store; this is far above what a soak should leave. */
const EVENTS_PER_AGENT = 100;
const DATABASE_MIB = 128;

export function judge({ warm, end, findings }: Soaked, agents: number): readonly string[] {
  return [
    ...findings,
    ...(end.rssMiB > warm.rssMiB * (1 + RSS_GROWTH) ? [`memory grew from ${warm.rssMiB} to ${end.rssMiB} MiB`] : []),
    ...(end.fds > warm.fds ? [`open files grew from ${warm.fds} to ${end.fds}`] : []),
    ...(end.unreaped > 0 ? [`${end.unreaped} children were not collected`] : []),
    ...(end.events > agents * EVENTS_PER_AGENT ? [`${end.events} events are kept`] : []),
    ...(end.databaseMiB > DATABASE_MIB ? [`the database has ${end.databaseMiB} MiB`] : []),
    ...(end.keepsAll ? ['the history of changes has no bound'] : []),
  ];
}

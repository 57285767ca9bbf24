/**
 * Owns: what incarnations that are over leave on one machine, processes and launch files, and that the runtimes on it share one look.
 * Never: decides which are over.
 */
import type { FleetId, InstanceId } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import { LaunchFiles } from '../launch/launch-files.ts';
import type { PlaceDirs } from '../runtime.ts';
import { ReapLater } from './reap-later.ts';
import { Reaper } from './reaper.ts';

interface Owner {
  readonly fleet: FleetId;
  readonly dirs: PlaceDirs;
}

export class Leftovers {
  readonly reaper: Reaper;
  readonly #launches: LaunchFiles;
  /** For what was replaced: its successor is not kept waiting. */
  readonly later = new ReapLater((over) => this.clear(over));

  constructor(transport: Transport, { fleet, dirs }: Owner) {
    this.reaper = new Reaper(transport, fleet);
    this.#launches = new LaunchFiles(transport, dirs);
  }

  /** Of these incarnations and those before them. Returns how many processes were ended. */
  async clear(over: ReadonlyMap<InstanceId, Instant>): Promise<number> {
    const [ended] = await Promise.all([this.reaper.sweep(over), this.#launches.allOver(over)]);
    return ended;
  }
}

/** Where a transport leads to there is one machine, and one folder of ours on it. */
export type LeftoversOf = (transport: Transport, owner: Owner) => Leftovers;

/** The same for all who ask with one transport. */
export function sharedLeftovers(): LeftoversOf {
  const machines = new WeakMap<Transport, Leftovers>();
  return (transport, owner) => {
    const known = machines.get(transport) ?? new Leftovers(transport, owner);
    machines.set(transport, known);
    return known;
  };
}

/**
 * Owns: where the launch files of one fleet lie on one machine, one an incarnation: an order that comes late writes its own, not that of
 * its successor. And that they go once their incarnation is over.
 * Never: takes away the file of an incarnation that may still be begun: a queued job reads it days later.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { Transport } from '../../transport/transport.ts';
import { asLines, Batch } from '../batch.ts';
import type { PlaceDirs } from '../runtime.ts';

/** `folder`: below the fleet's, for files of another kind. Names of instances have no dot. */
export const launchFilePath = (
  dirs: PlaceDirs,
  { id, incarnation }: { readonly id: InstanceId; readonly incarnation: Instant },
  folder = 'launch',
): string => `${dirs.run}/${folder}/${instanceNameOf(id)}.${incarnation}.sh`;

/** sh -c CLEAR sac-clear-launch FOLDER; stdin: NAME INCARNATION a line. One listing, however many names; a missing folder is an empty one. */
const CLEAR = `
cd -- "$1" 2>/dev/null || exit 0
{ cat; echo --; ls; } | awk '
  !listed && $0 == "--" { listed = 1; next }
  !listed { if (!($1 in over) || $2 + 0 > over[$1]) over[$1] = $2 + 0; next }
  { parts = split($0, part, "[.]") }
  parts == 3 && part[3] == "sh" && part[2] ~ /^[0-9]+$/ && part[1] in over && part[2] + 0 <= over[part[1]] { print }
' | xargs rm -f --
`;

export class LaunchFiles {
  readonly #clears: Batch<unknown>;

  constructor(transport: Transport, dirs: PlaceDirs, folder = 'launch') {
    const argv = ['sh', '-c', CLEAR, 'sac-clear-launch', `${dirs.run}/${folder}`];
    this.#clears = new Batch((lines) => transport.run(argv, { stdin: asLines(lines) }));
  }

  /** This incarnation and all before it are over; those who say so at the same time share one look. */
  async over(id: InstanceId, incarnation: Instant): Promise<void> {
    await this.#clears.ask(`${instanceNameOf(id)} ${incarnation}`);
  }

  async allOver(over: ReadonlyMap<InstanceId, Instant>): Promise<void> {
    await Promise.all([...over].map(([id, incarnation]) => this.over(id, incarnation)));
  }
}

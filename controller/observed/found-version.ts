/**
 * Owns: which version of a CLI a start found that was refused because the manifest wants another.
 * Never: rejects; what cannot be read is not known.
 */
import type { Runtime } from '../../adapters/runtimes/runtime.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import { VERSION_REFUSED } from '../../api/resources/agent/agent.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { Observation, PlacedSighting } from '../machine/snapshot.ts';

/** The refusal is the last thing such a start prints, but below it stands the rest of the terminal, empty. */
const LINES = 500;

export async function foundVersion(
  runtime: Pick<Runtime, 'logs'>,
  transport: Transport,
  id: InstanceId,
): Promise<string | undefined> {
  const lines: string[] = [];
  try {
    for await (const line of runtime.logs(transport, id, { tail: LINES })) lines.push(line);
  } catch {
    return undefined;
  }
  return refusedVersion(lines);
}

/** As `adapters/runtimes/launch` words it. A terminal may break it anywhere, and loses blanks where it does. */
export function refusedVersion(lines: readonly string[]): string | undefined {
  const said = lines.join('').replaceAll(/\s/g, '');
  return [...said.matchAll(/isnotofversion[^,]*,asthemanifestwantsit,but(\d+\.\d+\.\d+)/g)].at(-1)?.[1];
}

/** A start that was refused, as far as its exit code tells; it is asked only of agents whose version is pinned. */
export const refusedStart = (looked: Observation): PlacedSighting | undefined =>
  looked.kind === 'unknown' ? undefined : looked.sightings.find(({ exit }) => exit?.code === VERSION_REFUSED);

/** The same look, with what the refused start had found. */
export const withVersion = (looked: Observation, refused: PlacedSighting, version: string): Observation =>
  looked.kind === 'unknown'
    ? looked
    : {
        ...looked,
        sightings: looked.sightings.map((seen) =>
          seen === refused ? { ...seen, exit: { ...seen.exit, foundVersion: version } } : seen,
        ),
      };

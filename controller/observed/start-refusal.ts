/**
 * Owns: why a start failed, as the start itself said it: in the last line that it printed.
 * Never: rejects; what cannot be read is not known. Asks nothing of ends that no launch of ours makes.
 */
import type { Runtime } from '../../adapters/runtimes/runtime.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import { VERSION_REFUSED } from '../../api/resources/agent/agent.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import { redact } from '../../api/resources/redact.ts';
import type { Observation, PlacedSighting } from '../machine/snapshot.ts';
import type { DesiredInstance } from '../plan/desired-instance.ts';

/** What a start that failed told. */
export interface Refusal {
  readonly said?: string;
  /** Version of the CLI that was found, where it was refused for that. */
  readonly foundVersion?: string;
}

/** It is the last thing such a start prints, but below it stands the rest of the terminal, empty. */
const LINES = 500;
const MOST_SAID = 300;
/** As `adapters/runtimes/launch` ends a start: no lease, unusable configuration, another version, no program. */
const CODES: ReadonlySet<number> = new Set([75, 78, VERSION_REFUSED, 127]);

/** An end that the launch may have made, as far as its exit code tells. Hooks before the start fail with codes of their own. */
export const refusedStart = (looked: Observation, desired: DesiredInstance | undefined): PlacedSighting | undefined =>
  looked.kind === 'unknown' || !desired
    ? undefined
    : looked.sightings.find(
        ({ exit: { code } = {} }) =>
          code !== undefined && code !== 0 && (CODES.has(code) || desired.launch.preStart.length > 0),
      );

/** `width`: of its terminal. */
export async function refusalOf(
  runtime: Pick<Runtime, 'logs'>,
  transport: Transport,
  id: InstanceId,
  width: number,
): Promise<Refusal> {
  const lines: string[] = [];
  try {
    for await (const line of runtime.logs(transport, id, { tail: LINES })) lines.push(line);
  } catch {
    return {};
  }
  const said = lastSaid(lines, width);
  const foundVersion = refusedVersion(lines);
  return { ...(said !== undefined && { said }), ...(foundVersion !== undefined && { foundVersion }) };
}

/** Undefined: the last that was printed is not ours, but the agent's. Rows that a terminal broke are joined. */
export function lastSaid(lines: readonly string[], width: number): string | undefined {
  const printed = lines.filter((line) => line.trim() !== '' && !line.startsWith('Pane is dead'));
  const from = printed.findLastIndex((line) => line.startsWith('sac: '));
  const rows = from < 0 ? [] : printed.slice(from);
  // Only a row that is (nearly) full goes on below: a blank at its end is not seen.
  if (rows.length === 0 || rows.slice(0, -1).some((row) => row.length < width - 1)) return undefined;
  const text = rows.map((row, i) => (i < rows.length - 1 && row.length < width ? `${row} ` : row)).join('');
  const said = redact(text.slice('sac: '.length).trim());
  return said.length > MOST_SAID ? `${said.slice(0, MOST_SAID - 1)}…` : said;
}

/** As `adapters/runtimes/launch` words it. A terminal may break it anywhere, and loses blanks where it does. */
export function refusedVersion(lines: readonly string[]): string | undefined {
  const said = lines.join('').replaceAll(/\s/g, '');
  return [...said.matchAll(/isnotofversion[^,]*,asthemanifestwantsit,but(\d+\.\d+\.\d+)/g)].at(-1)?.[1];
}

/** The same look, with what the refused start told. */
export const withRefusal = (looked: Observation, refused: PlacedSighting, refusal: Refusal): Observation =>
  looked.kind === 'unknown'
    ? looked
    : {
        ...looked,
        sightings: looked.sightings.map((seen) =>
          seen === refused ? { ...seen, exit: { ...seen.exit, ...refusal } } : seen,
        ),
      };

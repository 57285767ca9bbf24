/**
 * Owns: what the user's hooks are told of a running instance, each once: that it differs, that it compacts its context.
 * Pure. What was told is remembered before it is told, so nothing is told twice; a controller killed in between tells it never.
 * Never: runs a hook, or changes what happens to the instance.
 */
import type { Activity } from '../../api/resources/agent/agent.ts';
import type { Condition } from '../../api/resources/meta.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { DesiredInstance } from '../plan/desired-instance.ts';
import type { Gap } from './gap.ts';
import type { Reading } from './onboarding.ts';
import type { Effect, FilesReading, Memory, PlacedSighting } from './snapshot.ts';

/** JSON. */
export interface ToldMemory {
  /** Incarnation whose launch differs from the declared one; absent again when it is as declared. */
  readonly diff?: Instant;
  /** `FilesReading.mendedAt` that was told. */
  readonly mended?: Instant;
  /** The last compaction: when it began, and whether it goes on. */
  readonly compacted?: { readonly at: Instant; readonly lasts: boolean };
}

interface TellInput {
  readonly id: InstanceId;
  readonly memory: Memory;
  /** Conditions of the last pass. */
  readonly before: readonly Condition[];
  readonly gap: Gap;
  readonly desired: DesiredInstance | undefined;
  readonly files: FilesReading | undefined;
}
interface Telling {
  readonly memory: Memory;
  readonly effects: readonly Effect[];
}

/** A hook of the CLI and its screen tell of the same compaction, by clocks that differ at most so much. */
const SAME_COMPACTION_MS = 10_000;

export function tell({ id, memory, before, gap, desired, files }: TellInput): Telling {
  const seen = desired && inLife(gap);
  if (!desired || !seen) return { memory, effects: [] };
  const { onDiff, onCompact } = desired.hooks;
  const current = files?.key === desired.workspace?.key ? files : undefined;
  const diff = tellDiff(memory.told ?? {}, before, gap, seen, current);
  const compacted = tellCompaction(memory.told?.compacted, seen);
  const told: ToldMemory = {
    ...(diff.diff !== undefined && { diff: diff.diff }),
    ...(diff.mended !== undefined && { mended: diff.mended }),
    ...(compacted.compacted && { compacted: compacted.compacted }),
  };
  const hook = (point: Extract<Effect, { type: 'hook' }>['point'], commands: readonly string[]): readonly Effect[] =>
    commands.length === 0
      ? []
      : [{ type: 'hook', id, place: seen.place, incarnation: seen.incarnation, point, commands }];
  return {
    memory: remember(memory, told),
    effects: [...(diff.news ? hook('on_diff', onDiff) : []), ...(compacted.news ? hook('on_compact', onCompact) : [])],
  };
}

function remember(memory: Memory, told: ToldMemory): Memory {
  if (sameTold(memory.told, told)) return memory;
  const { told: _, ...rest } = memory;
  return Object.keys(told).length === 0 ? rest : { ...rest, told };
}

/** What runs, and is not on its way out for another reason than that it differs. */
const inLife = (gap: Gap): PlacedSighting | undefined =>
  gap.type === 'live' || gap.type === 'drifted' || (gap.type === 'surplus' && gap.why === 'update')
    ? gap.seen
    : undefined;

function tellDiff(
  told: ToldMemory,
  before: readonly Condition[],
  gap: Gap,
  { incarnation }: PlacedSighting,
  files: FilesReading | undefined,
): Pick<ToldMemory, 'diff' | 'mended'> & { readonly news: boolean } {
  const differs = gap.type !== 'live';
  const mended = files?.mendedAt ?? told.mended;
  const reported =
    files?.reason === 'Drifted' && before.find(({ type }) => type === 'FilesSynced')?.reason !== 'Drifted';
  return {
    ...(differs && { diff: incarnation }),
    ...(mended !== undefined && { mended }),
    news: (differs && told.diff !== incarnation) || mended !== told.mended || reported,
  };
}

/** Whatever is known not to be a compaction ends it. */
const NO_WORD: ReadonlySet<Activity> = new Set<Activity>(['compacting', 'unknown', 'none', 'starting']);

function tellCompaction(
  told: ToldMemory['compacted'],
  { reading, incarnation }: PlacedSighting,
): { readonly compacted?: ToldMemory['compacted']; readonly news: boolean } {
  const began = reading && compactionIn(reading, incarnation);
  const lasts = reading?.activity === 'compacting';
  if (began === undefined || (told && (told.lasts && lasts ? true : began <= told.at + SAME_COMPACTION_MS)))
    return { news: false, ...(told && { compacted: stillLasts(told, reading) }) };
  return { news: true, compacted: { at: began, lasts } };
}

const stillLasts = (
  told: NonNullable<ToldMemory['compacted']>,
  reading: Reading | undefined,
): NonNullable<ToldMemory['compacted']> =>
  told.lasts && reading && !NO_WORD.has(reading.activity) ? { ...told, lasts: false } : told;

/** When this incarnation last began to compact. */
function compactionIn({ activity, since, compactedAt }: Reading, incarnation: Instant): Instant | undefined {
  const shown = activity === 'compacting' ? since : undefined;
  const hooked = compactedAt !== undefined && compactedAt >= incarnation ? compactedAt : undefined;
  return shown === undefined ? hooked : Math.max(shown, hooked ?? shown);
}

export const sameTold = (a: ToldMemory | undefined, b: ToldMemory | undefined): boolean =>
  a === b ||
  (a?.diff === b?.diff &&
    a?.mended === b?.mended &&
    a?.compacted?.at === b?.compacted?.at &&
    a?.compacted?.lasts === b?.compacted?.lasts);

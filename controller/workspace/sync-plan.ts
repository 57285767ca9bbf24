/**
 * Owns: the comparison of what is to be deployed with what stands at the place: what is written, kept, removed, or only told.
 * Never: does it. Pure.
 */
import { type PlannedFile, shown, type WorkspacePlan } from '../plan/workspace/workspace-plan.ts';
import type { PlaceLook, Remembered } from './place-look.ts';

export interface SyncPlan {
  readonly put: readonly PlannedFile[];
  /** To be put aside first: somebody else's content. */
  readonly keep: readonly string[];
  /** Deployed once, unchanged since, and not declared any more. */
  readonly remove: readonly string[];
  /** Not declared any more, but changed since: left where they are. */
  readonly leave: readonly string[];
  /** Changed at the place, and to be told only. */
  readonly drifted: readonly string[];
  /** Changed or taken away at the place since they were deployed, and deployed again. */
  readonly mended: readonly string[];
  readonly blocked: readonly (readonly [string, string])[];
  /** What is remembered afterwards. */
  readonly remember: ReadonlyMap<string, Remembered>;
}

export function planSync({ files, drift }: WorkspacePlan, { hashes, blocked, remembered }: PlaceLook): SyncPlan {
  const put: PlannedFile[] = [];
  const keep: string[] = [];
  const drifted: string[] = [];
  const mended: string[] = [];
  const stopped: (readonly [string, string])[] = [];
  const remember = new Map<string, Remembered>();
  for (const file of files) {
    const name = shown(file);
    const why = blocked.get(name);
    const there = hashes.get(name);
    const was = remembered.get(name);
    const wanted: Remembered = { sha256: file.sha256, mode: file.mode };
    if (why !== undefined) {
      stopped.push([name, why]);
      if (was) remember.set(name, was);
      continue;
    }
    // Deployed as it is declared now, and differs: that was done at the place.
    const changed = was?.sha256 === file.sha256 && there !== file.sha256;
    remember.set(name, wanted);
    if (changed && drift === 'report') {
      drifted.push(name);
      continue;
    }
    if (there !== file.sha256 || was?.mode !== file.mode) put.push(file);
    if (there !== undefined && there !== file.sha256 && there !== was?.sha256) keep.push(name);
    if (changed) mended.push(name);
  }
  const stale = [...remembered].filter(([name]) => !remember.has(name) && !blocked.has(name) && hashes.has(name));
  return {
    put,
    keep,
    drifted,
    mended,
    blocked: stopped,
    remember,
    remove: stale.filter(([name, was]) => hashes.get(name) === was.sha256).map(([name]) => name),
    leave: stale.filter(([name, was]) => hashes.get(name) !== was.sha256).map(([name]) => name),
  };
}

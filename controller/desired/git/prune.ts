/**
 * Owns: what a commit deletes, and when that is more than may go unasked.
 * Never: names anything that the source did not create.
 */
import { things } from './refusal.ts';

export interface PruneFacts {
  /** `Kind/name` of what lives and was created by this source. */
  readonly owned: readonly string[];
  /** `Kind/name` of what the commit declares. */
  readonly declared: ReadonlySet<string>;
  readonly prune: boolean;
  readonly maxPrunePercent: number;
  readonly force: boolean;
}

export type PrunePlan =
  | { readonly ok: true; readonly doomed: readonly string[] }
  /** A whole sentence part: what would be deleted, and what to do. */
  | { readonly ok: false; readonly reason: 'EmptyTree' | 'PruneLimit'; readonly why: string };

export function planPrune({ owned, declared, prune, maxPrunePercent, force }: PruneFacts): PrunePlan {
  // A tree without a single manifest is taken for a mistake, whoever insists.
  if (declared.size === 0 && owned.length > 0)
    return {
      ok: false,
      reason: 'EmptyTree',
      why: `it holds no manifest, although ${things(owned.length)} came from this source; they are kept`,
    };
  if (!prune) return { ok: true, doomed: [] };
  const doomed = owned.filter((key) => !declared.has(key));
  // In whole numbers: 1 of 2 is exactly 50 %.
  if (doomed.length * 100 > owned.length * maxPrunePercent && !force)
    return {
      ok: false,
      reason: 'PruneLimit',
      why: `it would delete ${doomed.length} of ${things(owned.length)}, more than maxPrunePercent: ${maxPrunePercent} allows (${listed(doomed)}); \`sac sync --force\` does it`,
    };
  return { ok: true, doomed };
}

export const listed = (names: readonly string[]): string =>
  names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;

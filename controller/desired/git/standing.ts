/**
 * Owns: what the condition Synced says of a commit that is applied, and how heavily its source weighs on the others.
 * Never: decides what is drift.
 */
import type { GitSourceStatus } from '../../../api/resources/kinds/git-source.ts';
import { listed } from './prune.ts';
import { short, things } from './refusal.ts';
import { conditionOf, type Finding, yes } from './status.ts';

export function syncedAs(
  commit: string,
  held: boolean,
  found: {
    readonly declared: ReadonlySet<string>;
    readonly drift: readonly string[];
    readonly undone: readonly string[];
  },
): Finding {
  const { declared, drift, undone } = found;
  const parts = [
    drift.length > 0 ? `changed by hand: ${listed(drift)}` : '',
    undone.length > 0 ? `undone by a rollout: ${listed(undone)}` : '',
  ].filter((part) => part !== '');
  if (parts.length > 0)
    return yes(drift.length > 0 ? 'Drifted' : 'Undone', `${short(commit)} is applied, but ${parts.join('; ')}.`);
  return held
    ? yes('Held', `Rolled back to ${short(commit)}: ${things(declared.size)}; \`sac sync\` goes on.`)
    : yes('Applied', `${short(commit)} is applied: ${things(declared.size)}.`);
}

/** Agents; a commit of fewer is read in the time of a few git commands. */
const MANY = 100;

/** The next commit of a source that is new, broken or large is likely to be work, and is nothing that the others should feel. */
export const isWeighty = (status: GitSourceStatus): boolean =>
  status.agents > MANY || conditionOf(status, 'Synced')?.status !== 'True';

/**
 * Owns: what the condition Synced says of a commit that is applied.
 * Never: decides what is drift.
 */
import { listed } from './prune.ts';
import { short, things } from './refusal.ts';
import { type Finding, yes } from './status.ts';

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

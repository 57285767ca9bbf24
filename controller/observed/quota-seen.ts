/**
 * Owns: how much of a quota an agent's screen last said is used: said for some seconds, and true for longer.
 * Never: outlives the window it is of, or the incarnation that said it.
 */
import type { PaneState } from '../../adapters/profiles/screen.ts';
import type { AgentFacts } from '../../api/resources/agent/facts.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';

const HOUR_MS = 3_600_000;
const WINDOW_MS: Readonly<Record<string, DurationMs>> = { '5h': 5 * HOUR_MS, '7d': 168 * HOUR_MS };

interface Seen {
  readonly incarnation: Instant;
  readonly windows: ReadonlyMap<string, { readonly usedRatio: number; readonly at: Instant }>;
}

export class QuotaSeen {
  readonly #seen = new Map<InstanceId, Seen>();

  /** What is known now, of this look and of those before it. */
  look(id: InstanceId, incarnation: Instant, { quotaUsed = {} }: PaneState, at: Instant): Pick<AgentFacts, 'quota'> {
    const before = this.#seen.get(id);
    const kept = before?.incarnation === incarnation ? [...before.windows] : [];
    const said = Object.entries(quotaUsed).map(([window, usedRatio]) => [window, { usedRatio, at }] as const);
    const windows = new Map([...kept, ...said].filter(([window, one]) => at - one.at < (WINDOW_MS[window] ?? HOUR_MS)));
    if (windows.size === 0) {
      this.#seen.delete(id);
      return {};
    }
    this.#seen.set(id, { incarnation, windows });
    const value = Object.fromEntries([...windows].map(([window, { usedRatio }]) => [window, { usedRatio }]));
    const newest = Math.max(...[...windows.values()].map((one) => one.at));
    return { quota: { value, source: 'screen', at: newest } };
  }

  forget(known: (id: InstanceId) => boolean): void {
    for (const id of this.#seen.keys()) if (!known(id)) this.#seen.delete(id);
  }
}

/**
 * Owns: how much of a quota an agent's screen last said is used: said for some seconds, and true for longer.
 * Never: outlives the window it is of, or the incarnation that said it.
 */
import { Cron } from 'croner';
import type { PaneState, ResetTime } from '../../adapters/profiles/screen.ts';
import type { AgentFacts } from '../../api/resources/agent/facts.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';

const HOUR_MS = 3_600_000;
const WINDOW_MS: Readonly<Record<string, DurationMs>> = { '5h': 5 * HOUR_MS, '7d': 168 * HOUR_MS };

interface Seen {
  readonly incarnation: Instant;
  readonly windows: ReadonlyMap<string, Used>;
}

interface Used {
  readonly usedRatio: number;
  readonly at: Instant;
  readonly resetsAt?: Instant;
}

/** What is said of a window is over with it; without its end, it may have begun just then. */
const isOver = (window: string, { at, resetsAt }: Used, now: Instant): boolean =>
  now >= (resetsAt ?? at + (WINDOW_MS[window] ?? HOUR_MS));

/** What lies further away than its window is long was read wrongly. */
function resetOf(window: string, { cron, timeZone }: ResetTime, at: Instant): Instant | undefined {
  const next = new Cron(cron, { timezone: timeZone }).nextRun(new Date(at))?.getTime();
  return next !== undefined && next <= at + (WINDOW_MS[window] ?? HOUR_MS) + HOUR_MS ? next : undefined;
}

export class QuotaSeen {
  readonly #seen = new Map<InstanceId, Seen>();

  /** What is known now, of this look and of those before it. */
  look(id: InstanceId, incarnation: Instant, { quotaUsed = {} }: PaneState, at: Instant): Pick<AgentFacts, 'quota'> {
    const before = this.#seen.get(id);
    const kept = before?.incarnation === incarnation ? [...before.windows] : [];
    const said = Object.entries(quotaUsed).map(([window, { usedRatio, resets }]) => {
      const resetsAt = resets && resetOf(window, resets, at);
      return [window, { usedRatio, at, ...(resetsAt !== undefined && { resetsAt }) }] as const;
    });
    const windows = new Map<string, Used>([...kept, ...said].filter(([window, used]) => !isOver(window, used, at)));
    if (windows.size === 0) {
      this.#seen.delete(id);
      return {};
    }
    this.#seen.set(id, { incarnation, windows });
    const value = Object.fromEntries([...windows].map(([window, { at: _, ...used }]) => [window, used]));
    const newest = Math.max(...[...windows.values()].map((one) => one.at));
    return { quota: { value, source: 'screen', at: newest } };
  }

  forget(known: (id: InstanceId) => boolean): void {
    for (const id of this.#seen.keys()) if (!known(id)) this.#seen.delete(id);
  }
}

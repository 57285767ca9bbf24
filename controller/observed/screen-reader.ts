/**
 * Owns: reading the screens of one place: which agents, how often, and what was read last of each.
 * Never: decides, or looks at screens nobody asked about; a quiet fleet is asked for what changed and nothing else.
 *
 * Bound: one reading an agent; one look at a time.
 */
import type { PaneState, Screen } from '../../adapters/profiles/screen.ts';
import type { Runtime } from '../../adapters/runtimes/runtime.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import type { AgentFacts, TokenCounts } from '../../api/resources/agent/facts.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import { redact } from '../../api/resources/redact.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import type { Reading } from '../machine/onboarding.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import { screenFacts } from './facts.ts';

/** An agent whose screen is to be read. */
export interface Watched {
  readonly read: (screen: Screen) => PaneState;
  readonly readyPatterns: readonly string[];
  readonly customDialogs: readonly { readonly name: string; readonly match: string }[];
  readonly pollMs: DurationMs;
  /** It is on its way to its prompt: looked at more often. */
  readonly pending: boolean;
}

export interface ScreenReaderOptions {
  readonly runtime: Runtime;
  readonly transport: Transport;
  readonly timers: Timers;
  readonly watched: () => ReadonlyMap<InstanceId, Watched>;
  /** All that is known of it, its screen included; absent: the screen is all. */
  readonly facts?: (id: InstanceId, state: PaneState, at: Instant) => Promise<AgentFacts>;
  /** What is read of these is other than it was. */
  readonly onChange: (ids: readonly InstanceId[]) => void;
}

/** Between two looks at agents of which nothing is expected. */
const QUIET_MS = 2_000;
/** After a keystroke the answer is there about so soon. */
const SOON_MS = 100;

interface Kept {
  readonly screen: Screen;
  readonly state: PaneState;
  readonly reading: Reading;
}

export class ScreenReader implements Disposable {
  readonly #options: ScreenReaderOptions;
  #kept = new Map<InstanceId, Kept>();
  #cancel: (() => void) | undefined;
  #dueAt: Instant | undefined;
  #looking = false;
  #again = false;
  #closed = false;

  constructor(options: ScreenReaderOptions) {
    this.#options = options;
  }

  reading(id: InstanceId): Reading | undefined {
    return this.#kept.get(id)?.reading;
  }

  /** Who is watched changed, or something was typed: looks soon, and from then on as often as is needed. */
  soon(delayMs: DurationMs = SOON_MS): void {
    const { timers } = this.#options;
    const dueAt = timers.now() + delayMs;
    if (this.#closed || (this.#dueAt !== undefined && this.#dueAt <= dueAt)) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#cancel?.();
    this.#dueAt = dueAt;
    this.#cancel = timers.after(delayMs, () => void this.#look());
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#cancel?.();
  }

  async #look(): Promise<void> {
    const { runtime, transport, timers, onChange } = this.#options;
    this.#dueAt = undefined;
    const watched = this.#options.watched();
    if (this.#closed || !runtime.screen) return;
    if (watched.size === 0) {
      this.#kept.clear();
      // Who is watched from now on may be told before or after: that must not decide whether it is ever looked at.
      this.soon(QUIET_MS);
      return;
    }
    this.#looking = true;
    this.#again = false;
    const at = timers.now();
    try {
      const screens = await runtime.screen(transport, [...watched.keys()]);
      const changed = await this.#take(watched, screens, at);
      if (changed.length > 0 && !this.#closed) onChange(changed);
    } catch {
      // The place could not be asked; its view tells that, and what was read last grows old.
    } finally {
      this.#looking = false;
    }
    const fast = [...watched.values()].filter(({ pending }) => pending).map(({ pollMs }) => pollMs);
    this.soon(this.#again ? SOON_MS : Math.min(QUIET_MS, ...fast));
  }

  async #take(
    watched: ReadonlyMap<InstanceId, Watched>,
    screens: ReadonlyMap<InstanceId, Screen>,
    at: Instant,
  ): Promise<readonly InstanceId[]> {
    const changed: InstanceId[] = [];
    const next = new Map<InstanceId, Kept>();
    for (const [id, screen] of screens) {
      const wanted = watched.get(id);
      if (!wanted) continue;
      const before = this.#kept.get(id);
      const state = before?.screen === screen ? before.state : readOne(screen, wanted);
      const matchesReady =
        before?.screen === screen
          ? before.reading.matchesReady
          : wanted.readyPatterns.every((pattern) => new RegExp(pattern, 'm').test(screen.text));
      const known = (await this.#options.facts?.(id, state, at)) ?? screenFacts(state, at);
      const now = withVersion(toReading(state, known, at, matchesReady), before?.reading);
      const lasts = before !== undefined && lastsOn(before.reading, now);
      next.set(id, { screen, state, reading: lasts ? { ...now, since: before.reading.since } : now });
      if (before === undefined || !sameReading(before.reading, now)) changed.push(id);
    }
    this.#kept = next;
    return changed;
  }
}

/** A screen that its reader cannot bear is unknown; that must keep no other screen from being read. */
function readOne(screen: Screen, wanted: Watched): PaneState {
  try {
    return named(wanted.read(screen), wanted);
  } catch (error) {
    return { activity: 'unknown', reason: `its screen could not be read: ${String(error)}` };
  }
}

/** A dialog that the manifest describes has the manifest's name. */
export function named(state: PaneState, { customDialogs }: Pick<Watched, 'customDialogs'>): PaneState {
  const { dialog } = state;
  if (!dialog || customDialogs.length === 0) return state;
  const custom = customDialogs.find(({ match }) => new RegExp(match, 'm').test(dialog.text));
  return custom ? { ...state, dialog: { ...dialog, name: custom.name } } : state;
}

/** Told once, in a banner that scrolls away; whatever starts anew may be another. */
const withVersion = (now: Reading, before: Reading | undefined): Reading =>
  now.cliVersion !== undefined || before?.cliVersion === undefined || now.activity === 'starting'
    ? now
    : { ...now, cliVersion: before.cliVersion };

/** The same activity and the same question: it lasts. */
const lastsOn = (a: Reading, b: Reading): boolean =>
  a.activity === b.activity &&
  a.matchesReady === b.matchesReady &&
  a.dialog?.name === b.dialog?.name &&
  a.dialog?.text === b.dialog?.text &&
  a.dialog?.options.findIndex(({ selected }) => selected) === b.dialog?.options.findIndex(({ selected }) => selected);

/** What goes on counting is told in steps: a reading is written down each time it changes. */
const sameReading = (a: Reading, b: Reading): boolean =>
  lastsOn(a, b) &&
  a.tool === b.tool &&
  a.resetsAt === b.resetsAt &&
  a.fault === b.fault &&
  JSON.stringify(a.quota) === JSON.stringify(b.quota) &&
  a.model === b.model &&
  a.cliVersion === b.cliVersion &&
  a.lastToolAt === b.lastToolAt &&
  a.tokensToday === b.tokensToday &&
  a.sessionId === b.sessionId &&
  a.compactedAt === b.compactedAt &&
  percent(a.contextUsedRatio) === percent(b.contextUsedRatio);
const percent = (ratio: number | undefined): number | undefined =>
  ratio === undefined ? undefined : Math.round(ratio * 100);

function toReading(state: PaneState, facts: AgentFacts, at: Instant, matchesReady: boolean): Reading {
  const { dialog, resetsAt } = state;
  const {
    activity,
    activityReason,
    currentTool,
    contextUsedRatio,
    model,
    cliVersion,
    lastTool,
    tokens,
    tokensByDay,
    costUsdEstimate,
    sessionId,
    quota,
    compactedAt,
    fault,
  } = facts;
  const today = tokensByDay?.value[new Date(at).toISOString().slice(0, 10)];
  const shown = activity?.value ?? state.activity;
  return {
    at,
    since: at,
    activity: shown,
    reason: activityReason?.value ?? state.reason,
    matchesReady,
    ...(activity && activity.source !== 'screen' && { source: activity.source }),
    ...(dialog &&
      (shown === state.activity || shown === 'dialog') && {
        dialog: {
          name: dialog.name,
          text: redact(dialog.text),
          selector: dialog.selector,
          options: dialog.options.map(({ number, label, selected }) => ({
            ...(number !== undefined && { number }),
            label: redact(label),
            selected,
          })),
        },
      }),
    ...(currentTool && { tool: currentTool.value }),
    ...(resetsAt !== undefined && { resetsAt }),
    ...(fault && { fault: fault.value }),
    ...(contextUsedRatio && { contextUsedRatio: contextUsedRatio.value }),
    ...(model && { model: model.value }),
    ...(cliVersion && { cliVersion: cliVersion.value }),
    ...(lastTool && { lastToolAt: lastTool.value.at, lastToolName: lastTool.value.name }),
    ...(today && { tokensToday: sum(today) }),
    ...(tokens && { tokens: tokens.value }),
    ...(costUsdEstimate && { costUsd: costUsdEstimate.value }),
    ...(sessionId && { sessionId: sessionId.value }),
    ...(quota && { quota: quota.value }),
    ...(compactedAt && { compactedAt: compactedAt.value }),
  };
}

const sum = ({ input, output, cacheRead, cacheWrite }: TokenCounts): number => input + output + cacheRead + cacheWrite;

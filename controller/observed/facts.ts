/**
 * Owns: what is known of an agent at work when its hooks, its transcript and its screen each tell something.
 * Never: reads any of them, or a clock.
 */
import type { PaneState } from '../../adapters/profiles/screen.ts';
import { ACTIVITIES, type Activity } from '../../api/resources/agent/agent.ts';
import {
  type AgentFacts,
  FACT_SOURCES,
  type Fact,
  type FactName,
  type FactSource,
  windowFromName,
} from '../../api/resources/agent/facts.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';

export type FactsBySource = { readonly [S in FactSource]?: AgentFacts };

/**
 * Hooks beat the transcript, the transcript beats the screen, unless the weaker source tells of something this much later:
 * then the stronger one has missed it (hooks that were switched off, a record that ended). Sources see one and the same
 * thing within a second or two of each other.
 */
export const LATER_MS: DurationMs = 10_000;
/** No hook tells of an interrupted turn: a screen that has shown rest for this long after the hook's last word is believed. */
export const AT_REST_MS: DurationMs = 3_000;

/** What stops an agent and no hook tells of, or not always: a later screen is believed at once. */
const SCREEN_KNOWS: ReadonlySet<Activity> = new Set<Activity>([
  'dialog',
  'permission_prompt',
  'question',
  'auth_error',
  'rate_limited',
  'limit_reached',
  'compose_pending',
  'context_low',
  'exited',
  'error',
]);
const BUSY: ReadonlySet<Activity> = new Set<Activity>(['working', 'compacting', 'starting']);
/** States in which a person or a service is waited for; when the screen shows otherwise later, they are over. */
const WAITING: ReadonlySet<Activity> = new Set<Activity>(
  ACTIVITIES.filter((activity) => SCREEN_KNOWS.has(activity) && activity !== 'exited'),
);

/** Merges fact by fact. A fact nobody told stays absent: unknown is not zero. Pure; the same for any order of calls. */
export function mergeFacts(sources: FactsBySource): AgentFacts {
  const merged: Partial<Record<FactName, Fact<unknown>>> = {};
  for (const source of FACT_SOURCES)
    for (const [name, fact] of entries(sources[source])) {
      const before = merged[name];
      if (before === undefined || fact.at - before.at > LATER_MS) merged[name] = fact;
    }
  const { activity: _, activityReason: __, fault: ___, ...rest } = merged as AgentFacts;
  const result: AgentFacts = { ...rest, ...mergeModel(sources, rest), ...mergeActivity(sources) };
  return { ...result, ...mergeContext(sources, result) };
}

const entries = (facts: AgentFacts | undefined): readonly (readonly [FactName, Fact<unknown>])[] =>
  Object.entries(facts ?? {}) as [FactName, Fact<unknown>][];

type Doing = Pick<AgentFacts, 'activity' | 'activityReason' | 'fault'>;
const doing = (facts: AgentFacts | undefined): Doing => ({
  ...(facts?.activity ? { activity: facts.activity } : {}),
  ...(facts?.activity && facts.activityReason ? { activityReason: facts.activityReason } : {}),
});

/** Activity and its reason come from one source. Transcripts tell no activity. */
function mergeActivity(sources: FactsBySource): Doing {
  const { hooks, screen, transcript } = sources;
  const told = hooks?.activity;
  const seen = screen?.activity;
  if (seen === undefined || (told !== undefined && !screenIsBelieved(told, seen))) {
    // One question has one reason, whichever of a CLI's hooks tell of it one after the other.
    const same = ASKS.has(seen?.value ?? 'unknown') && seen?.value === told?.value && screen?.activityReason;
    return withFault({ ...doing(hooks), ...(same && { activityReason: same }) }, sources);
  }
  // A line that says "tried again", and the answer that made it try: the one is looked at now, the other says what it was.
  const tries = hooks?.requestError;
  if (seen.value === 'error' && tries && tries.at <= seen.at)
    return {
      activity: { ...tries, value: tries.value.activity, at: seen.at },
      activityReason: { ...tries, value: tries.value.reason, at: seen.at },
      ...(tries.value.fault && { fault: { ...tries, value: tries.value.fault, at: seen.at } }),
    };
  // The screen says "error", the transcript says which.
  const why = transcript?.activityReason;
  return withFault(
    { ...doing(screen), ...(why && BLOCKED_BY_SERVICE.has(seen.value) ? { activityReason: why } : {}) },
    sources,
  );
}

/** Of one and the same error one source may know more than another: "overloaded" where the other has "a server's error". */
function withFault(told: Doing, { hooks, screen, transcript }: FactsBySource): Doing {
  if (told.activity?.value !== 'error') return told;
  const ofError = [hooks, screen].filter((source) => source?.activity?.value === 'error');
  const faults = [...ofError, transcript].map((source) => source?.fault).filter((one) => one !== undefined);
  const most = faults.find(({ value }) => value === 'overloaded') ?? faults[0];
  return most ? { ...told, fault: most } : told;
}

const ASKS: ReadonlySet<Activity> = new Set<Activity>(['permission_prompt', 'question']);
const BLOCKED_BY_SERVICE: ReadonlySet<Activity> = new Set<Activity>(['error', 'rate_limited']);

function screenIsBelieved(told: Fact<Activity>, seen: Fact<Activity>): boolean {
  // A screen that could not be read says nothing against a hook.
  if (seen.value === 'unknown' || seen.value === 'none' || seen.at < told.at) return false;
  if (seen.value === told.value) return false;
  if (SCREEN_KNOWS.has(seen.value)) return true;
  const later = seen.at - told.at;
  if (WAITING.has(told.value)) return later >= AT_REST_MS;
  // Rest after busy: an interrupt. Busy after rest: a prompt whose hook never came.
  return BUSY.has(told.value) !== BUSY.has(seen.value) && later >= AT_REST_MS;
}

/** The one that also says the window (`claude-opus-4-8[1m]`) when sources name the same model. */
function mergeModel({ hooks, transcript }: FactsBySource, merged: AgentFacts): Pick<AgentFacts, 'model'> {
  const rich = hooks?.model;
  const used = transcript?.model;
  if (rich === undefined || used === undefined || merged.model === undefined) return {};
  return base(rich.value) === base(used.value) ? { model: rich.at > used.at ? rich : { ...rich, at: used.at } } : {};
}
const base = (model: string): string => model.replace(/\[[^\]]*\]$/, '');

const USUAL_WINDOW = 200_000;
const LONG_WINDOW = 1_000_000;

/**
 * A ratio needs a window: known from the model's name, else the screen's own figure, else the smallest usual window that
 * holds what is in it.
 */
function mergeContext({ screen }: FactsBySource, merged: AgentFacts): Pick<AgentFacts, 'contextUsedRatio'> {
  const { contextTokens: tokens, contextWindow, model } = merged;
  if (tokens === undefined) return {};
  const known = contextWindow?.value ?? (model && windowFromName(model.value));
  const shown = screen?.contextUsedRatio;
  if (known === undefined && shown && shown.at >= tokens.at) return { contextUsedRatio: shown };
  const size = known ?? (tokens.value > USUAL_WINDOW ? LONG_WINDOW : USUAL_WINDOW);
  return { contextUsedRatio: { ...tokens, value: Math.min(1, tokens.value / size) } };
}

/** What one look at a screen tells; `at`: when. */
export function screenFacts(state: PaneState, at: Instant): AgentFacts {
  const fact = <T>(value: T): Fact<T> => ({ value, source: 'screen', at });
  const { activity, reason, fault, tool, contextUsedRatio, model, cliVersion } = state;
  return {
    activity: fact(activity),
    activityReason: fact(reason),
    ...(fault && { fault: fact(fault) }),
    ...(tool !== undefined && { currentTool: fact(tool) }),
    ...(contextUsedRatio !== undefined && { contextUsedRatio: fact(contextUsedRatio) }),
    ...(model !== undefined && { model: fact(model) }),
    ...(cliVersion !== undefined && { cliVersion: fact(cliVersion) }),
  };
}

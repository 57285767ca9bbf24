/**
 * Owns: when a wait is over: reached, can no longer come, gone. A pure judgement over one look at a thing, and the loop around it.
 * Never: misses a state that came and went: it watches from the version of the list it began with.
 */
import type { Client } from '../../api/client.ts';
import type { Agent } from '../../api/resources/agent/agent.ts';
import { CONDITIONS_OF } from '../../api/resources/conditions.ts';
import { BadRequestError, EXIT, type ExitCode, NoControllerError } from '../../api/resources/errors.ts';
import { kindOfPlural, type ObjectKind, type ObjectPlural } from '../../api/resources/kinds/kind-names.ts';
import { closest } from '../../api/resources/suggest.ts';
import { show, valuesAt } from '../output/jsonpath.ts';
import { typeOf } from './resources.ts';

/** What can be waited for: agents, and what else is declared. */
export type WaitedPlural = 'agents' | ObjectPlural;
interface Told {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}
/** What all of them show. */
export interface Other {
  readonly kind: ObjectKind;
  readonly metadata: { readonly name: string; readonly generation: number };
  readonly status: object;
}
export type Waited = Agent | Other;
const isAgent = (thing: Waited | undefined): thing is Agent => thing?.kind === 'Agent';

/** As its controller tells them. */
export function conditionsOf({ status }: Waited): readonly Told[] {
  return 'conditions' in status && Array.isArray(status.conditions) ? status.conditions : [];
}

export type Goal =
  | { readonly kind: 'condition'; readonly type: string; readonly status: string }
  | { readonly kind: 'jsonpath'; readonly path: string; readonly value: string | undefined }
  | { readonly kind: 'delete' }
  | { readonly kind: 'create' }
  /** Ready, or over successfully: what `apply --wait` waits for. */
  | { readonly kind: 'up' }
  /** Ready, and nothing that ran before runs any more; `before` as `runsOf` gave it. */
  | { readonly kind: 'replaced'; readonly before: ReadonlySet<string> };

/** What runs of an agent, each start told apart. */
export const runsOf = (agent: Agent): ReadonlySet<string> =>
  new Set(agent.status.instances.map(({ name, pid, startedAt }) => `${name} ${pid} ${startedAt}`));

export function parseGoal(text: string, plural: WaitedPlural = 'agents'): Goal {
  if (text === 'delete' || text === 'create') return { kind: text };
  const condition = /^condition=([A-Za-z]+)(?:=(.+))?$/.exec(text);
  if (condition) return conditionGoal(plural, condition[1] ?? '', condition[2] ?? 'True');
  const jsonpath = /^jsonpath=(['"]?)(\{.*\}|\.[^=]*)\1(?:=(.*))?$/.exec(text);
  if (jsonpath) return { kind: 'jsonpath', path: jsonpath[2] ?? '', value: jsonpath[3] };
  throw new BadRequestError(
    `--for "${text}" is not understood; use condition=Ready, delete, create or jsonpath='{.status.phase}'=Running`,
  );
}

const STATUSES = ['True', 'False', 'Unknown'];

/** What is misspelt would be waited for in vain. */
function conditionGoal(plural: WaitedPlural, type: string, status: string): Goal {
  const find = (what: string, word: string, known: readonly string[]): string => {
    const found = known.find((one) => one.toLowerCase() === word.toLowerCase());
    if (found !== undefined) return found;
    const near = closest(word, known);
    throw new BadRequestError(
      `--for condition=${type}: there is no ${what} "${word}"; ${near === undefined ? `known: ${known.join(', ')}` : `did you mean "${near}"?`}`,
    );
  };
  return {
    kind: 'condition',
    type: find('condition', type, CONDITIONS_OF[kindOfPlural(plural) ?? 'Agent']),
    status: find('status', status, STATUSES),
  };
}

function describeGoal(goal: Goal): string {
  switch (goal.kind) {
    case 'condition':
      return `${goal.type}=${goal.status}`;
    case 'jsonpath':
      return goal.value === undefined ? goal.path : `${goal.path}=${goal.value}`;
    case 'delete':
      return 'deleted';
    case 'create':
      return 'created';
    case 'up':
      return 'Ready';
    case 'replaced':
      return 'restarted and ready';
  }
}

export type Verdict = { readonly done: true } | { readonly done: false; readonly lost?: Lost };
/** It can no longer come; `code` says in which way. */
export interface Lost {
  readonly code: ExitCode;
  readonly why: string;
}

/** What one look says about the goal. `undefined`: it is not there. Only agents have an end; all else may change at any time. */
export function judge(goal: Goal, thing: Waited | undefined): Verdict {
  const agent = isAgent(thing) ? thing : undefined;
  switch (goal.kind) {
    case 'delete':
      return { done: thing === undefined };
    case 'create':
      return { done: thing !== undefined };
    case 'up': {
      const ready = judge({ kind: 'condition', type: 'Ready', status: 'True' }, thing);
      return agent && isFinal(agent) && agent.status.phase === 'Succeeded' ? { done: true } : ready;
    }
    case 'replaced': {
      if (!agent) return { done: false };
      const done = agent.status.ready && [...runsOf(agent)].every((run) => !goal.before.has(run));
      return done ? { done } : { done, ...hopeless(agent) };
    }
    case 'jsonpath': {
      const values = thing ? valuesAt(goal.path, thing).map(show) : [];
      const done = goal.value === undefined ? values.some((value) => value !== '') : values.includes(goal.value);
      // While it is being deleted much still changes.
      return done ? { done } : { done, ...(agent?.metadata.deletionTimestamp === undefined && hopeless(agent)) };
    }
    case 'condition': {
      if (!thing) return { done: false };
      const condition = conditionsOf(thing).find(({ type }) => type === goal.type);
      if (isCurrent(thing, goal.type) && condition?.status === goal.status) return { done: true };
      return { done: false, ...(goal.status === 'True' && hopeless(agent)) };
    }
  }
}

/** Told of the present spec; what has no generation is told as it is now. Where an agent is placed is decided at once. */
const isCurrent = ({ kind, metadata, status }: Waited, condition: string): boolean =>
  !('observedGeneration' in status) ||
  status.observedGeneration === metadata.generation ||
  (kind === 'Agent' && condition === 'Placed');

/** Ended for good or at rest, as its present spec and the last order to restart want it. */
function isFinal({ metadata, spec, status }: Agent): boolean {
  const { phase, observedGeneration, instances } = status;
  if (observedGeneration !== metadata.generation) return false;
  if (phase === 'Stopped') {
    if (!spec.suspend && status.held === undefined && spec.replicas > 0) return false;
  } else if (phase !== 'Failed' && phase !== 'Succeeded') return false;
  // A restart that was asked for after what ended had begun is still to come.
  const { restartRequestedAt } = metadata;
  return !(
    restartRequestedAt !== undefined &&
    instances.some(({ lastExit }) => lastExit && (lastExit.startedAt ?? lastExit.at) < restartRequestedAt)
  );
}

/** Nothing will change by itself any more: ended for good, at rest, or being deleted. */
function hopeless(agent: Agent | undefined): { readonly lost?: Lost } {
  if (!agent) return {};
  const { name, deletionTimestamp } = agent.metadata;
  if (deletionTimestamp !== undefined) return { lost: { code: EXIT.notFound, why: `agent/${name} is being deleted` } };
  if (!isFinal(agent)) return {};
  const { phase, conditions } = agent.status;
  const why = conditions.find(({ type }) => type === 'Started');
  return {
    lost: { code: EXIT.impossible, why: `agent/${name} is ${phase}${why ? ` (${why.reason}: ${why.message})` : ''}` },
  };
}

export interface Outcome {
  readonly name: string;
  readonly code: ExitCode;
  readonly message?: string;
}

export interface WaitRequest {
  /** Default: agents. */
  readonly plural?: WaitedPlural;
  readonly names: readonly string[];
  readonly goals: readonly Goal[];
  /** 0: look once. */
  readonly timeoutMs: number;
  readonly onProgress?: (thing: Waited) => void;
  readonly onDone?: (name: string) => void;
  readonly signal: AbortSignal;
}

/** Each goal counts as soon as it was seen once, in any order. Resolves when everything named has an outcome. */
export async function waitFor(
  client: Client,
  { plural = 'agents', names, goals, timeoutMs, onProgress, onDone, signal }: WaitRequest,
): Promise<readonly Outcome[]> {
  const open = new Map(names.map((name) => [name, new Set(goals)]));
  const outcomes: Outcome[] = [];
  const existed = new Set<string>();
  const settle = (outcome: Outcome) => {
    open.delete(outcome.name);
    outcomes.push(outcome);
    if (outcome.code === EXIT.done) onDone?.(outcome.name);
  };
  const { singular } = typeOf(plural);
  const look = (name: string, thing: Waited | undefined) => {
    const left = open.get(name);
    if (!left) return;
    if (thing) existed.add(name);
    const verdicts = [...left].map((goal) => ({ goal, verdict: judge(goal, thing) }));
    for (const { goal, verdict } of verdicts) if (verdict.done) left.delete(goal);
    if (left.size === 0) return settle({ name, code: EXIT.done });
    if (thing === undefined) {
      if (existed.has(name) || !goals.some(({ kind }) => kind === 'create' || kind === 'delete'))
        settle({
          name,
          code: EXIT.notFound,
          message: existed.has(name)
            ? `${singular}/${name} was deleted while it was waited for`
            : `${singular} "${name}" not found; \`sac get ${plural}\` lists what there is`,
        });
      return;
    }
    const lost = verdicts.flatMap(({ verdict }) => (verdict.done || !verdict.lost ? [] : [verdict.lost]))[0];
    if (lost) settle({ name, code: lost.code, message: `${lost.why}; what is waited for can no longer come` });
    else onProgress?.(thing);
  };

  const list = await client.list(plural);
  const byName = new Map(list.items.map((thing): [string, Waited] => [thing.metadata.name, thing]));
  for (const name of names) look(name, byName.get(name));
  if (open.size > 0 && timeoutMs !== 0) {
    const timer = AbortSignal.timeout(Math.min(timeoutMs, 2_147_483_647));
    for await (const { type, object } of client.watch(plural, {
      since: list.metadata.resourceVersion,
      signal: AbortSignal.any([timer, signal]),
    })) {
      if (!object) {
        // A watch that had to begin anew shows what there is, not what went in between.
        const there = await namesOf(client, plural);
        for (const name of [...open.keys()]) if (there?.has(name) === false) look(name, undefined);
        if (open.size === 0) break;
        continue;
      }
      look(object.metadata.name, type === 'DELETED' ? undefined : object);
      if (open.size === 0) break;
    }
  }
  for (const [name, left] of [...open]) {
    const missing = [...left].map(describeGoal).join(', ');
    const when = timeoutMs === 0 ? 'now' : `within ${timeoutMs / 1000} s`;
    settle({
      name,
      code: EXIT.timedOut,
      message: `${singular}/${name}: not ${missing} ${when}; \`sac describe ${singular} ${name}\` says how it is`,
    });
  }
  return outcomes;
}

/** Undefined: the controller went away just now; the watch waits for it. */
async function namesOf(client: Client, plural: WaitedPlural): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set((await client.list(plural)).items.map(({ metadata }) => metadata.name));
  } catch (error) {
    if (error instanceof NoControllerError) return undefined;
    throw error;
  }
}

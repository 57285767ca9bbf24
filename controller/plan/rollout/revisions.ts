/**
 * Owns: the revisions of an agent: what changed when and by whom, and which of them each of its instances is to have.
 * Never: looks at the world or reads a clock; how far a change may go is decided in rollout.ts.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { AgentSpec } from '../../../api/resources/agent/agent.ts';
import type { StoredFile } from '../../../api/resources/agent/agent-files.ts';
import { unavailableLimit } from '../../../api/resources/agent/update.ts';
import type { Source } from '../../../api/resources/meta.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';
import { canonicalJson } from '../launch-hash.ts';

/** Parts of a spec that are about the fleet, not about what an instance is: they apply at once and make no revision. */
const FLEET_FIELDS = [
  'replicas',
  'suspend',
  'update',
  'dependsOn',
  'schedule',
  'ttlSecondsAfterFinished',
] as const satisfies readonly (keyof AgentSpec)[];
type FleetField = (typeof FLEET_FIELDS)[number];
export type Template = Omit<AgentSpec, FleetField>;

export const REVISIONS_KEPT = 10;

export interface Revision {
  readonly number: number;
  readonly template: Template;
  /** What stands beside its manifest. */
  readonly files?: readonly StoredFile[];
  readonly at: Instant;
  readonly by: string;
  readonly source: Source;
  /** `sac rollout restart`: what was started before is replaced, in turn. */
  readonly restartAt?: Instant;
  /** It puts back what was before this revision. */
  readonly undoes?: number;
}

/** One instance on its way from revision to revision. */
export interface Move {
  readonly revision: number;
  /** Of the agent when it was given another revision than this; counts only while `revision` is not the newest. */
  readonly generation: number;
  /** The incarnation that was there when it was given this one: what is newer and ends, ends under it. */
  readonly from: Instant;
  /** Since when it is neither what it was before nor proven. */
  readonly downSince?: Instant;
  /** Some of it ended by themselves; the longest had stood ready for so long. */
  readonly stoodMs?: DurationMs;
  /** The incarnation that has stood ready for long enough. */
  readonly proven?: Instant;
}

/** A change that has not reached all instances. */
export interface Rollout {
  /** The newest revision. */
  readonly to: number;
  /** What instances without a move have; 0: not known (new, or the database was lost): they are left as they are found. */
  readonly base: number;
  readonly baseGeneration: number;
  readonly since: Instant;
  readonly progressAt: Instant;
  readonly moved: Readonly<Record<string, Move>>;
  readonly halted?: { readonly at: Instant; readonly message: string };
  /** Some instance could not be looked at: that time counts for no deadline. */
  readonly blind?: true;
}

/** What of an agent's record is about its revisions. */
export interface Revised {
  readonly revisions?: readonly Revision[];
  readonly rollout?: Rollout;
  /** No instance is given another revision until `sac rollout resume`. */
  readonly paused?: boolean;
  /** Digest of a template that was undone: its source declares it until its manifest changes, and is not listened to until then. */
  readonly rejected?: string;
}

export interface Revisable extends Revised {
  readonly generation: number;
  readonly createdAt: Instant;
  readonly restartAt?: Instant;
  readonly source: Source;
  readonly spec: AgentSpec;
  readonly files?: readonly StoredFile[];
}

export interface ChangeNote {
  readonly at: Instant;
  readonly by: string;
  readonly source: Source;
  readonly restart?: boolean;
  readonly undoes?: number;
  /** Beside the manifest from now on; absent: none. */
  readonly files?: readonly StoredFile[];
  /** Names of the instances that an agent with this spec has. */
  readonly slots: (spec: AgentSpec) => readonly string[];
}

export function templateOf(spec: AgentSpec): Template {
  const {
    replicas: _r,
    suspend: _s,
    update: _u,
    dependsOn: _d,
    schedule: _c,
    ttlSecondsAfterFinished: _t,
    ...template
  } = spec;
  return template;
}
export const withTemplate = (spec: AgentSpec, template: Template): AgentSpec => ({
  ...template,
  replicas: spec.replicas,
  suspend: spec.suspend,
  update: spec.update,
  ...(spec.dependsOn && { dependsOn: spec.dependsOn }),
  ...(spec.schedule && { schedule: spec.schedule }),
  ...(spec.ttlSecondsAfterFinished !== undefined && { ttlSecondsAfterFinished: spec.ttlSecondsAfterFinished }),
});
type Content = Pick<Revision, 'template' | 'files'>;
const textOf = ({ template, files = [] }: Content): string =>
  canonicalJson([template, files.map(({ name, mode, sha256: digest }) => [name, mode, digest])]);
const same = (a: Content, b: Content): boolean => textOf(a) === textOf(b);
/** 16 hex digits (64 bits) of SHA-256 over what an instance of it is. */
export const digestOf = (content: Content): string => bytesToHex(sha256(utf8ToBytes(textOf(content)))).slice(0, 16);

/** Oldest first, never empty: a record written before there were revisions has one. */
export const historyOf = ({
  revisions,
  spec,
  files,
  createdAt,
  source,
}: Revisable): readonly [Revision, ...Revision[]] => {
  const [first, ...rest] = revisions ?? [];
  if (first) return [first, ...rest];
  const only: Revision = { number: 1, template: templateOf(spec), at: createdAt, by: source.name, source };
  return [{ ...only, ...(files && { files }) }];
};
export const newestOf = (agent: Revisable): Revision => {
  const history = historyOf(agent);
  return history.at(-1) ?? history[0];
};

/** What the record of an agent says of its revisions once its spec is `spec`. `before`: undefined for a new one. */
export function revise(before: Revisable | undefined, spec: AgentSpec, note: ChangeNote): Revised {
  const history = before ? historyOf(before) : [];
  const last = history.at(-1);
  const { files } = note;
  const content: Content = { template: templateOf(spec), ...(files && { files }) };
  if (before && last && !note.restart && note.undoes === undefined && same(last, content)) return revisedOf(before);
  const { at, by, source, restart = false, undoes } = note;
  const newest: Revision = {
    number: (last?.number ?? 0) + 1,
    ...content,
    at,
    by,
    source,
    ...(restart && { restartAt: at }),
    ...(undoes !== undefined && { undoes }),
  };
  const rollout = begin(before, last, newest, spec, note);
  return {
    revisions: kept([...history, newest], rollout),
    ...(rollout && { rollout }),
    ...(before?.paused && { paused: true }),
    ...(undoes !== undefined && last && { rejected: digestOf(last) }),
  };
}

export const revisedOf = ({ revisions, rollout, paused, rejected }: Revised): Revised => ({
  ...(revisions && { revisions }),
  ...(rollout && { rollout }),
  ...(paused && { paused }),
  ...(rejected !== undefined && { rejected }),
});

/** The agent as an earlier revision had it, as a new revision of its own. */
export function putBack<R extends Revisable>(
  record: R,
  earlier: Revision,
  note: Omit<ChangeNote, 'undoes' | 'files'>,
): R {
  const { revisions: _r, rollout: _o, paused: _p, rejected: _j, files: _f, ...rest } = record;
  const spec = withTemplate(record.spec, earlier.template);
  const files = earlier.files && { files: earlier.files };
  const revised = revise(record, spec, { ...note, ...files, undoes: newestOf(record).number });
  // What is left out is optional in every Revisable.
  return { ...(rest as R), spec, ...files, generation: record.generation + 1, ...revised };
}

/** Undefined: all instances are given the newest at once. */
function begin(
  before: Revisable | undefined,
  last: Revision | undefined,
  newest: Revision,
  spec: AgentSpec,
  { at, slots }: ChangeNote,
): Rollout | undefined {
  const names = new Set([...slots(spec), ...(before ? slots(before.spec) : [])]);
  const { maxUnavailable, strategy, onFailure } = spec.update;
  // OnDelete is the user's own way through the instances; what is run by the clock gets it with its next run.
  const atOnce = strategy === 'OnDelete' || unavailableLimit(maxUnavailable, names.size) >= names.size;
  const waitsForNobody = spec.schedule?.cron !== undefined || (atOnce && onFailure !== 'undo');
  if (names.size === 0 || (waitsForNobody && !before?.paused)) return undefined;
  const times = { to: newest.number, since: at, progressAt: at };
  if (!before) return { ...times, base: 0, baseGeneration: 0, moved: {} };
  const running = before.rollout;
  if (!running) return { ...times, base: last?.number ?? 0, baseGeneration: before.generation, moved: {} };
  // A newer change takes the place of one under way: what has come how far stays as it is until its turn.
  const moved = Object.entries(running.moved).map(([name, move]): [string, Move] => [
    name,
    move.revision === running.to ? { ...move, generation: before.generation } : move,
  ]);
  return { ...times, base: running.base, baseGeneration: running.baseGeneration, moved: Object.fromEntries(moved) };
}

/** The newest ten, and older ones that some instance still has. */
function kept(history: readonly Revision[], rollout: Rollout | undefined): readonly Revision[] {
  const needed = new Set([rollout?.base, ...Object.values(rollout?.moved ?? {}).map(({ revision }) => revision)]);
  return history.filter(({ number }, at) => at >= history.length - REVISIONS_KEPT || needed.has(number));
}

/** What one instance is to be. */
export interface Allotment {
  readonly spec: AgentSpec;
  readonly generation: number;
  readonly restartAt?: Instant;
  readonly files?: readonly StoredFile[];
  /** What lives there is not to be replaced: its turn has not come, and what it was declared as is not known. */
  readonly hold?: true;
}

type Allotting = Pick<Revisable, 'generation' | 'spec' | 'files' | 'restartAt' | 'revisions' | 'rollout'>;

export function allotment(agent: Allotting, name: string): Allotment {
  const { rollout, revisions = [], generation, spec } = agent;
  const move = rollout?.moved[name];
  const number = rollout ? (move?.revision ?? (rollout.base || rollout.to)) : revisions.at(-1)?.number;
  const revision = revisions.find((one) => one.number === number);
  const restartAt = latest(agent.restartAt, revision?.restartAt);
  const restart = restartAt !== undefined && { restartAt };
  if (!rollout || !revision || number === rollout.to)
    return {
      spec,
      generation,
      ...restart,
      ...(agent.files && { files: agent.files }),
      ...(rollout?.base === 0 && !move && { hold: true }),
    };
  return {
    spec: withTemplate(spec, revision.template),
    generation: move?.generation ?? rollout.baseGeneration,
    ...restart,
    ...(revision.files && { files: revision.files }),
  };
}

/** What instances have that were not given a newer revision; undefined: they have the newest, or it is not known. */
export function baseSpec({ rollout, revisions = [], spec }: Allotting): AgentSpec | undefined {
  const base = rollout && revisions.find(({ number }) => number === rollout.base);
  return base && withTemplate(spec, base.template);
}

const latest = (a: Instant | undefined, b: Instant | undefined): Instant | undefined =>
  a === undefined ? b : b === undefined ? a : Math.max(a, b);

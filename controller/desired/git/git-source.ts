/**
 * Owns: one sync of a GitSource: fetch, verify, read, plan, apply as a whole or not at all, prune; and what came of it.
 * Level-triggered: the same sync again changes nothing, and one that was cut short is simply done again.
 * Never: applies a part of a commit; deletes anything unless all of a verified commit was read.
 */
import type { ApplyItem, ApplyRequest, ApplyResponse } from '../../../api/protocol.ts';
import { SacError } from '../../../api/resources/errors.ts';
import type { GitSourceSpec, GitSourceStatus } from '../../../api/resources/git-source.ts';
import type { Source } from '../../../api/resources/meta.ts';
import { type DurationMs, type Instant, isoTime } from '../../../api/resources/time.ts';
import type { AgentWrites, Caller } from '../../../api/server/ports.ts';
import { itemsOf, readCommit } from './manifests.ts';
import { planPrune } from './prune.ts';
import { GitError } from './repository/git-error.ts';
import type { Head, Relation, Repository } from './repository/repository.ts';
import { conditionOf, type Finding, type Findings, NOT_REQUIRED, no, unknown, withFindings, yes } from './status.ts';

/** An agent as a source must know it. */
export interface OwnedAgent {
  readonly name: string;
  readonly source: Source;
  readonly deleting: boolean;
  /** Undefined: it is not meant to run, or has done its work. */
  readonly ready: boolean | undefined;
}

export interface GitSourceOptions {
  readonly name: string;
  readonly repository: Pick<Repository, 'resolve' | 'fetch' | 'files' | 'signature' | 'keep'>;
  readonly writes: Pick<AgentWrites, 'apply' | 'remove'>;
  readonly agents: () => Iterable<OwnedAgent>;
  readonly now: () => Instant;
}

export interface SyncRequest {
  readonly spec: GitSourceSpec;
  readonly status: GitSourceStatus;
  /** Take a rewritten history, prune beyond maxPrunePercent, adopt agents that were applied by hand. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
  /** Names of sources of `dependsOn` that are not Ready. */
  readonly waitingFor?: readonly string[];
}

export interface SyncResult {
  readonly status: GitSourceStatus;
  /** Names that were created, changed or deleted. */
  readonly changed: readonly string[];
  /** Look again after this, earlier than the interval: an agent is still being deleted. */
  readonly retryMs?: DurationMs;
}

/** What the next sync would do. */
export interface SyncPlan {
  readonly revision: string;
  readonly problems: readonly string[];
  readonly response: ApplyResponse;
  readonly doomed: readonly string[];
}

const RETRY_MS = 1_000;
const MAX_PROBLEMS = 100;

/** The commit is not applied, for this reason. */
class Refusal extends Error {
  readonly finding: Finding;
  readonly problems: readonly string[];
  readonly retryMs: DurationMs | undefined;
  constructor(finding: Finding, problems: readonly string[] = [], retryMs?: DurationMs) {
    super(finding.message);
    this.finding = finding;
    this.problems = problems;
    this.retryMs = retryMs;
  }
}

interface ReadCommit {
  readonly key: string;
  readonly items: readonly ApplyItem[];
  readonly names: ReadonlySet<string>;
}

export class GitSource {
  readonly #options: GitSourceOptions;
  /** The commit that was read last: most syncs find it again. */
  #read: ReadCommit | undefined;

  constructor(options: GitSourceOptions) {
    this.#options = options;
  }

  /** Throws FencedError, and GitError Cancelled when the signal was raised; everything else is told in the status. */
  async sync(request: SyncRequest): Promise<SyncResult> {
    const { spec, status, waitingFor = [] } = request;
    const now = this.#options.now();
    if (spec.suspend)
      return this.#idle(status, unknown('Suspended', 'The source is suspended; what was applied stays.'));
    if (waitingFor.length > 0)
      return this.#idle(
        status,
        no('DependencyNotReady', `Waits for ${waitingFor.join(', ')}, named in dependsOn.`),
        RETRY_MS,
      );
    let head: Head;
    let relation: Relation;
    try {
      ({ head, relation } = await this.#fetch(request));
    } catch (error) {
      const finding = fetchFinding(error);
      return { status: withFindings(status, {}, { Fetched: finding }, now), changed: [] };
    }
    const fetched = { revision: head.commit, ref: head.ref, lastAttemptedRevision: head.commit };
    const findings: { -readonly [K in keyof Findings]: Findings[K] } = {
      Fetched: yes('Fetched', `${short(head.commit)} is what ${shownRef(head.ref)} names.`),
    };
    try {
      findings.Verified = await this.#verify(head.commit, request);
      if (findings.Verified.status === 'False') throw new Refusal(no('NotVerified', findings.Verified.message));
      const { changed, drift, names } = await this.#apply(head, relation, request);
      const first = status.lastAppliedRevision !== head.commit;
      findings.Synced = yes('Applied', `${short(head.commit)} is applied: ${count(names.size)}.`);
      findings.Healthy = this.#health();
      const applied = {
        ...fetched,
        lastAppliedRevision: head.commit,
        lastAppliedRef: head.ref,
        ...(first && { lastAppliedTime: isoTime(this.#options.now()) }),
        agents: names.size,
        drift,
        problems: [],
      };
      return { status: withFindings(status, applied, findings, this.#options.now()), changed };
    } catch (error) {
      const refusal = refusalFrom(error, head.commit);
      findings.Synced = refusal.finding;
      const why = { ...fetched, problems: refusal.problems.slice(0, MAX_PROBLEMS) };
      return {
        status: withFindings(status, why, findings, this.#options.now()),
        changed: [],
        ...(refusal.retryMs !== undefined && { retryMs: refusal.retryMs }),
      };
    }
  }

  /** What the next sync would do; nothing is changed. Throws GitError. */
  async plan(request: SyncRequest): Promise<SyncPlan> {
    const { head } = await this.#fetch(request);
    try {
      const { items, names } = await this.#readCommit(head.commit, request);
      const response = await this.#options.writes.apply(this.#request(items, head, request, true), this.#caller);
      const pruning = this.#prune(names, { ...request, force: true });
      return { revision: head.commit, problems: [], response, doomed: pruning };
    } catch (error) {
      const { problems, finding } = refusalFrom(error, head.commit);
      const lines = problems.length > 0 ? problems : [finding.message];
      return { revision: head.commit, problems: lines, response: { results: [], errors: [] }, doomed: [] };
    }
  }

  /** The status with Healthy as the agents are now; the same object when nothing changed. */
  refresh(status: GitSourceStatus): GitSourceStatus {
    const healthy = this.#health();
    const last = conditionOf(status, 'Healthy');
    if (last === undefined || (last.status === healthy.status && last.message === healthy.message)) return status;
    const ready = conditionOf(status, 'Ready');
    const waiting =
      ready !== undefined && ['Suspended', 'DependencyNotReady'].includes(ready.reason) ? ready : undefined;
    return withFindings(status, {}, { Healthy: healthy }, this.#options.now(), waiting);
  }

  async #fetch({ spec, status, signal }: SyncRequest): Promise<{ readonly head: Head; readonly relation: Relation }> {
    const { repository } = this.#options;
    if (status.heldAt !== undefined)
      return repository.fetch({ commit: status.heldAt, ref: status.heldAt }, undefined, signal);
    const head = await repository.resolve(spec.ref, signal);
    const from = status.lastAppliedRef === head.ref ? status.lastAppliedRevision : undefined;
    const fetched = await repository.fetch(head, from, signal);
    const moved = head.ref.startsWith('refs/tags/') && from !== undefined && from !== fetched.head.commit;
    return moved ? { ...fetched, relation: 'rewritten' } : fetched;
  }

  async #verify(commit: string, { spec, signal }: SyncRequest): Promise<Finding> {
    if (spec.verify === undefined) return unknown(NOT_REQUIRED, 'No signature is asked for.');
    const signature = await this.#options.repository.signature(commit, spec.verify, signal);
    return signature.ok
      ? yes('Signed', `${short(commit)} is signed by ${signature.by}.`)
      : no('NotVerified', `${short(commit)} ${signature.why}; what was applied before is kept.`);
  }

  async #apply(head: Head, relation: Relation, request: SyncRequest) {
    const { spec, status, force = false, signal } = request;
    const { writes, repository } = this.#options;
    if (relation === 'rewritten' && !force) throw new Refusal(rewritten(head, status.lastAppliedRevision ?? ''));
    const { items, names } = await this.#readCommit(head.commit, request);
    const doomed = this.#prune(names, request);
    const plan = await writes.apply(this.#request(items, head, request, true), this.#caller);
    this.#assertOurs(names, plan, force);
    const touched = plan.results.filter(({ action }) => action !== 'unchanged').map(({ name }) => name);
    // Of a commit that stands already, differences are somebody's doing, not the commit's.
    const drifted =
      status.lastAppliedRevision === head.commit
        ? plan.results.filter(({ action }) => action === 'configured').map(({ name }) => name)
        : [];
    const warnOnly = drifted.length > 0 && spec.driftPolicy === 'warn' && !force;
    if (signal?.aborted) throw new GitError('Cancelled', 'a newer sync takes its place');
    if (!warnOnly && items.length > 0) {
      const { errors } = await writes.apply(this.#request(items, head, request, false), this.#caller);
      if (errors.length > 0) throw conflicts(errors, head.commit);
    }
    await Promise.all(doomed.map((name) => writes.remove(name, {}, this.#caller)));
    await repository.keep(head.commit);
    return { changed: warnOnly ? doomed : [...touched, ...doomed], drift: warnOnly ? drifted : [], names };
  }

  async #readCommit(commit: string, { spec, signal }: SyncRequest): Promise<ReadCommit> {
    const key = JSON.stringify([commit, spec.path, spec.targetLabels]);
    if (this.#read?.key === key) return this.#read;
    const found = await readCommit(await this.#options.repository.files(commit, spec.path, signal));
    if (found.problems.length > 0) {
      const more = found.problems.length === 1 ? '1 problem' : `${found.problems.length} problems`;
      throw new Refusal(
        no(
          'InvalidManifests',
          `${short(commit)} is not applied, ${more} in its manifests: ${found.problems[0]?.text ?? ''}`,
        ),
        found.problems.map(({ text }) => `${text} (commit ${short(commit)})`),
      );
    }
    const items = itemsOf(found, spec.targetLabels);
    this.#read = { key, items, names: new Set(found.documents.map(({ name }) => name)) };
    return this.#read;
  }

  #prune(declared: ReadonlySet<string>, { spec, force = false }: SyncRequest): readonly string[] {
    const owned = this.#owned().map(({ name }) => name);
    const { prune, maxPrunePercent } = spec;
    const plan = planPrune({ owned, declared, prune, maxPrunePercent, force });
    if (plan.ok) return plan.doomed;
    throw new Refusal(no(plan.reason, `The commit is not applied: ${plan.why}.`));
  }

  /** The first to declare an agent keeps it; what was applied by hand may be adopted by force. */
  #assertOurs(declared: ReadonlySet<string>, plan: ApplyResponse, force: boolean): void {
    const taken = [...this.#options.agents()].filter(
      ({ name, source, deleting }) =>
        declared.has(name) && !deleting && !this.#isOurs(source) && !(force && source.kind === 'apply'),
    );
    if (taken.length > 0) {
      const lines = taken.map(
        ({ name, source }) =>
          `agent "${name}" belongs to ${source.kind} ${source.name}${source.kind === 'apply' ? '; `sac sync --force` adopts it' : ''}`,
      );
      throw new Refusal(no('Conflict', `The commit is not applied: ${lines[0] ?? ''}.`), lines);
    }
    if (plan.errors.length > 0) throw conflicts(plan.errors, '');
  }

  #request(
    items: readonly ApplyItem[],
    head: Head,
    { spec, force = false }: SyncRequest,
    dryRun: boolean,
  ): ApplyRequest {
    const source: Source = { kind: 'git', name: this.#options.name, path: spec.path, revision: head.commit };
    return { items, source, ...(dryRun && { dryRun }), ...(force && { force }) };
  }

  #owned(): readonly OwnedAgent[] {
    return [...this.#options.agents()].filter(({ source, deleting }) => this.#isOurs(source) && !deleting);
  }

  #isOurs(source: Source): boolean {
    return source.kind === 'git' && source.name === this.#options.name;
  }

  #health(): Finding {
    const meant = this.#owned().filter(({ ready }) => ready !== undefined);
    const missing = meant.filter(({ ready }) => ready === false).map(({ name }) => name);
    if (missing.length === 0) return yes('Healthy', `${meant.length} of ${meant.length} agents are ready.`);
    const named = missing.length > 5 ? `${missing.slice(0, 5).join(', ')}, ...` : missing.join(', ');
    return no(
      'Progressing',
      `${meant.length - missing.length} of ${meant.length} agents are ready; not yet: ${named}.`,
    );
  }

  #idle(status: GitSourceStatus, why: Finding, retryMs?: DurationMs): SyncResult {
    const next = withFindings(status, {}, {}, this.#options.now(), why);
    return { status: next, changed: [], ...(retryMs !== undefined && { retryMs }) };
  }

  get #caller(): Caller {
    return { name: `git ${this.#options.name}`, role: 'admin' };
  }
}

function fetchFinding(error: unknown): Finding {
  if (!(error instanceof GitError) || error.kind === 'Cancelled') throw error;
  return no(error.kind, `${error.message}; what was applied before is kept.`);
}

function refusalFrom(error: unknown, commit: string): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof GitError && error.kind !== 'Cancelled')
    return new Refusal(no(error.kind, `${short(commit)} is not applied: ${error.message}.`));
  if (error instanceof SacError && error.reason !== 'Fenced')
    return new Refusal(
      no(error.reason, `${short(commit)} is not applied: ${error.message}`),
      [error.message],
      RETRY_MS,
    );
  throw error;
}

function conflicts(errors: ApplyResponse['errors'], commit: string): Refusal {
  const lines = errors.map(({ origin, message }) => `${origin} ${message}`);
  const [first] = errors;
  const which = commit === '' ? 'The commit' : short(commit);
  return new Refusal(
    no(first?.reason ?? 'Conflict', `${which} is not applied: ${lines[0] ?? ''}`),
    lines,
    errors.some(({ reason }) => reason === 'Conflict') ? RETRY_MS : undefined,
  );
}

const rewritten = (head: Head, from: string): Finding =>
  no(
    'HistoryRewritten',
    `${shownRef(head.ref)} names ${short(head.commit)} now, which does not follow ${short(from)}; that one is kept. \`sac sync --force\` takes the new one.`,
  );

export const short = (commit: string): string => commit.slice(0, 12);
const shownRef = (ref: string) => ref.replace(/^refs\/heads\//, 'branch ').replace(/^refs\/tags\//, 'tag ');
const count = (agents: number) => (agents === 1 ? '1 agent' : `${agents} agents`);

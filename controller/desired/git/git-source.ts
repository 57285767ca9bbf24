/**
 * Owns: one sync of a GitSource: fetch, verify, read, apply as a whole or not at all, prune; and what came of it.
 * Level-triggered: the same sync again changes nothing, and one that was cut short is simply done again.
 * Never: applies a part of a commit; deletes anything unless all of a verified commit was read.
 */
import type { ApplyResponse } from '../../../api/protocol.ts';
import type { GitSourceStatus } from '../../../api/resources/kinds/git-source.ts';
import type { Source } from '../../../api/resources/meta.ts';
import { type DurationMs, type Instant, isoTime } from '../../../api/resources/time.ts';
import type { Caller, ReadItem, ReadRequest } from '../../../api/server/ports.ts';
import type { FleetPort, FleetThing, SyncPlan, SyncRequest, SyncResult } from './fleet-port.ts';
import { listed, planPrune } from './prune.ts';
import { isMuch, itemsOf, KnownFiles, readCommit } from './reading/manifests.ts';
import type { ManifestReader } from './reading/reader.ts';
import { fetchFinding, RETRY_MS, Refusal, refusalFrom, refusedItems, rewritten, short, shownRef } from './refusal.ts';
import { GitError } from './repository/git-error.ts';
import type { Head, Relation, Repository } from './repository/repository.ts';
import { asPlanned, prunedResult } from './results.ts';
import type { Turn, Turns } from './running/turns.ts';
import { isWeighty, syncedAs } from './standing.ts';
import { conditionOf, type Finding, type Findings, NOT_REQUIRED, no, unknown, withFindings, yes } from './status.ts';

export interface GitSourceOptions {
  readonly name: string;
  readonly repository: Pick<Repository, 'resolve' | 'fetch' | 'files' | 'signature' | 'keep'>;
  readonly fleet: FleetPort;
  readonly now: () => Instant;
  readonly turns: Turns;
  /** Reads many files elsewhere; absent: here. */
  readonly far?: ManifestReader;
}

const MAX_PROBLEMS = 100;

interface ReadCommit {
  readonly key: string;
  /** Reading it again finds the same: a large commit that is wrong would hold up the others at every interval. */
  readonly refusal?: Refusal;
  readonly items: readonly ReadItem[];
  readonly declared: ReadonlySet<string>;
}

interface Applied {
  readonly response: ApplyResponse;
  readonly changed: readonly string[];
  readonly drift: readonly string[];
  readonly declared: ReadonlySet<string>;
}

/** Ends a transaction without a write: only what it would have done was of interest. */
class LeaveAsIs extends Error {
  readonly applied: Applied;
  constructor(applied: Applied) {
    super('nothing is written');
    this.applied = applied;
  }
}

export class GitSource {
  readonly #options: GitSourceOptions;
  /** The commit that was read last: most syncs find it again. */
  #read: ReadCommit | undefined;
  readonly #known = new KnownFiles();
  /** What was applied last, as ReadCommit.key: a source that reads another folder now finds its own differences, not somebody's. */
  #stands: string | undefined;

  constructor(options: GitSourceOptions) {
    this.#options = options;
  }

  /** Throws FencedError, and GitError Cancelled when the signal was raised; everything else is told in the status. */
  async sync(request: SyncRequest): Promise<SyncResult> {
    const { spec, status, waitingFor = [] } = request;
    if (spec.suspend)
      return this.#idle(status, unknown('Suspended', 'The source is suspended; what was applied stays.'));
    if (waitingFor.length > 0)
      return this.#idle(
        status,
        no('DependencyNotReady', `Waits for ${listed(waitingFor)}, named in dependsOn.`),
        RETRY_MS,
      );
    return this.#options.turns.during(async (turn) => {
      let fetched: { readonly head: Head; readonly relation: Relation };
      try {
        fetched = await this.#fetch(request, turn);
      } catch (error) {
        return { status: withFindings(status, {}, { Fetched: fetchFinding(error) }, this.#options.now()), changed: [] };
      }
      return this.#take(fetched.head, fetched.relation, request, turn);
    }, isWeighty(status));
  }

  /** What the next sync would do; nothing is changed. Throws GitError. */
  async plan(request: SyncRequest): Promise<SyncPlan> {
    const { head, relation } = await this.#fetch(request);
    try {
      const { response } = await this.#options.turns.during((turn) => this.#apply(head, relation, request, turn, true));
      return {
        revision: head.commit,
        problems: [],
        response: { ...response, results: response.results.map(asPlanned) },
      };
    } catch (error) {
      const { problems, finding } = refusalFrom(error, head.commit);
      const lines = problems.length > 0 ? problems : [finding.message];
      return { revision: head.commit, problems: lines, response: { results: [], errors: [] } };
    }
  }

  /** The status with Healthy as the agents are now; the same object when nothing changed. */
  refresh(status: GitSourceStatus): GitSourceStatus {
    const healthy = this.#health();
    const last = conditionOf(status, 'Healthy');
    if (last === undefined || (last.status === healthy.status && last.message === healthy.message)) return status;
    const ready = conditionOf(status, 'Ready');
    const waiting = ready?.reason === 'Suspended' || ready?.reason === 'DependencyNotReady' ? ready : undefined;
    return withFindings(status, {}, { Healthy: healthy }, this.#options.now(), waiting);
  }

  async #take(head: Head, relation: Relation, request: SyncRequest, turn: Turn): Promise<SyncResult> {
    const { status } = request;
    const { now } = this.#options;
    const seen = { revision: head.commit, ref: head.ref, lastAttemptedRevision: head.commit };
    const findings: { -readonly [K in keyof Findings]: Findings[K] } = {
      Fetched: yes('Fetched', `${short(head.commit)} is what ${shownRef(head.ref)} names.`),
    };
    try {
      findings.Verified = await this.#verify(head, request);
      if (findings.Verified.status === 'False') throw new Refusal(no('NotVerified', findings.Verified.message));
      const { changed, drift, declared } = await this.#apply(head, relation, request, turn, false);
      const undone = this.#owned().flatMap((thing) => (thing.undone && declared.has(thing.key) ? [thing.key] : []));
      findings.Synced = syncedAs(head.commit, status.heldAt !== undefined, { declared, drift, undone });
      findings.Healthy = this.#health();
      const first = status.lastAppliedRevision !== head.commit;
      const applied = {
        ...seen,
        lastAppliedRevision: head.commit,
        lastAppliedRef: head.ref,
        ...(first && { lastAppliedTime: isoTime(now()) }),
        agents: [...declared].filter((key) => key.startsWith('Agent/')).length,
        drift: [...new Set([...drift, ...undone])],
        problems: [],
      };
      return { status: withFindings(status, applied, findings, now()), changed };
    } catch (error) {
      const { finding, problems, retryMs } = refusalFrom(error, head.commit);
      findings.Synced = finding;
      const why = { ...seen, problems: problems.slice(0, MAX_PROBLEMS) };
      return {
        status: withFindings(status, why, findings, now()),
        changed: [],
        ...(retryMs !== undefined && { retryMs }),
      };
    }
  }

  async #fetch(
    { spec, status, signal }: SyncRequest,
    turn?: Turn,
  ): Promise<{ readonly head: Head; readonly relation: Relation }> {
    const { repository } = this.#options;
    if (status.heldAt !== undefined)
      return repository.fetch({ commit: status.heldAt, ref: status.heldAt }, undefined, signal);
    const head = await repository.resolve(spec.ref, signal);
    if (head.commit !== status.revision) await turn?.giveWay();
    const from = status.lastAppliedRef === head.ref ? status.lastAppliedRevision : undefined;
    const fetched = await repository.fetch(head, from, signal);
    const moved = head.ref.startsWith('refs/tags/') && from !== undefined && from !== fetched.head.commit;
    return moved ? { ...fetched, relation: 'rewritten' } : fetched;
  }

  async #verify(head: Head, { spec, signal }: SyncRequest): Promise<Finding> {
    if (spec.verify === undefined) return unknown(NOT_REQUIRED, 'No signature is asked for.');
    const signature = await this.#options.repository.signature(head, spec.verify, signal);
    return signature.ok
      ? yes('Signed', `${short(head.commit)} is signed by ${signature.by}.`)
      : no('NotVerified', `${short(head.commit)} ${signature.why}; what was applied before is kept.`);
  }

  async #apply(head: Head, relation: Relation, request: SyncRequest, turn: Turn, planOnly: boolean): Promise<Applied> {
    const { force = false, status, spec, signal } = request;
    const { fleet, name, now, repository } = this.#options;
    if (relation === 'rewritten' && !force) throw rewritten(head, status.lastAppliedRevision ?? '');
    const { key, items, declared } = await this.#readCommit(head.commit, request, turn);
    const doomed = this.#prune(declared, request);
    this.#assertOurs(declared, force);
    if (!planOnly) this.#assertGone(declared, head.commit);
    try {
      const applied = await fleet.transaction(async (writes) => {
        const response = await writes.apply(this.#request(items, head, request, planOnly), this.#caller);
        if (response.errors.length > 0) throw refusedItems(response.errors, head.commit);
        const keys = (action: string) =>
          response.results.filter((one) => one.action === action).map(({ kind, name }) => `${kind}/${name}`);
        const configured = keys('configured');
        // Of a commit that stands already, differences are somebody's doing, not the commit's.
        const stands = status.lastAppliedRevision === head.commit && (this.#stands ?? key) === key;
        const drifted = stands ? [...keys('created'), ...configured] : [];
        const spared = drifted.length > 0 && spec.driftPolicy === 'warn' && !force;
        const found = {
          response: { ...response, results: [...response.results, ...doomed.map(prunedResult)] },
          declared,
          drift: spared ? drifted : [],
          changed: spared ? [] : [...keys('created'), ...configured, ...doomed],
        };
        if (planOnly || spared) throw new LeaveAsIs(found);
        for (const key of doomed) await writes.remove(key, this.#caller);
        if (signal?.aborted) throw new GitError('Cancelled', 'a newer sync takes its place');
        await writes.applied(name, {
          lastAppliedRevision: head.commit,
          lastAppliedRef: head.ref,
          lastAppliedTime: isoTime(now()),
        });
        return found;
      });
      this.#stands = key;
      await repository.keep(head.commit);
      return applied;
    } catch (error) {
      if (error instanceof LeaveAsIs) {
        if (!planOnly) this.#stands = key;
        return error.applied;
      }
      throw error;
    }
  }

  async #readCommit(commit: string, { spec, signal }: SyncRequest, turn: Turn): Promise<ReadCommit> {
    const key = JSON.stringify([commit, spec.path, spec.targetLabels]);
    if (this.#read?.key === key) {
      if (this.#read.refusal) throw this.#read.refusal;
      return this.#read;
    }
    const files = await this.#options.repository.files(commit, spec.path, signal, async (listed) => {
      if (isMuch(this.#known.unknownOf(listed))) await turn.much();
    });
    const { far } = this.#options;
    const found = await readCommit(files, {
      known: this.#known,
      ...(far && { far }),
      breathe: async () => {
        await turn.breathe();
        if (signal?.aborted) throw new GitError('Cancelled', 'a newer sync takes its place');
      },
    });
    if (found.problems.length > 0) {
      const lines = found.problems.map(({ text }) => `${text} (commit ${short(commit)})`);
      const more = lines.length === 1 ? '' : ` and ${lines.length - 1} more`;
      const refusal = new Refusal(
        no('InvalidManifests', `Nothing of ${short(commit)} is applied: ${lines[0] ?? ''}${more}.`),
        lines,
      );
      this.#read = { key, items: [], declared: new Set(), refusal };
      throw refusal;
    }
    const items = itemsOf(found, spec.targetLabels);
    const declared = new Set(
      items.map(({ manifest }) => `${manifest.kind ?? 'Agent'}/${manifest.metadata?.name ?? ''}`),
    );
    this.#read = { key, items, declared };
    return this.#read;
  }

  #prune(declared: ReadonlySet<string>, { spec, force = false }: SyncRequest): readonly string[] {
    const { prune, maxPrunePercent } = spec;
    const plan = planPrune({ owned: this.#owned().map(({ key }) => key), declared, prune, maxPrunePercent, force });
    if (plan.ok) return plan.doomed;
    throw new Refusal(no(plan.reason, `The commit is not applied: ${plan.why}.`));
  }

  /** The first to declare a thing keeps it; what was applied by hand, or by a source that is gone, may be adopted by force. */
  #assertOurs(declared: ReadonlySet<string>, force: boolean): void {
    const taken = [...this.#options.fleet.things()].filter(
      ({ key, source, deleting, orphaned }) =>
        declared.has(key) && !deleting && !this.#isOurs(source) && !(force && (source.kind === 'apply' || orphaned)),
    );
    if (taken.length === 0) return;
    const adopts = `\`sac sync ${this.#options.name} --force\` adopts it`;
    const lines = taken.map(({ key, orphaned, source: { kind, name } }) =>
      kind === 'apply'
        ? `${key} was applied by hand; ${adopts}`
        : orphaned
          ? `${key} was declared by GitSource ${name}, which is gone; ${adopts}`
          : `${key} belongs to ${kind === 'git' ? 'GitSource' : kind} ${name}, which declared it first`,
    );
    throw new Refusal(no('Conflict', `The commit is not applied: ${lines[0] ?? ''}.`), lines);
  }

  /** What an earlier commit took away, and this one brings again, has to be gone first: a matter of moments, and nobody's fault. */
  #assertGone(declared: ReadonlySet<string>, commit: string): void {
    const leaving = [...this.#options.fleet.things()].flatMap(({ key, deleting }) =>
      deleting && declared.has(key) ? [key] : [],
    );
    if (leaving.length === 0) return;
    const message = `${short(commit)} is applied as soon as ${listed(leaving)} ${leaving.length === 1 ? 'is' : 'are'} gone, being deleted now.`;
    throw new Refusal(unknown('Progressing', message), [], RETRY_MS);
  }

  #request(items: readonly ReadItem[], head: Head, { spec, force = false }: SyncRequest, dryRun: boolean): ReadRequest {
    const source: Source = { kind: 'git', name: this.#options.name, path: spec.path, revision: head.commit };
    return { items, source, ...(dryRun && { dryRun }), ...(force && { force }) };
  }

  #owned(): readonly FleetThing[] {
    return [...this.#options.fleet.things()].filter(({ source, deleting }) => this.#isOurs(source) && !deleting);
  }

  #isOurs(source: Source): boolean {
    return source.kind === 'git' && source.name === this.#options.name;
  }

  #health(): Finding {
    const meant = this.#owned().filter(({ ready }) => ready !== undefined);
    const missing = meant.filter(({ ready }) => ready === false).map(({ key }) => key);
    const ready = `${meant.length - missing.length} of ${meant.length} agents are ready`;
    return missing.length === 0
      ? yes('Healthy', `${ready}.`)
      : no('Progressing', `${ready}; not yet: ${listed(missing)}.`);
  }

  #idle(status: GitSourceStatus, why: Finding, retryMs?: DurationMs): SyncResult {
    const next = withFindings(status, {}, {}, this.#options.now(), why);
    return { status: next, changed: [], ...(retryMs !== undefined && { retryMs }) };
  }

  get #caller(): Caller {
    return { name: `git ${this.#options.name}`, role: 'admin' };
  }
}

/**
 * Owns: applying many manifests of one source: merged or taken whole, each by itself, and pruning what the source no longer names.
 * Never: touches an agent, or lets one refused manifest keep the others from being applied.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ApplyItem, ApplyRequest, ApplyResponse, ApplyResult } from '../../../api/protocol.ts';
import type { AgentManifestInput, AgentSpec } from '../../../api/resources/agent/agent.ts';
import { ConflictError, SacError } from '../../../api/resources/errors.ts';
import type { Source } from '../../../api/resources/meta.ts';
import { parseLabelSelector } from '../../../api/resources/selectors.ts';
import type { Caller, ReadItem, ReadRequest } from '../../../api/server/ports.ts';
import { digestOf, revise, templateOf, withTemplate } from '../../plan/rollout/revisions.ts';
import type { AgentRecord, Versioned } from '../../store/store.ts';
import { isOrphaned } from '../ownership.ts';
import { comparable, type Draft, declaredIn, parseManifest } from './agent-drafts.ts';
import { type AgentRules, type AgentWritesOptions, ATTEMPTS } from './agent-rules.ts';
import { nextFiles, sameFiles } from './stored-files.ts';

export class AgentApply {
  readonly #options: AgentWritesOptions;
  readonly #rules: AgentRules;
  /** How an agent is deleted. */
  readonly #remove: (name: string, by: Caller) => Promise<unknown>;

  constructor(options: AgentWritesOptions, rules: AgentRules, remove: (name: string, by: Caller) => Promise<unknown>) {
    this.#options = options;
    this.#rules = rules;
    this.#remove = remove;
  }

  async apply(request: ReadRequest, by: Caller): Promise<ApplyResponse> {
    const owners = this.#rules.instanceOwners();
    const needs = this.#needs(request);
    const outcomes = await Promise.all(request.items.map((item) => this.#applyItem(item, request, by, owners, needs)));
    const results = outcomes.flatMap((outcome) => ('action' in outcome ? [outcome] : []));
    const errors = outcomes.flatMap((outcome) => ('message' in outcome ? [outcome] : []));
    const pruned = request.prune && errors.length === 0 ? await this.#prune(request, by) : [];
    return { results: [...results, ...pruned], errors };
  }

  async #applyItem(
    item: ReadItem,
    request: ApplyRequest,
    by: Caller,
    owners: ReadonlyMap<string, string>,
    needs: (name: string) => readonly string[],
  ): Promise<ApplyResult | ApplyResponse['errors'][number]> {
    const claimed = item.manifest.metadata?.name ?? '';
    try {
      const { name, input, spec } = parseManifest(item.manifest, item.checked);
      this.#rules.assertNoCircle(name, needs);
      for (let attempt = 1; ; attempt++) {
        const current = this.#options.store.agent(name);
        try {
          return await this.#applyOnce(name, { ...item, input, spec }, current, request, by, owners);
        } catch (error) {
          const raced =
            error instanceof ConflictError &&
            this.#options.store.agent(name)?.resourceVersion !== current?.resourceVersion;
          if (!raced || attempt >= ATTEMPTS) throw error;
        }
      }
    } catch (error) {
      if (!(error instanceof SacError) || error.reason === 'Fenced') throw error;
      return { origin: item.origin, name: claimed, reason: error.reason, message: error.message };
    }
  }

  async #applyOnce(
    name: string,
    brought: Pick<ApplyItem, 'files' | 'lines'> & { readonly input: AgentManifestInput; readonly spec: AgentSpec },
    current: Versioned<AgentRecord> | undefined,
    request: ApplyRequest,
    by: Caller,
    owners: ReadonlyMap<string, string>,
  ): Promise<ApplyResult> {
    const { clock, canonical, drafts, launchKey, store } = this.#options;
    const before = current?.record;
    if (before?.deletedAt !== undefined)
      throw new ConflictError(`agent "${name}" is being deleted; apply again when it is gone`);
    const declared = declaredIn(brought.input, brought.lines);
    const ours =
      !before ||
      sameSource(before.source, request.source) ||
      request.force === true ||
      isOrphaned(store, before.source);
    const keeps = before !== undefined && (!ours || this.#rules.staysWith(before.source, request.source));
    const { draft, files } = heeding(
      before,
      request.source.kind === 'git'
        ? drafts.whole(before, declared, brought.spec)
        : drafts.merge(before, keeps ? { spec: {} } : before?.lastApplied, declared, brought.spec),
      nextFiles(before?.files, brought.files),
      request.source,
    );
    this.#rules.assertNamesFree(name, draft.spec, owners);

    // What was read once and kept shares its parts: comparing those costs nothing, a text of them much.
    const alike = (a: unknown, b: unknown) => isDeepStrictEqual(a, b) || canonical(a) === canonical(b);
    const sameSpec = before !== undefined && sameFiles(before.files, files) && alike(before.spec, draft.spec);
    const same = sameSpec && alike([before.labels, before.annotations], [draft.labels, draft.annotations]);
    if (before && !ours && !same) {
      this.#rules.assertNotOwned(before, draft, request.source);
      if (!sameFiles(before.files, files) && before.files !== undefined) throw foreignFiles(before);
    }
    const source = keeps ? before.source : request.source;
    const lastApplied = keeps ? before.lastApplied : declared;
    const noted =
      before !== undefined && alike(before.lastApplied, lastApplied) && alike(place(before.source), place(source));
    // Most of a large commit: nothing of it needs a new revision to be worked out.
    if (same && noted) {
      const shown = request.dryRun && { before: comparable(before), after: comparable(before) };
      return { kind: 'Agent', name, action: 'unchanged', generation: before.generation, restarts: false, ...shown };
    }
    const next: AgentRecord = {
      name,
      ...draft,
      generation: before ? before.generation + (sameSpec ? 0 : 1) : 1,
      createdAt: before?.createdAt ?? clock.now(),
      source,
      ...(before?.restartAt !== undefined && { restartAt: before.restartAt }),
      ...(before?.restartBy !== undefined && { restartBy: before.restartBy }),
      ...(before?.restartSession !== undefined && { restartSession: before.restartSession }),
      ...(files && { files }),
      ...(before?.holds !== undefined && { holds: before.holds }),
      lastApplied,
      ...revise(before, draft.spec, this.#rules.note(name, describeSource(request.source, by), request.source, files)),
    };
    const action = !before ? 'created' : same ? 'unchanged' : 'configured';
    const restarts =
      before !== undefined && !same && launchKey(before) !== launchKey(next) && isMeantToRun(before, next);
    const result: ApplyResult = {
      kind: 'Agent',
      name,
      action,
      generation: next.generation,
      restarts,
      ...(request.dryRun && { ...(before && { before: comparable(before) }), after: comparable(next) }),
    };
    if (request.dryRun) return result;
    const events =
      action === 'unchanged'
        ? []
        : [
            this.#rules.event(
              name,
              action === 'created' ? 'Created' : 'Configured',
              `${action === 'created' ? 'Declared' : 'Changed'} by ${describeSource(request.source, by)}.`,
            ),
          ];
    await store.commit([{ type: 'put-agent', expected: current?.resourceVersion ?? 0, record: next }], events);
    return result;
  }

  /** Who needs whom once the request is applied. */
  #needs({ items }: ApplyRequest): (name: string) => readonly string[] {
    const asked = new Map(
      items.map(({ manifest }) => {
        const needs: unknown = manifest.spec?.dependsOn;
        return [manifest.metadata?.name, Array.isArray(needs) ? needs.map(String) : []] as const;
      }),
    );
    return (name) => asked.get(name) ?? this.#rules.needsOf(name);
  }

  async #prune(request: ApplyRequest, by: Caller): Promise<readonly ApplyResult[]> {
    const selects = request.prune?.labelSelector ? parseLabelSelector(request.prune.labelSelector) : () => true;
    const kept = new Set(request.items.map(({ manifest }) => manifest.metadata?.name));
    const doomed = [...this.#options.store.agents()]
      .map(({ record }) => record)
      .filter(
        (record) =>
          sameSource(record.source, request.source) &&
          !kept.has(record.name) &&
          record.deletedAt === undefined &&
          selects(record.labels),
      );
    if (!request.dryRun) await Promise.all(doomed.map(({ name }) => this.#remove(name, by)));
    return doomed.map((record) => ({
      kind: 'Agent',
      name: record.name,
      action: 'pruned',
      generation: record.generation,
      restarts: false,
      ...(request.dryRun && { before: comparable(record) }),
    }));
  }
}

const foreignFiles = ({ name, source }: AgentRecord): ConflictError =>
  new ConflictError(
    `agent "${name}": its files (src_*, to_home) come from ${source.kind} ${source.path ? `${source.name}/${source.path}` : source.name}; change them there, or use --force`,
  );

/** What was undone is not taken again from a source that only says it once more. */
function heeding(
  before: AgentRecord | undefined,
  draft: Draft,
  files: AgentRecord['files'],
  asking: Source,
): { readonly draft: Draft; readonly files: AgentRecord['files'] } {
  if (before?.rejected === undefined || asking.kind === 'apply') return { draft, files };
  const said = digestOf({ template: templateOf(draft.spec), ...(files && { files }) });
  if (said !== before.rejected) return { draft, files };
  return { draft: { ...draft, spec: withTemplate(draft.spec, templateOf(before.spec)) }, files: before.files };
}

const describeSource = (source: Source, by: Caller): string =>
  source.kind === 'apply' ? by.name : `${source.kind} ${source.name}`;
/** The revision told is the one that last changed the agent: a commit about others writes nothing here. */
const place = ({ kind, name, path }: Source) => ({ kind, name, path });
const sameSource = (a: Source, b: Source): boolean => a.kind === b.kind && a.name === b.name;

/** What is at rest before or after a change is not restarted by it, nor is what waits for `sac restart`. */
const isMeantToRun = (before: AgentRecord, next: AgentRecord): boolean =>
  [before, next].every(({ spec }) => !spec.suspend && spec.replicas > 0) && next.spec.update.strategy !== 'OnDelete';

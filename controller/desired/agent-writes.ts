/**
 * Owns: every way an intention changes: apply, create, replace, patch, delete, restart; generations and who owns which field.
 * Never: touches an agent; it writes what is wanted, the reconciler does the rest.
 */

import { isDeepStrictEqual } from 'node:util';
import type {
  ApplyItem,
  ApplyRequest,
  ApplyResponse,
  ApplyResult,
  DeleteRequest,
  PatchRequest,
  RestartRequest,
} from '../../api/protocol.ts';
import type { Agent, AgentManifestInput, AgentSpec } from '../../api/resources/agent/agent.ts';
import { withoutOldIdle } from '../../api/resources/agent/place/sections.ts';
import { ConflictError, InvalidError, NotFoundError, NotWrittenError, SacError } from '../../api/resources/errors.ts';
import type { Source } from '../../api/resources/meta.ts';
import { parseLabelSelector } from '../../api/resources/selectors.ts';
import type { Instant } from '../../api/resources/time.ts';
import type { AgentWrites, Caller, ReadItem, ReadRequest } from '../../api/server/ports.ts';
import { circleThrough } from '../plan/dependencies.ts';
import { type ChangeNote, digestOf, revise, templateOf, withTemplate } from '../plan/rollout/revisions.ts';
import type { AgentRecord, RecordedEvent, Store, Versioned } from '../store/store.ts';
import {
  comparable,
  type Draft,
  type Drafts,
  declaredIn,
  draftOf,
  parseManifest,
  parseMeta,
  parseSpec,
} from './agent-drafts.ts';
import { fieldsOfSource, isOrphaned, refusedByOwner } from './ownership.ts';
import { nextFiles, sameFiles } from './stored-files.ts';
import { mergePatch } from './three-way-merge.ts';

export interface AgentWritesOptions {
  readonly store: Store;
  readonly clock: { now(): Instant };
  /** Names of the instances an agent with this spec has. */
  readonly instanceNames: (name: string, spec: AgentSpec) => readonly string[];
  /** Equal texts: running instances need no restart. */
  readonly launchKey: (agent: Pick<AgentRecord, 'name' | 'labels' | 'spec' | 'files'>) => string;
  /** Equal texts: equal values. */
  readonly canonical: (value: unknown) => string;
  /** One for all that write in this process. */
  readonly drafts: Drafts;
}

/** Only the status changed in between: read again and try again, so often. */
const ATTEMPTS = 5;

export class StoredAgentWrites implements AgentWrites {
  readonly #options: AgentWritesOptions;

  constructor(options: AgentWritesOptions) {
    this.#options = options;
  }

  async apply(request: ReadRequest, by: Caller): Promise<ApplyResponse> {
    const owners = this.#instanceOwners();
    const needs = this.#needs(request);
    const outcomes = await Promise.all(request.items.map((item) => this.#applyItem(item, request, by, owners, needs)));
    const results = outcomes.flatMap((outcome) => ('action' in outcome ? [outcome] : []));
    const errors = outcomes.flatMap((outcome) => ('message' in outcome ? [outcome] : []));
    const pruned = request.prune && errors.length === 0 ? await this.#prune(request, by) : [];
    return { results: [...results, ...pruned], errors };
  }

  async create(manifest: Parameters<AgentWrites['create']>[0], by: Caller): Promise<Agent> {
    const name = manifest.metadata.name;
    if (name === undefined) throw new InvalidError(['metadata.name: is required']);
    if (this.#options.store.agent(name))
      throw new ConflictError(`agent "${name}" exists already; change it with apply, patch or replace`);
    const input = {
      apiVersion: 'sac/v1' as const,
      kind: 'Agent' as const,
      metadata: { ...manifest.metadata, name },
      spec: manifest.spec,
    };
    const [outcome] = (
      await this.apply({ items: [{ origin: name, manifest: parseManifest(input).input }], source: CLI_SOURCE }, by)
    ).errors;
    if (outcome?.reason === 'NotWritten') throw new NotWrittenError(outcome.message);
    if (outcome)
      throw outcome.reason === 'Conflict' ? new ConflictError(outcome.message) : new InvalidError([outcome.message]);
    return this.#view(name);
  }

  replace(name: string, body: Parameters<AgentWrites['replace']>[1], by: Caller): Promise<Agent> {
    return this.#change(name, by, { force: body.force === true }, (current) => {
      const seen = this.#options.store.viewAgent(name)?.metadata.resourceVersion;
      if (seen !== body.resourceVersion && current.resourceVersion > body.resourceVersion)
        throw new ConflictError(
          `agent "${name}" was changed meanwhile (version ${current.resourceVersion}, yours is ${body.resourceVersion}); read it again`,
        );
      return { labels: body.labels, annotations: body.annotations, spec: parseSpec(body.spec) };
    });
  }

  patch(name: string, patch: PatchRequest, by: Caller): Promise<Agent> {
    return this.#change(name, by, patch, (current) => {
      const expected = patch.metadata?.resourceVersion;
      if (expected !== undefined && current.resourceVersion > expected)
        throw new ConflictError(`agent "${name}" was changed meanwhile; read it again`);
      const meta = parseMeta({
        labels: mergePatch(current.record.labels, patch.metadata?.labels ?? {}),
        annotations: mergePatch(current.record.annotations, patch.metadata?.annotations ?? {}),
      });
      return {
        ...meta,
        spec:
          patch.spec === undefined
            ? current.record.spec
            : parseSpec(withoutOldIdle(mergePatch(current.record.spec, patch.spec), current.record.spec)),
      };
    });
  }

  async remove(name: string, { force = false, dryRun = false }: DeleteRequest, by: Caller): Promise<Agent> {
    await this.#write(
      name,
      ({ record }) => {
        if (record.deletedAt !== undefined && (record.forceDelete === true || !force)) return undefined;
        const event = this.#event(name, 'Deleted', `Deletion was asked for by ${by.name}.`);
        return {
          record: {
            ...record,
            deletedAt: record.deletedAt ?? this.#options.clock.now(),
            ...(force && { forceDelete: true }),
          },
          event,
        };
      },
      dryRun,
    );
    return this.#view(name);
  }

  async restart(name: string, request: RestartRequest, by: Caller): Promise<Agent> {
    await this.#write(name, ({ record }) => {
      if (record.deletedAt !== undefined) throw new ConflictError(`agent "${name}" is being deleted`);
      if (record.spec.suspend) throw new ConflictError(`agent "${name}" is suspended; \`sac start ${name}\` wakes it`);
      const [holder] = Object.keys(record.holds ?? {});
      if (holder !== undefined)
        throw new ConflictError(`agent "${name}" is held by ${holder}; \`sac start ${name}\` wakes it all the same`);
      const who = request.by ?? by.name;
      return {
        record: {
          ...withoutSession(record),
          restartAt: this.#options.clock.now(),
          restartBy: who,
          ...(request.session && { restartSession: request.session }),
        },
        event: this.#event(name, 'RestartRequested', `Restart was asked for by ${who}.`),
      };
    });
    return this.#view(name);
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
      const circle = circleThrough(name, needs);
      if (circle !== undefined) throw new InvalidError([`spec.dependsOn: waits for itself: ${circle}`]);
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
    const keeps = before !== undefined && (!ours || this.#staysWith(before.source, request.source));
    const { draft, files } = heeding(
      before,
      request.source.kind === 'git'
        ? drafts.whole(before, declared, brought.spec)
        : drafts.merge(before, keeps ? { spec: {} } : before?.lastApplied, declared, brought.spec),
      nextFiles(before?.files, brought.files),
      request.source,
    );
    this.#assertNamesFree(name, draft.spec, owners);

    // What was read once and kept shares its parts: comparing those costs nothing, a text of them much.
    const alike = (a: unknown, b: unknown) => isDeepStrictEqual(a, b) || canonical(a) === canonical(b);
    const sameSpec = before !== undefined && sameFiles(before.files, files) && alike(before.spec, draft.spec);
    const same = sameSpec && alike([before.labels, before.annotations], [draft.labels, draft.annotations]);
    if (before && !ours && !same) {
      this.#assertNotOwned(before, draft, request.source);
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
      ...revise(before, draft.spec, this.#note(name, describeSource(request.source, by), request.source, files)),
    };
    const action = !before ? 'created' : same ? 'unchanged' : 'configured';
    const restarts = before !== undefined && !same && launchKey(before) !== launchKey(next);
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
            this.#event(
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
    return (name) => asked.get(name) ?? this.#options.store.agent(name)?.record.spec.dependsOn ?? [];
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
    if (!request.dryRun) await Promise.all(doomed.map(({ name }) => this.remove(name, {}, by)));
    return doomed.map((record) => ({
      kind: 'Agent',
      name: record.name,
      action: 'pruned',
      generation: record.generation,
      restarts: false,
      ...(request.dryRun && { before: comparable(record) }),
    }));
  }

  async #change(
    name: string,
    by: Caller,
    { force = false, dryRun = false }: { readonly force?: boolean; readonly dryRun?: boolean },
    draftFrom: (current: Versioned<AgentRecord>) => Draft,
  ): Promise<Agent> {
    const { canonical } = this.#options;
    await this.#write(
      name,
      (current) => {
        const { record } = current;
        if (record.deletedAt !== undefined) throw new ConflictError(`agent "${name}" is being deleted`);
        const draft = draftFrom(current);
        if (canonical(draftOf(record)) === canonical(draft)) return undefined;
        this.#assertNamesFree(name, draft.spec, this.#instanceOwners());
        // What was applied by hand may be changed by hand; what a file declares is changed in the file.
        if (!force && record.source.kind !== 'apply')
          this.#assertNotOwned(record, draft, { kind: 'apply', name: 'cli' });
        const circle = circleThrough(name, (one) =>
          one === name ? (draft.spec.dependsOn ?? []) : (this.#options.store.agent(one)?.record.spec.dependsOn ?? []),
        );
        if (circle !== undefined) throw new InvalidError([`spec.dependsOn: waits for itself: ${circle}`]);
        const changed = canonical(record.spec) !== canonical(draft.spec);
        return {
          record: {
            ...withoutRevisions(record),
            ...draft,
            generation: record.generation + (changed ? 1 : 0),
            ...revise(record, draft.spec, this.#note(name, by.name, CLI_SOURCE, record.files)),
          },
          event: this.#event(name, 'Configured', `Changed by ${by.name}.`),
        };
      },
      dryRun,
    );
    return this.#view(name);
  }

  /** Reads, changes, writes; again when somebody else wrote in between. `change` returns undefined when there is nothing to write. */
  async #write(
    name: string,
    change: (
      current: Versioned<AgentRecord>,
    ) => { readonly record: AgentRecord; readonly event: RecordedEvent } | undefined,
    dryRun = false,
  ): Promise<void> {
    const { store } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const current = store.agent(name);
      if (!current) throw new NotFoundError(`agent "${name}" not found; \`sac get agents\` lists what there is`);
      const next = change(current);
      if (!next || dryRun) return;
      try {
        await store.commit(
          [{ type: 'put-agent', expected: current.resourceVersion, record: next.record }],
          [next.event],
        );
        return;
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt >= ATTEMPTS) throw error;
      }
    }
  }

  #note(name: string, by: string, source: Source, files: AgentRecord['files']): ChangeNote {
    const { clock, instanceNames } = this.#options;
    return { at: clock.now(), by, source, slots: (spec) => instanceNames(name, spec), ...(files && { files }) };
  }

  #assertNotOwned(record: AgentRecord, draft: Draft, asking: Source): void {
    const { canonical, store } = this.#options;
    if (isOrphaned(store, record.source)) return;
    const fields = fieldsOfSource(record, draft, (a, b) => canonical(a) === canonical(b));
    if (fields.length > 0) throw refusedByOwner(record, fields, asking);
  }

  /** What a git source declares stays its own, however it is changed by hand: it puts that right, or says so. */
  #staysWith(owner: Source, asking: Source): boolean {
    return owner.kind === 'git' && asking.kind !== 'git' && !isOrphaned(this.#options.store, owner);
  }

  /** Which agent each instance name belongs to now. */
  #instanceOwners(): ReadonlyMap<string, string> {
    const owners = new Map<string, string>();
    for (const { record } of this.#options.store.agents())
      for (const instance of this.#options.instanceNames(record.name, record.spec)) owners.set(instance, record.name);
    return owners;
  }

  #assertNamesFree(name: string, spec: AgentSpec, owners: ReadonlyMap<string, string>): void {
    for (const instance of this.#options.instanceNames(name, spec)) {
      const owner = owners.get(instance);
      if (owner !== undefined && owner !== name)
        throw new ConflictError(
          `agent "${name}" would have an instance "${instance}", which is one of agent "${owner}"; rename one of them`,
        );
      if (instance.length > 63)
        throw new InvalidError([
          `agent "${name}" would have an instance "${instance}", which is longer than 63 characters; shorten the name`,
        ]);
    }
  }

  #event(name: string, reason: string, message: string): RecordedEvent {
    return { type: 'Normal', reason, message, at: this.#options.clock.now(), regarding: { kind: 'Agent', name } };
  }

  #view(name: string): Agent {
    const view = this.#options.store.viewAgent(name);
    if (!view) throw new NotFoundError(`agent "${name}" is gone`);
    return view;
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

const withoutRevisions = ({
  revisions: _r,
  rollout: _o,
  paused: _p,
  rejected: _j,
  ...record
}: AgentRecord): AgentRecord => record;
const withoutSession = ({ restartSession: _, ...record }: AgentRecord): AgentRecord => record;

const CLI_SOURCE: Source = { kind: 'apply', name: 'cli' };

const describeSource = (source: Source, by: Caller): string =>
  source.kind === 'apply' ? by.name : `${source.kind} ${source.name}`;
/** The revision told is the one that last changed the agent: a commit about others writes nothing here. */
const place = ({ kind, name, path }: Source) => ({ kind, name, path });
const sameSource = (a: Source, b: Source): boolean => a.kind === b.kind && a.name === b.name;

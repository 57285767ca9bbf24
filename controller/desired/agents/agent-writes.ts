/**
 * Owns: every way one agent's intention is changed: create, replace, patch, delete, restart; applying many is agent-apply.ts.
 * Never: touches an agent; it writes what is wanted, the reconciler does the rest.
 */
import type { ApplyResponse, DeleteRequest, PatchRequest, RestartRequest } from '../../../api/protocol.ts';
import type { Agent } from '../../../api/resources/agent/agent.ts';
import { withoutOldIdle } from '../../../api/resources/agent/place/sections.ts';
import { ConflictError, InvalidError, NotFoundError, NotWrittenError } from '../../../api/resources/errors.ts';
import type { AgentWrites, Caller, ReadRequest } from '../../../api/server/ports.ts';
import { revise } from '../../plan/rollout/revisions.ts';
import type { AgentRecord, RecordedEvent, Versioned } from '../../store/store.ts';
import { mergePatch } from '../three-way-merge.ts';
import { AgentApply } from './agent-apply.ts';
import { type Draft, draftOf, parseManifest, parseMeta, parseSpec } from './agent-drafts.ts';
import { AgentRules, type AgentWritesOptions, ATTEMPTS, CLI_SOURCE } from './agent-rules.ts';

export class StoredAgentWrites implements AgentWrites {
  readonly #options: AgentWritesOptions;
  readonly #rules: AgentRules;
  readonly #apply: AgentApply;

  constructor(options: AgentWritesOptions) {
    this.#options = options;
    this.#rules = new AgentRules(options);
    this.#apply = new AgentApply(options, this.#rules, (name, by) => this.remove(name, {}, by));
  }

  apply(request: ReadRequest, by: Caller): Promise<ApplyResponse> {
    return this.#apply.apply(request, by);
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
        const event = this.#rules.event(name, 'Deleted', `Deletion was asked for by ${by.name}.`);
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
        event: this.#rules.event(name, 'RestartRequested', `Restart was asked for by ${who}.`),
      };
    });
    return this.#view(name);
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
        this.#rules.assertNamesFree(name, draft.spec, this.#rules.instanceOwners());
        // What was applied by hand may be changed by hand; what a file declares is changed in the file.
        if (!force && record.source.kind !== 'apply')
          this.#rules.assertNotOwned(record, draft, { kind: 'apply', name: 'cli' });
        this.#rules.assertNoCircle(name, (one) =>
          one === name ? (draft.spec.dependsOn ?? []) : this.#rules.needsOf(one),
        );
        const changed = canonical(record.spec) !== canonical(draft.spec);
        return {
          record: {
            ...withoutRevisions(record),
            ...draft,
            generation: record.generation + (changed ? 1 : 0),
            ...revise(record, draft.spec, this.#rules.note(name, by.name, CLI_SOURCE, record.files)),
          },
          event: this.#rules.event(name, 'Configured', `Changed by ${by.name}.`),
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

  #view(name: string): Agent {
    const view = this.#options.store.viewAgent(name);
    if (!view) throw new NotFoundError(`agent "${name}" is gone`);
    return view;
  }
}

const withoutRevisions = ({
  revisions: _r,
  rollout: _o,
  paused: _p,
  rejected: _j,
  ...record
}: AgentRecord): AgentRecord => record;
const withoutSession = ({ restartSession: _, ...record }: AgentRecord): AgentRecord => record;

/**
 * Owns: what people ask of a change under way: undo, pause, resume, a restart in turn; and the history they choose from.
 * Never: moves an instance; reconcile/rollouts.ts does, as far as it may.
 */
import type { RevisionInfo, RolloutRequest } from '../../../api/protocol.ts';
import type { Agent, AgentSpec } from '../../../api/resources/agent/agent.ts';
import { ConflictError, NotFoundError } from '../../../api/resources/errors.ts';
import { type Instant, isoTime } from '../../../api/resources/time.ts';
import type { Caller, RolloutWrites } from '../../../api/server/ports.ts';
import {
  type ChangeNote,
  historyOf,
  newestOf,
  putBack,
  type Revision,
  type Rollout,
  revise,
} from '../../plan/rollout/revisions.ts';
import type { AgentRecord, Store } from '../../store/store.ts';

export interface RolloutWritesOptions {
  readonly store: Store;
  readonly clock: { now(): Instant };
  /** Names of the instances an agent with this spec has. */
  readonly instanceNames: (name: string, spec: AgentSpec) => readonly string[];
}

/** Only the status changed in between: read again and try again, so often. */
const ATTEMPTS = 5;

export class StoredRolloutWrites implements RolloutWrites {
  readonly #options: RolloutWritesOptions;

  constructor(options: RolloutWritesOptions) {
    this.#options = options;
  }

  revisions(name: string): readonly RevisionInfo[] {
    const { record } = this.#find(name);
    const names = this.#options.instanceNames(name, record.spec);
    const held = names.map((instance) => revisionOf(record, instance));
    return historyOf(record).map((revision) => ({
      revision: revision.number,
      at: isoTime(revision.at),
      by: revision.by,
      source: revision.source,
      cause: causeOf(revision),
      instances: held.filter((number) => number === revision.number).length,
      spec: revision.template,
    }));
  }

  async rollout(name: string, request: RolloutRequest, by: Caller): Promise<Agent> {
    const { store, clock } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const { record, resourceVersion } = this.#find(name);
      if (record.deletedAt !== undefined) throw new ConflictError(`agent "${name}" is being deleted`);
      const next = this.#act(record, request, by);
      if (!next) break;
      const event = {
        type: 'Normal' as const,
        reason: REASONS[request.action],
        message: `${next.told} by ${by.name}.`,
        at: clock.now(),
        regarding: { kind: 'Agent' as const, name },
      };
      try {
        await store.commit([{ type: 'put-agent', expected: resourceVersion, record: next.record }], [event]);
        break;
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt >= ATTEMPTS) throw error;
      }
    }
    const view = store.viewAgent(name);
    if (!view) throw new NotFoundError(`agent "${name}" is gone`);
    return view;
  }

  /** Undefined: it is so already. */
  #act(
    record: AgentRecord,
    { action, revision }: RolloutRequest,
    by: Caller,
  ): { readonly record: AgentRecord; readonly told: string } | undefined {
    const note: ChangeNote = {
      at: this.#options.clock.now(),
      by: by.name,
      source: record.source,
      slots: (spec) => this.#options.instanceNames(record.name, spec),
    };
    switch (action) {
      case 'undo': {
        const target = undoTarget(record, revision);
        const told = `Revision ${newestOf(record).number} was undone: revision ${target.number} comes back; asked for`;
        return { record: putBack(record, target, note), told };
      }
      case 'pause':
        return record.paused ? undefined : { record: { ...record, paused: true }, told: 'Paused' };
      case 'resume': {
        if (!record.paused && !record.rollout?.halted) return undefined;
        const { paused: _, rollout, ...rest } = record;
        const resumed = rollout && { rollout: afresh(rollout, note.at) };
        return { record: { ...rest, ...resumed }, told: 'Resumed' };
      }
      case 'restart': {
        const { revisions: _r, rollout: _o, paused: _p, rejected: _j, ...rest } = record;
        const revised = revise(record, record.spec, {
          ...note,
          ...(record.files && { files: record.files }),
          restart: true,
        });
        if (!revised.rollout) throw new ConflictError(ALONE(record.name));
        const rejected = record.rejected !== undefined && { rejected: record.rejected };
        const told = 'A restart, some instances at a time, was asked for';
        return { record: { ...rest, ...rejected, generation: record.generation + 1, ...revised }, told };
      }
    }
  }

  #find(name: string) {
    const found = this.#options.store.agent(name);
    if (!found) throw new NotFoundError(`agent "${name}" not found; \`sac get agents\` lists what there is`);
    return found;
  }
}

const REASONS = {
  undo: 'RolloutUndone',
  pause: 'RolloutPaused',
  resume: 'RolloutResumed',
  restart: 'RestartRequested',
} as const satisfies Readonly<Record<RolloutRequest['action'], string>>;

const ALONE = (name: string): string =>
  `agent "${name}" has no instances that could be restarted in turn (update.maxUnavailable takes them all); use \`sac restart ${name}\``;

/** All clocks begin anew: what was too slow gets another chance. */
const afresh = ({ halted: _, ...rollout }: Rollout, now: Instant): Rollout => ({
  ...rollout,
  progressAt: now,
  moved: Object.fromEntries(
    Object.entries(rollout.moved).map(([name, { downSince: _d, ...move }]) => [name, move] as const),
  ),
});

function undoTarget(record: AgentRecord, asked: number | undefined): Revision {
  const history = historyOf(record);
  const newest = newestOf(record);
  const wanted = asked ?? (record.rollout?.base || history.at(-2)?.number);
  const found = history.find(({ number }) => number === wanted);
  if (wanted === undefined || (found && found.number === newest.number))
    throw new ConflictError(`agent "${record.name}" has revision ${newest.number} and none before it to go back to`);
  if (!found)
    throw new NotFoundError(
      `agent "${record.name}" has no revision ${wanted}; it has: ${history.map(({ number }) => number).join(', ')}`,
    );
  return found;
}

const revisionOf = (record: AgentRecord, instance: string): number => {
  const { rollout } = record;
  if (!rollout) return newestOf(record).number;
  return rollout.moved[instance]?.revision ?? (rollout.base || rollout.to);
};

const causeOf = ({ restartAt, undoes }: Revision): string =>
  undoes !== undefined ? `undo of ${undoes}` : restartAt !== undefined ? 'restart' : 'change';

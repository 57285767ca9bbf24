/**
 * Owns: what every write of an agent keeps to: names that are free, fields that belong to their source, nobody who waits for himself.
 * Never: writes.
 */
import type { AgentSpec } from '../../../api/resources/agent/agent.ts';
import { ConflictError, InvalidError } from '../../../api/resources/errors.ts';
import type { Source } from '../../../api/resources/meta.ts';
import type { Instant } from '../../../api/resources/time.ts';
import { circleThrough } from '../../plan/dependencies.ts';
import type { ChangeNote } from '../../plan/rollout/revisions.ts';
import type { AgentRecord, RecordedEvent, Store } from '../../store/store.ts';
import { fieldsOfSource, isOrphaned, refusedByOwner } from '../ownership.ts';
import type { Draft, Drafts } from './agent-drafts.ts';

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
export const ATTEMPTS = 5;

export const CLI_SOURCE: Source = { kind: 'apply', name: 'cli' };

export class AgentRules {
  readonly #options: AgentWritesOptions;

  constructor(options: AgentWritesOptions) {
    this.#options = options;
  }

  note(name: string, by: string, source: Source, files: AgentRecord['files']): ChangeNote {
    const { clock, instanceNames } = this.#options;
    return { at: clock.now(), by, source, slots: (spec) => instanceNames(name, spec), ...(files && { files }) };
  }

  assertNotOwned(record: AgentRecord, draft: Draft, asking: Source): void {
    const { canonical, store } = this.#options;
    if (isOrphaned(store, record.source)) return;
    const fields = fieldsOfSource(record, draft, (a, b) => canonical(a) === canonical(b));
    if (fields.length > 0) throw refusedByOwner(record, fields, asking);
  }

  /** What a git source declares stays its own, however it is changed by hand: it puts that right, or says so. */
  staysWith(owner: Source, asking: Source): boolean {
    return owner.kind === 'git' && asking.kind !== 'git' && !isOrphaned(this.#options.store, owner);
  }

  /** Which agent each instance name belongs to now. */
  instanceOwners(): ReadonlyMap<string, string> {
    const owners = new Map<string, string>();
    for (const { record } of this.#options.store.agents())
      for (const instance of this.#options.instanceNames(record.name, record.spec)) owners.set(instance, record.name);
    return owners;
  }

  assertNamesFree(name: string, spec: AgentSpec, owners: ReadonlyMap<string, string>): void {
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

  event(name: string, reason: string, message: string): RecordedEvent {
    return { type: 'Normal', reason, message, at: this.#options.clock.now(), regarding: { kind: 'Agent', name } };
  }

  /** `needs`: who needs whom once the write is done. */
  assertNoCircle(name: string, needs: (name: string) => readonly string[]): void {
    const circle = circleThrough(name, needs);
    if (circle !== undefined) throw new InvalidError([`spec.dependsOn: waits for itself: ${circle}`]);
  }

  /** Whom it needs, as it is stored. */
  needsOf(name: string): readonly string[] {
    return this.#options.store.agent(name)?.record.spec.dependsOn ?? [];
  }
}

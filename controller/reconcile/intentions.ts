/**
 * Owns: which instances are wanted now: every Agent planned, kept up to date as agents and facts change.
 * Never: looks at the world or stores anything; it can be rebuilt from the store at any time.
 */
import type { HostName, InstanceId } from '../../api/resources/names.ts';
import { instanceNameOf } from '../../api/resources/names.ts';
import { waitsFor } from '../plan/dependencies.ts';
import { type DesiredInstance, type PlaceKey, placeKey } from '../plan/desired-instance.ts';
import { type PlanFacts, planAgent, planDeparting } from '../plan/plan-instances.ts';
import type { AgentRecord, Store } from '../store/store.ts';

export class Intentions {
  readonly #store: Pick<Store, 'agent' | 'agents' | 'instance' | 'instances' | 'instancesOf' | 'viewAgent'>;
  readonly #facts: () => PlanFacts;
  /** Who wants each instance: nearly always one. `web` with two replicas and an agent `web-1` both want `web-1`. */
  readonly #claims = new Map<InstanceId, readonly DesiredInstance[]>();
  /** Who waits for each agent, and whether it was ready when they were last told. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #ready = new Map<string, boolean>();
  /** Which record each agent was planned from. */
  readonly #planned = new Map<string, { readonly record: AgentRecord; readonly ids: readonly InstanceId[] }>();

  constructor(
    store: Pick<Store, 'agent' | 'agents' | 'instance' | 'instances' | 'instancesOf' | 'viewAgent'>,
    facts: () => PlanFacts,
  ) {
    this.#store = store;
    this.#facts = facts;
  }

  /** Those whose screens are to be read, at this place. */
  *onboarded(key: PlaceKey): Iterable<DesiredInstance> {
    for (const [claim] of this.#claims.values()) {
      if (!claim?.onboarding || claim.want !== 'run') continue;
      const lives = claim.moveWhenIdle && this.#store.instance(claim.id)?.record.snapshot.memory.place;
      const place = lives || claim.place;
      if (place && placeKey(place) === key) yield claim;
    }
  }

  /** How many are to live on this host. */
  placedOn(host: HostName): number {
    let count = 0;
    for (const [claim] of this.#claims.values()) if (claim?.place?.host === host && claim.want === 'run') count++;
    return count;
  }

  get size(): number {
    return this.#claims.size;
  }

  /** What is wanted of this instance; for one that its agent has no slot for any more, how to let go of it. */
  desired(id: InstanceId): DesiredInstance | undefined {
    const wanted = this.#claims.get(id)?.[0];
    if (wanted) return this.#gated(wanted);
    const record = this.#store.instance(id)?.record;
    const agent = record && this.#store.agent(record.agent)?.record;
    return agent && planDeparting(agent, instanceNameOf(id), this.#facts());
  }

  /** Instances of agents that wait for this one, when whether it is ready has changed. */
  waiting(name: string): readonly InstanceId[] {
    const dependents = this.#dependents.get(name);
    if (!dependents) return [];
    const ready = this.#isReady(name);
    if (this.#ready.get(name) === ready) return [];
    this.#ready.set(name, ready);
    return [...dependents].flatMap((dependent) => this.#planned.get(dependent)?.ids ?? []);
  }

  #gated(wanted: DesiredInstance): DesiredInstance {
    const needs = wanted.want === 'run' ? this.#store.agent(wanted.agent)?.record.spec.dependsOn : undefined;
    const missing = needs && waitsFor(needs, (name) => this.#isReady(name));
    return missing === undefined ? wanted : { ...wanted, waitsFor: missing };
  }

  /** Up, or a batch job that is done. */
  #isReady(name: string): boolean {
    const { status } = this.#store.viewAgent(name) ?? {};
    return status !== undefined && (status.ready || status.phase === 'Succeeded');
  }

  #depend(name: string, before: AgentRecord | undefined, record: AgentRecord | undefined): void {
    if (!record) this.#ready.delete(name);
    for (const need of before?.spec.dependsOn ?? []) {
      const dependents = this.#dependents.get(need);
      dependents?.delete(name);
      if (dependents?.size === 0) this.#dependents.delete(need);
    }
    for (const need of record?.spec.dependsOn ?? [])
      this.#dependents.set(need, (this.#dependents.get(need) ?? new Set()).add(name));
  }

  /** Plans this agent again if its record changed. Returns the instances to look at. */
  update(name: string): readonly InstanceId[] {
    const record = this.#store.agent(name)?.record;
    const before = this.#planned.get(name);
    if (record === before?.record) return [];
    return this.#plan(name, record);
  }

  /** Facts changed (a runtime appeared, a host went): plans everything again. Returns all instances to look at. */
  replanAll(): readonly InstanceId[] {
    const names = new Set([...this.#planned.keys(), ...[...this.#store.agents()].map(({ record }) => record.name)]);
    return [...names].flatMap((name) => this.#plan(name, this.#store.agent(name)?.record));
  }

  #plan(name: string, record: AgentRecord | undefined): readonly InstanceId[] {
    const before = this.#planned.get(name);
    this.#depend(name, before?.record, record);
    for (const id of before?.ids ?? []) this.#unclaim(id, name);
    const instances = record ? planAgent(record, this.#facts()) : [];
    for (const instance of instances) this.#claim(instance);
    if (record) this.#planned.set(name, { record, ids: instances.map(({ id }) => id) });
    else this.#planned.delete(name);
    const kept = this.#store.instancesOf(name).map((versioned) => versioned.record.id);
    return [...new Set([...(before?.ids ?? []), ...instances.map(({ id }) => id), ...kept])];
  }

  #claim(instance: DesiredInstance): void {
    const others = this.#claims.get(instance.id) ?? [];
    this.#claims.set(instance.id, [...others, instance].sort(byRight));
  }

  #unclaim(id: InstanceId, agent: string): void {
    const left = (this.#claims.get(id) ?? []).filter((claim) => claim.agent !== agent);
    if (left.length > 0) this.#claims.set(id, left);
    else this.#claims.delete(id);
  }
}

/** The agent that carries the name has it; among replicas the first agent by name, whatever the order they came in. */
const byRight = (a: DesiredInstance, b: DesiredInstance): number =>
  Number(b.agent === b.name) - Number(a.agent === a.name) || (a.agent < b.agent ? -1 : 1);

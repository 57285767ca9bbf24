/**
 * Owns: joining the writers of agents, of other kinds and of rollouts, over one store or another.
 * Never: writes; a directory, a git source and a person write through the same.
 */
import type { AgentSpec } from '../../api/resources/agent/agent.ts';
import type { ObjectKind } from '../../api/resources/kinds/kinds.ts';
import type { ResourceWrites } from '../../api/server/ports.ts';
import { Drafts } from '../desired/agents/agent-drafts.ts';
import { StoredAgentWrites } from '../desired/agents/agent-writes.ts';
import { StoredRolloutWrites } from '../desired/agents/rollout-writes.ts';
import { StoredObjectWrites } from '../desired/object-writes.ts';
import { joinWrites } from '../desired/resource-writes.ts';
import { canonicalJson } from '../plan/launch-hash.ts';
import { instanceSlots } from '../plan/placement.ts';
import { planAgent } from '../plan/plan-instances.ts';
import type { AgentRecord, Store } from '../store/store.ts';
import { neededBy } from './needed-by.ts';
import type { CurrentFacts } from './plan-facts.ts';

interface WritesOptions {
  readonly store: Store;
  readonly factsNow: CurrentFacts['now'];
  readonly now: () => number;
}

export interface Writes {
  readonly rollouts: StoredRolloutWrites;
  /** As if this were the store: what a git source would change is tried over a copy. */
  over(store: Store): ResourceWrites;
}

export function createWrites({ store, factsNow, now }: WritesOptions): Writes {
  const ofAgents = {
    clock: { now },
    instanceNames: (name: string, spec: AgentSpec) =>
      instanceSlots(name, spec, factsNow().hosts).map((slot) => slot.name),
    launchKey: ({ name, labels, spec, files }: Pick<AgentRecord, 'name' | 'labels' | 'spec' | 'files'>) =>
      planAgent({ name, labels, generation: 0, spec, ...(files && { files }) }, factsNow())
        .map(({ launchHash }) => launchHash)
        .join(' '),
    canonical: canonicalJson,
    drafts: new Drafts(),
  };
  const ofObjects = {
    clock: { now },
    canonical: canonicalJson,
    neededBy: (kind: ObjectKind, name: string) => neededBy(store, kind, name),
  };
  return {
    rollouts: new StoredRolloutWrites({ ...ofAgents, store }),
    over: (over) =>
      joinWrites(
        new StoredAgentWrites({ ...ofAgents, store: over }),
        new StoredObjectWrites({ ...ofObjects, store: over }),
      ),
  };
}

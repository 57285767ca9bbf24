/**
 * Owns: one controller's git sources in the simulation: the real loops and the real writes, over a repository that is made up.
 * Never: decides. All that is reached from outside passes through the controller's Life.
 */

import type { GitSourceSpec } from '../../api/resources/kinds/git-source.ts';
import type { Instant } from '../../api/resources/time.ts';
import { Drafts } from '../../controller/desired/agents/agent-drafts.ts';
import { StoredAgentWrites } from '../../controller/desired/agents/agent-writes.ts';
import type { FleetPort } from '../../controller/desired/git/fleet-port.ts';
import { fleetOf } from '../../controller/desired/git/running/fleet-of.ts';
import { GitSources } from '../../controller/desired/git/running/git-sources.ts';
import { StoredObjectWrites } from '../../controller/desired/object-writes.ts';
import { joinWrites } from '../../controller/desired/resource-writes.ts';
import { canonicalJson } from '../../controller/plan/launch-hash.ts';
import { instanceSlots } from '../../controller/plan/placement.ts';
import { type PlanFacts, planAgent } from '../../controller/plan/plan-instances.ts';
import type { Timers } from '../../controller/reconcile/work-queue.ts';
import type { ObjectRecord, Store } from '../../controller/store/store.ts';
import type { Life } from '../world/life.ts';
import { type FakeRepositoryOptions, fakeRepository } from './hub.ts';

export interface GitBugs {
  /** Files that do not parse are left out, and the rest of the commit is applied. */
  readonly skipsBroken?: boolean;
  /** Every commit counts as signed. */
  readonly trustsAll?: boolean;
  readonly fleet?: (fleet: FleetPort, store: Store) => FleetPort;
}

export interface SourcesOptions extends Omit<FakeRepositoryOptions, 'source' | keyof GitBugs> {
  readonly store: Store;
  readonly timers: Timers;
  readonly life: Life;
  readonly facts: PlanFacts;
  readonly bugs: GitBugs;
}

export function makeSources(options: SourcesOptions): GitSources {
  const { store, timers, life, facts, bugs, random, trace } = options;
  const drafts = new Drafts();
  const writesOver = (over: Store) =>
    joinWrites(
      new StoredAgentWrites({
        store: over,
        clock: timers,
        canonical: canonicalJson,
        drafts,
        instanceNames: (name, spec) => instanceSlots(name, spec, facts.hosts).map((slot) => slot.name),
        launchKey: ({ name, labels, spec }) =>
          planAgent({ name, labels, generation: 0, spec }, facts)
            .map(({ launchHash }) => launchHash)
            .join(' '),
      }),
      new StoredObjectWrites({ store: over, clock: timers, canonical: canonicalJson, neededBy: () => undefined }),
    );
  const fleet = fleetOf(store, writesOver);
  return new GitSources({
    store,
    timers,
    fleet: bugs.fleet?.(fleet, store) ?? fleet,
    secrets: { env: {}, secretsDir: '/nonexistent' },
    random: () => random.next(),
    canonical: canonicalJson,
    observe() {},
    log: (message, fields) => trace(`${message} ${JSON.stringify(fields)}`),
    repositoryOf(source) {
      const own = fakeRepository({
        ...options,
        source,
        skipsBroken: bugs.skipsBroken ?? false,
        trustsAll: bugs.trustsAll ?? false,
      });
      return {
        resolve: (...args) => life.call(() => own.resolve(...args)),
        fetch: (...args) => life.call(() => own.fetch(...args)),
        files: (...args) => life.call(() => own.files(...args)),
        signature: (...args) => life.call(() => own.signature(...args)),
        keep: (...args) => life.call(() => own.keep(...args)),
        expand: (revision) => own.expand(revision),
        forget: () => own.forget(),
      };
    },
  });
}

export const sourceRecord = (name: string, spec: GitSourceSpec, createdAt: Instant): ObjectRecord<'GitSource'> => ({
  kind: 'GitSource',
  name,
  spec,
  createdAt,
  labels: {},
  annotations: {},
  generation: 1,
  source: { kind: 'apply', name: 'cli' },
  status: {},
});

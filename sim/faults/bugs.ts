/**
 * Owns: deliberate bugs, at least one a property, each of which the simulation must find.
 * Never: reaches production code: a bug is a wrapped decision or a broken fake.
 */
import type { ApplyResponse } from '../../api/protocol.ts';
import type { FleetPort } from '../../controller/desired/git/fleet-port.ts';
import type { Decide } from '../../controller/machine/snapshot.ts';
import { type RolloutInput, type RolloutStep, stepRollout } from '../../controller/plan/rollout/rollout.ts';
import type { Bugs } from '../world/stage.ts';
import type { PlanName } from './faults.ts';

export interface PlantedBug {
  readonly name: string;
  /** Property that must fail, as numbered in the violations. */
  readonly property: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
  readonly bugs: Bugs;
  /** Fault plan under which it shows. */
  readonly plan: PlanName;
}

const emitsOnce =
  (decide: Decide): Decide =>
  (input) => {
    const decision = decide(input);
    return decision.snapshot === input.snapshot ? { ...decision, effects: [] } : decision;
  };

const ignoresDrift =
  (decide: Decide): Decide =>
  (input) => {
    const { desired, observed } = input;
    const seen = observed.kind === 'seen' ? observed.sightings.find(({ state }) => state === 'running') : undefined;
    return decide(desired && seen ? { ...input, desired: { ...desired, launchHash: seen.launchHash } } : input);
  };

const retriesOnceMore =
  (decide: Decide): Decide =>
  (input) => {
    const { desired } = input;
    return decide(
      desired
        ? {
            ...input,
            desired: { ...desired, restart: { ...desired.restart, maxRetries: desired.restart.maxRetries + 1 } },
          }
        : input,
    );
  };

const forgetsWaits =
  (decide: Decide): Decide =>
  (input) => {
    const { notBefore: _, ...memory } = input.snapshot.memory;
    return decide({ ...input, snapshot: { ...input.snapshot, memory } });
  };

const restartsTheDone =
  (decide: Decide): Decide =>
  (input) => {
    const { snapshot } = input;
    return decide(snapshot.phase === 'Succeeded' ? { ...input, snapshot: { ...snapshot, phase: 'Stopped' } } : input);
  };

const takesAll = (input: RolloutInput): RolloutStep => stepRollout({ ...input, maxUnavailable: '100%' });

const doesNotWait = (input: RolloutInput): RolloutStep =>
  stepRollout({ ...input, seen: input.seen.map((one) => ({ ...one, well: true, hash: one.wantedHash })) });

const trustsWhatIsReady = (input: RolloutInput): RolloutStep => stepRollout({ ...input, healthyMs: 0 });

const forgetsEnds = (input: RolloutInput): RolloutStep =>
  stepRollout({ ...input, seen: input.seen.map(({ ended: _, ...one }) => one) });

const claimsAll = (fleet: FleetPort): FleetPort => ({
  ...fleet,
  *things() {
    for (const thing of fleet.things()) yield { ...thing, source: { kind: 'git', name: 'north' } };
  },
});

const appliesOneByOne = (fleet: FleetPort): FleetPort => ({
  ...fleet,
  transaction: (work) =>
    work({
      async apply(request, by) {
        const parts: ApplyResponse[] = [];
        for (const item of request.items)
          parts.push(await fleet.transaction((writes) => writes.apply({ ...request, items: [item] }, by)));
        return { results: parts.flatMap(({ results }) => results), errors: parts.flatMap(({ errors }) => errors) };
      },
      remove: (key, by) => fleet.transaction((writes) => writes.remove(key, by)),
      applied: (source, what) => fleet.transaction((writes) => writes.applied(source, what)),
    }),
});

const prunesAll = (fleet: FleetPort): FleetPort => ({
  ...fleet,
  transaction: (work) =>
    fleet.transaction((writes) =>
      work({
        ...writes,
        async apply(request, by) {
          const response = await writes.apply(request, by);
          const kept = new Set(request.items.map(({ manifest }) => `Agent/${manifest.metadata?.name ?? ''}`));
          for (const { key, source, deleting } of [...fleet.things()])
            if (source.name === request.source.name && !deleting && !kept.has(key)) await writes.remove(key, by);
          return response;
        },
      }),
    ),
});

export const PLANTED: readonly PlantedBug[] = [
  { name: 'effects are emitted once, on entry', property: 1, plan: 'intermediate', bugs: { decide: emitsOnce } },
  { name: 'effects are emitted once, on entry (enumerated)', property: 1, plan: 'each', bugs: { decide: emitsOnce } },
  { name: 'drift is ignored', property: 1, plan: 'none', bugs: { decide: ignoresDrift } },
  { name: 'the runtime has no unique names', property: 2, plan: 'stale', bugs: { randomIds: true } },
  { name: 'targets match prefixes', property: 3, plan: 'none', bugs: { matchesPrefixes: true } },
  { name: 'one retry too many', property: 4, plan: 'none', bugs: { decide: retriesOnceMore } },
  { name: 'backoff is not waited out', property: 4, plan: 'none', bugs: { decide: forgetsWaits } },
  { name: 'completed work is done again', property: 4, plan: 'none', bugs: { decide: restartsTheDone } },
  { name: 'unknown is taken for absent', property: 5, plan: 'outage', bugs: { failsAsEmpty: true } },
  { name: 'a change takes all instances at once', property: 7, plan: 'none', bugs: { stepRollout: takesAll } },
  {
    name: 'a change does not wait until instances are ready',
    property: 7,
    plan: 'none',
    bugs: { stepRollout: doesNotWait },
  },
  {
    name: 'what is ready is relied on at once',
    property: 7,
    plan: 'none',
    bugs: { stepRollout: trustsWhatIsReady },
  },
  { name: 'what ended under a change is forgotten', property: 7, plan: 'none', bugs: { stepRollout: forgetsEnds } },
  { name: 'a source takes all for its own', property: 8, plan: 'none', bugs: { git: { fleet: claimsAll } } },
  { name: 'a commit is applied thing by thing', property: 9, plan: 'none', bugs: { git: { fleet: appliesOneByOne } } },
  {
    name: 'a broken commit is applied as far as it goes',
    property: 9,
    plan: 'none',
    bugs: { git: { skipsBroken: true } },
  },
  { name: 'an unsigned commit is applied', property: 9, plan: 'none', bugs: { git: { trustsAll: true } } },
  { name: 'a source deletes without being asked to', property: 9, plan: 'none', bugs: { git: { fleet: prunesAll } } },
  { name: 'an invalid manifest is half applied', property: 6, plan: 'none', bugs: { takesInvalid: true } },
];

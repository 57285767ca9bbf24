/**
 * Owns: deliberate bugs, at least one a property, each of which the simulation must find.
 * Never: reaches production code: a bug is a wrapped decision or a broken fake.
 */
import type { Decide } from '../controller/machine/snapshot.ts';
import { type RolloutInput, type RolloutStep, stepRollout } from '../controller/plan/rollout/rollout.ts';
import type { PlanName } from './faults.ts';
import type { Bugs } from './stage.ts';

export interface PlantedBug {
  readonly name: string;
  /** Property that must fail, as numbered in the violations. */
  readonly property: 1 | 2 | 3 | 4 | 5 | 6 | 7;
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
  { name: 'an invalid manifest is half applied', property: 6, plan: 'none', bugs: { takesInvalid: true } },
];

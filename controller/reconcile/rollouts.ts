/**
 * Owns: carrying changes from instance to instance: looks at what is recorded, asks rollout.ts for the next step, saves it.
 * Never: touches an instance: one that was given a newer revision is replaced by its own reconciliation. Nothing is remembered
 * here that is not in the store, so a controller that was killed goes on where it was.
 */
import { ConflictError, FencedError } from '../../api/resources/errors.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import { type DurationMs, durationMs, type Instant } from '../../api/resources/time.ts';
import type { Observation } from '../machine/snapshot.ts';
import type { DesiredInstance } from '../plan/desired-instance.ts';
import { canonicalJson } from '../plan/launch-hash.ts';
import { instanceSlots } from '../plan/placement.ts';
import { type PlanFacts, planAgent } from '../plan/plan-instances.ts';
import { type ChangeNote, newestOf, putBack, type Rollout } from '../plan/rollout/revisions.ts';
import { type RolloutInput, type RolloutStep, type SeenInstance, stepRollout } from '../plan/rollout/rollout.ts';
import type { AgentRecord, InstanceRecord, RecordedEvent, Store } from '../store/store.ts';
import type { Timers } from './work-queue.ts';

export interface RolloutsOptions {
  readonly store: Store;
  readonly facts: () => PlanFacts;
  readonly timers: Timers;
  readonly onFenced: () => void;
  /** Looks now, whatever is cached. */
  readonly lookAnew: (instances: readonly InstanceRecord[]) => Promise<ReadonlyMap<string, Observation>>;
  /** What is recorded of these is not what is there. */
  readonly onDoubt: (ids: readonly InstanceId[]) => void;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
  /** How the next step is found; the simulation passes broken ones to show that it finds them. */
  readonly step?: (input: RolloutInput) => RolloutStep;
}

/** Changes of many instances are looked at together. */
const GATHER_MS: DurationMs = 20;
const RETRY_MS: DurationMs = 1_000;
const BY = 'sac';

interface Plans {
  readonly record: AgentRecord;
  readonly facts: PlanFacts;
  readonly held: ReadonlyMap<string, DesiredInstance>;
  readonly wanted: readonly DesiredInstance[];
}

export class Rollouts implements Disposable {
  readonly #options: RolloutsOptions;
  readonly #wakes = new Map<string, { readonly at: Instant; readonly cancel: () => void }>();
  readonly #plans = new Map<string, Plans>();
  #ended = false;

  constructor(options: RolloutsOptions) {
    this.#options = options;
  }

  /** Something of this agent changed. */
  consider(name: string): void {
    const record = this.#options.store.agent(name)?.record;
    if (record?.rollout && record.deletedAt === undefined) this.#wakeAt(name, this.#options.timers.now() + GATHER_MS);
    else this.#forget(name);
  }

  considerAll(): void {
    for (const { record } of this.#options.store.agents()) this.consider(record.name);
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    for (const name of [...this.#wakes.keys()]) this.#forget(name);
  }

  #forget(name: string): void {
    this.#wakes.get(name)?.cancel();
    this.#wakes.delete(name);
    this.#plans.delete(name);
  }

  /** At the earliest time that was asked for. */
  #wakeAt(name: string, at: Instant): void {
    const known = this.#wakes.get(name);
    if (this.#ended || (known && known.at <= at)) return;
    known?.cancel();
    const { timers } = this.#options;
    const cancel = timers.after(at - timers.now(), () => {
      this.#wakes.delete(name);
      void this.#advance(name);
    });
    this.#wakes.set(name, { at, cancel });
  }

  async #advance(name: string): Promise<void> {
    const { store, timers, step = stepRollout, onFenced, log } = this.#options;
    try {
      const found = store.agent(name);
      const rollout = found?.record.rollout;
      if (!rollout || found.record.deletedAt !== undefined) return this.#forget(name);
      const { record } = found;
      const first = step(this.#inputOf(record, rollout));
      if (first.wakeAt !== undefined) this.#wakeAt(name, first.wakeAt);
      if (first.rollout === rollout) return;
      // A record may be older than an end that nobody was told of: what is about to be relied on is looked at.
      const input = await this.#confirmed(record, rollout);
      const next = step(input);
      if (next.wakeAt !== undefined) this.#wakeAt(name, next.wakeAt);
      if (next.rollout === rollout) return;
      const { changed, events } = this.#record(record, rollout, next.rollout, input.now);
      await store.commit([{ type: 'put-agent', expected: found.resourceVersion, record: changed }], events);
    } catch (error) {
      if (error instanceof FencedError) return onFenced();
      if (!(error instanceof ConflictError))
        log('rollout could not go on, will be tried again', { agent: name, error: String(error) });
      this.#wakeAt(name, timers.now() + (error instanceof ConflictError ? GATHER_MS : RETRY_MS));
    }
  }

  /** As recorded, but for what a look of now contradicts. */
  async #confirmed(record: AgentRecord, rollout: Rollout): Promise<RolloutInput> {
    const { store, lookAnew, onDoubt } = this.#options;
    const believed = store
      .instancesOf(record.name)
      .map((one) => one.record)
      .filter(({ snapshot, unknown }) => snapshot.phase === 'Running' && !unknown);
    const looks = await lookAnew(believed);
    const input = this.#inputOf(record, rollout);
    const lives = ({ snapshot }: InstanceRecord, look: Observation | undefined): boolean =>
      look?.kind === 'seen' &&
      look.sightings.some(
        ({ state, incarnation }) => state === 'running' && incarnation === snapshot.memory.incarnation,
      );
    const doubted = believed.filter((one) => !lives(one, looks.get(one.name)));
    if (doubted.length === 0) return input;
    onDoubt(doubted.map(({ id }) => id));
    const unseen = new Set(doubted.filter(({ name }) => looks.get(name)?.kind !== 'seen').map(({ name }) => name));
    const dead = new Set(doubted.map(({ name }) => name));
    return {
      ...input,
      seen: input.seen.map((one) =>
        unseen.has(one.name)
          ? { ...one, unknown: true }
          : dead.has(one.name)
            ? { ...one, well: false, living: false }
            : one,
      ),
    };
  }

  #record(
    record: AgentRecord,
    before: Rollout,
    next: Rollout | undefined,
    now: Instant,
  ): { readonly changed: AgentRecord; readonly events: readonly RecordedEvent[] } {
    const { name, spec, revisions = [] } = record;
    const event = (type: RecordedEvent['type'], reason: string, message: string): RecordedEvent => ({
      type,
      reason,
      message,
      at: now,
      regarding: { kind: 'Agent', name },
    });
    if (!next) {
      const { rollout: _, ...rest } = record;
      const events =
        before.base === 0 ? [] : [event('Normal', 'RolledOut', `All instances have revision ${before.to}.`)];
      return { changed: rest, events };
    }
    const halted: AgentRecord = { ...record, rollout: next };
    if (!next.halted || before.halted) return { changed: halted, events: [] };
    const failed = event('Warning', 'RolloutHalted', `Revision ${next.to}: ${next.halted.message}.`);
    const base = revisions.find(({ number }) => number === next.base);
    // What puts back is not undone in turn.
    if (spec.update.onFailure !== 'undo' || !base || newestOf(record).undoes !== undefined)
      return { changed: halted, events: [failed] };
    const changed = putBack(halted, base, this.#note(name, now, record));
    return {
      changed,
      events: [
        failed,
        event('Warning', 'RolloutUndone', `Revision ${next.base} comes back as revision ${newestOf(changed).number}.`),
      ],
    };
  }

  #note(name: string, at: Instant, { source }: AgentRecord): ChangeNote {
    const { hosts } = this.#options.facts();
    return { at, by: BY, source, slots: (spec) => instanceSlots(name, spec, hosts).map((slot) => slot.name) };
  }

  #inputOf(record: AgentRecord, rollout: Rollout): RolloutInput {
    const { store, timers } = this.#options;
    const { held, wanted } = this.#plansOf(record);
    const records = new Map(store.instancesOf(record.name).map((one) => [one.record.name, one.record]));
    const { update, startup } = record.spec;
    const { restartAt } = newestOf(record);
    const isTold = startup.commands.length + startup.prompts.length > 0;
    return {
      rollout,
      seen: wanted.map((desired) => see(desired, held.get(desired.name), records.get(desired.name), isTold)),
      generation: record.generation,
      maxUnavailable: update.maxUnavailable,
      waitFor: update.waitFor,
      healthyMs: durationMs(update.minHealthyTime),
      // Its first check comes when it is ready, an interval later.
      deadlineMs: durationMs(update.progressDeadline) + longest(wanted, checkMs),
      graceMs: record.spec.terminationGracePeriodSeconds * 1_000,
      paused: record.paused === true,
      resting: wanted.every(
        ({ name, want, schedule }) =>
          want !== 'run' || (schedule !== undefined && records.get(name)?.snapshot.phase === 'Stopped'),
      ),
      ...(restartAt !== undefined && { restartAt }),
      now: timers.now(),
    };
  }

  /** What each instance is now and is to be: a matter of the record and the facts alone. */
  #plansOf(record: AgentRecord): Plans {
    const facts = this.#options.facts();
    const known = this.#plans.get(record.name);
    if (known?.record === record && known.facts === facts) return known;
    const { rollout: _, ...complete } = record;
    const plans: Plans = {
      record,
      facts,
      held: new Map(planAgent(record, facts).map((desired) => [desired.name, desired])),
      wanted: planAgent(complete, facts),
    };
    this.#plans.set(record.name, plans);
    return plans;
  }
}

const longest = (wanted: readonly DesiredInstance[], of: (one: DesiredInstance) => DurationMs): DurationMs =>
  wanted.reduce((most, one) => Math.max(most, of(one)), 0);
const checkMs = ({ health }: DesiredInstance): DurationMs => (health ? health.intervalMs + health.timeoutMs : 0);

/** Ready is told with the last startup text; within this it is seen to work on it. */
const TOLD_MS: DurationMs = 3_000;

function see(
  wanted: DesiredInstance,
  held: DesiredInstance | undefined,
  record: InstanceRecord | undefined,
  isTold: boolean,
): SeenInstance {
  const { phase, memory } = record?.snapshot ?? { phase: 'Pending', memory: undefined };
  const lastExit = memory?.lastExit;
  const sighting = record?.sighting;
  const activity = sighting?.reading?.activity;
  return {
    name: wanted.name,
    well: (phase === 'Running' && memory?.readySince !== undefined) || phase === 'Succeeded',
    ...(memory?.readySince !== undefined && { readySince: memory.readySince }),
    ...(lastExit &&
      lastExit.reason !== 'Stopped' && {
        ended: { incarnation: lastExit.incarnation, stoodMs: lastExit.readyMs ?? 0 },
      }),
    ...(sighting && { hash: sighting.launchHash, incarnation: sighting.incarnation }),
    idle: !wanted.readsActivity || activity === 'idle',
    ...(isTold && memory?.readySince !== undefined && { idleFrom: memory.readySince + TOLD_MS }),
    unknown: record?.unknown !== undefined,
    living: sighting?.state === 'running' && phase !== 'Stopped',
    heldHash: held?.launchHash ?? wanted.launchHash,
    wantedHash: wanted.launchHash,
    checkedAlike: !held || canonicalJson(held.health ?? null) === canonicalJson(wanted.health ?? null),
    ...(wanted.health && {
      passed: memory?.passed && memory.passed.incarnation === memory.incarnation ? memory.passed.generation : 0,
    }),
  };
}

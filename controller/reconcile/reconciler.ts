/**
 * Owns: one pass over one instance: look, decide, save, act, look again.
 * Never: branches on the kind of runtime, or feeds an effect's result back into the decision: the next look sees what it did.
 */

import { ConflictError, FencedError } from '../../api/resources/errors.ts';
import { type InstanceId, instanceNameOf } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import type { HealthReading } from '../machine/health.ts';
import type { Decide, Decision, Effect, FilesReading, Observation, PlacedSighting } from '../machine/snapshot.ts';
import { NEW_SNAPSHOT } from '../machine/snapshot.ts';
import type { Observer } from '../observed/observe.ts';
import { type Refusal, refusedStart, withRefusal } from '../observed/start-refusal.ts';
import { type DesiredInstance, type Place, placeKey } from '../plan/desired-instance.ts';
import type { Change, InstanceRecord, RecordedEvent, Store, Versioned } from '../store/store.ts';
import type { EffectRunner } from './effects/effect-runner.ts';
import { noteFailure } from './effects/failed-effect.ts';
import type { Intentions } from './intentions.ts';
import type { Released } from './released.ts';

/** What the reconciler needs of the queue that calls it. */
export interface Requeue {
  add(id: InstanceId): void;
  addAt(id: InstanceId, at: Instant): void;
  addRateLimited(id: InstanceId): void;
  forget(id: InstanceId): void;
}

export interface ReconcilerOptions {
  readonly store: Store;
  readonly intentions: Pick<Intentions, 'desired'>;
  readonly observer: Pick<Observer, 'observe' | 'invalidate'>;
  /** What the last look at its deployed files told. */
  readonly files?: (id: InstanceId) => FilesReading | undefined;
  /** What the last check of it told. */
  readonly health?: (id: InstanceId) => HealthReading | undefined;
  /** What a start that failed said of why; never rejects. Asked once an end. */
  readonly refusal?: (desired: DesiredInstance, place: Place) => Promise<Refusal>;
  readonly runner: Pick<EffectRunner, 'run'> & Partial<Pick<EffectRunner, 'leave'>>;
  readonly decide: Decide;
  readonly now: () => Instant;
  readonly queue: () => Requeue;
  /** This controller was replaced: stop everything, at once. */
  readonly onFenced: () => void;
  /** What was let go lately; written here. */
  readonly released: Released;
  readonly observe?: ReconcileObserver;
  readonly log?: (message: string, fields: Record<string, unknown>) => void;
  /** A place unlooked-at for less than this is not told to users yet. */
  readonly unknownGraceMs?: DurationMs;
}

export interface ReconcileObserver {
  reconciled(result: 'success' | 'error' | 'requeue' | 'requeue_after', seconds: number): void;
  restarted(agent: string): void;
  started(seconds: number): void;
}

const UNKNOWN_GRACE_MS = 5_000;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #since: Instant;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#since = options.now();
  }

  /** Never rejects: every failure becomes a later pass. */
  async reconcile(id: InstanceId): Promise<void> {
    const { now, queue, observe, log } = this.#options;
    const began = now();
    try {
      const result = await this.#pass(id);
      observe?.reconciled(result, (now() - began) / 1000);
    } catch (error) {
      observe?.reconciled('error', (now() - began) / 1000);
      if (error instanceof FencedError) return this.#options.onFenced();
      // Somebody else wrote in between: their write is a reason to look again, not a failure.
      if (!(error instanceof ConflictError))
        log?.('reconcile failed, will be tried again', { instance: id, error: String(error) });
      queue().addRateLimited(id);
    }
  }

  async #pass(id: InstanceId): Promise<'success' | 'requeue' | 'requeue_after'> {
    const { store, intentions, observer, decide, now, queue } = this.#options;
    const desired = intentions.desired(id);
    const released = desired || store.instance(id) ? undefined : this.#options.released.of(id);
    // Neither wanted nor remembered: at most an orphan, which is reported, never touched.
    if (!desired && !store.instance(id) && !released) {
      queue().forget(id);
      return 'success';
    }
    const looked = await observer.observe(id, expectedAt(desired, store.instance(id)?.record), desired?.forsaken);
    if (released && !isLate(looked, released.incarnation)) {
      queue().forget(id);
      return 'success';
    }
    const observed = await this.#withRefusal(id, desired, looked);
    // The look took its time: what was wanted when it began must not be started now.
    if (!sameIntention(desired, intentions.desired(id))) {
      queue().add(id);
      return 'requeue';
    }
    const known = store.instance(id);
    const before = known?.record.snapshot ?? NEW_SNAPSHOT;
    const decision = decide({
      id,
      desired,
      observed,
      snapshot: before,
      files: this.#options.files?.(id),
      health: this.#options.health?.(id),
      now: now(),
      since: this.#since,
    });

    if (observed.kind === 'unknown') return this.#unknown(id, desired, known, observed.reason);
    const changed = await this.#save(id, desired, known, decision, observed);
    if (decision.lookAgain) {
      for (const place of [...expectedAt(desired, known?.record), ...observed.sightings.map((seen) => seen.place)])
        observer.invalidate(id, place);
      if (decision.wakeAt === undefined) queue().addRateLimited(id);
      else queue().addAt(id, decision.wakeAt);
      return 'requeue';
    }
    if (decision.wakeAt !== undefined) queue().addAt(id, decision.wakeAt);
    if (decision.effects.length === 0) {
      queue().forget(id);
      return decision.wakeAt === undefined ? 'success' : 'requeue_after';
    }
    await this.#act(id, desired, decision.effects);
    // Asked for the same again: the place is slow or refuses, so wait longer each time.
    if (changed) {
      queue().forget(id);
      queue().add(id);
    } else queue().addRateLimited(id);
    return 'requeue';
  }

  /** An end that is news, and may be a start that failed, is told with what that start said. */
  async #withRefusal(id: InstanceId, desired: DesiredInstance | undefined, looked: Observation): Promise<Observation> {
    const { refusal, store } = this.#options;
    const refused = refusedStart(looked, desired);
    if (
      !desired ||
      !refused ||
      store.instance(id)?.record.snapshot.memory.lastExit?.incarnation === refused.incarnation
    )
      return looked;
    const told = await refusal?.(desired, refused.place);
    return told ? withRefusal(looked, refused, told) : looked;
  }

  /** Saved before the first effect runs, by compare-and-swap. An unchanged record is not written. */
  async #save(
    id: InstanceId,
    desired: DesiredInstance | undefined,
    known: Versioned<InstanceRecord> | undefined,
    decision: Decision,
    observed: Observation,
  ): Promise<boolean> {
    const { store, now, observe } = this.#options;
    const before = known?.record;
    const seen = observed.kind === 'seen' ? mainSighting(observed.sightings, decision) : undefined;
    // A look that is doubted is not told: what it lacks may still be there.
    const sighting = decision.lookAgain ? before?.sighting : seen;
    if (before && decision.snapshot === before.snapshot && sameSighting(before.sighting, sighting) && !before.unknown)
      return false;
    if (!before && decision.effects.some(({ type }) => type === 'release')) return false;
    const record: InstanceRecord = {
      id,
      name: before?.name ?? desired?.name ?? instanceNameOf(id),
      agent: desired?.agent ?? before?.agent ?? this.#options.released.of(id)?.agent ?? id,
      createdAt: before?.createdAt ?? now(),
      snapshot: decision.snapshot,
      ...(sighting && { sighting }),
    };
    const events: RecordedEvent[] = decision.events.map((draft) => ({
      ...draft,
      at: now(),
      regarding: { kind: 'Agent', name: record.agent, instance: record.name },
    }));
    await store.commit([{ type: 'put-instance', expected: known?.resourceVersion ?? 0, record }], events);
    const was = before?.snapshot;
    if (record.snapshot.memory.restarts > (was?.memory.restarts ?? 0)) observe?.restarted(record.agent);
    if (was?.phase === 'Starting' && record.snapshot.phase === 'Running')
      observe?.started((now() - (record.snapshot.memory.incarnation ?? now())) / 1000);
    return decision.snapshot !== was;
  }

  async #act(id: InstanceId, desired: DesiredInstance | undefined, effects: readonly Effect[]): Promise<void> {
    const { runner, observer, store, now } = this.#options;
    for (const effect of effects) {
      if (effect.type === 'release') {
        await this.#release(id, desired);
        continue;
      }
      try {
        await runner.run(effect);
      } catch (error) {
        if (!(error instanceof FencedError))
          await noteFailure(store, id, effect, error, { agent: desired?.agent, now: now() });
        throw error;
      } finally {
        // Also after a failure: it may have happened all the same. Hooks and checks are the user's.
        if (effect.type !== 'hook' && effect.type !== 'check') observer.invalidate(id, effect.place);
      }
    }
  }

  /** Forgets the instance, and its agent with the last one when that is being deleted. */
  async #release(id: InstanceId, desired: DesiredInstance | undefined): Promise<void> {
    const { store, runner } = this.#options;
    if (desired) await runner.leave?.(desired);
    const known = store.instance(id);
    const name = known?.record.agent ?? desired?.agent;
    const agent = name === undefined ? undefined : store.agent(name);
    if (known) this.#noteReleased(known.record);
    const changes: Change[] = known ? [{ type: 'delete-instance', expected: known.resourceVersion, id }] : [];
    if (
      agent?.record.deletedAt !== undefined &&
      store.instancesOf(agent.record.name).every(({ record }) => record.id === id)
    )
      changes.push({ type: 'delete-agent', expected: agent.resourceVersion, name: agent.record.name });
    if (changes.length > 0) await store.commit(changes);
  }

  #noteReleased({ id, agent, snapshot: { memory } }: InstanceRecord): void {
    const incarnation = Math.max(memory.incarnation ?? 0, memory.lastExit?.incarnation ?? 0);
    if (incarnation > 0) this.#options.released.add(id, { agent, incarnation }, this.#options.now());
  }

  async #unknown(
    id: InstanceId,
    desired: DesiredInstance | undefined,
    known: Versioned<InstanceRecord> | undefined,
    reason: string,
  ): Promise<'requeue_after'> {
    const { store, now, queue, unknownGraceMs = UNKNOWN_GRACE_MS } = this.#options;
    const since = known?.record.unknown?.since ?? now();
    if (known?.record.unknown) return 'requeue_after';
    const firstTold = this.#firstUnknown.get(id) ?? since;
    this.#firstUnknown.set(id, firstTold);
    if (now() - firstTold < unknownGraceMs) {
      queue().addAt(id, firstTold + unknownGraceMs);
      return 'requeue_after';
    }
    this.#firstUnknown.delete(id);
    const base: InstanceRecord = known?.record ?? {
      id,
      name: desired?.name ?? id,
      agent: desired?.agent ?? id,
      createdAt: now(),
      snapshot: NEW_SNAPSHOT,
    };
    const event: RecordedEvent = {
      type: 'Warning',
      reason: 'PlaceUnknown',
      message: `${reason}. Nothing is started or stopped until it can be looked at.`,
      at: now(),
      regarding: { kind: 'Agent', name: base.agent, instance: base.name },
    };
    await store.commit(
      [
        {
          type: 'put-instance',
          expected: known?.resourceVersion ?? 0,
          record: { ...base, unknown: { since: firstTold, reason } },
        },
      ],
      [event],
    );
    return 'requeue_after';
  }
  readonly #firstUnknown = new Map<InstanceId, Instant>();
}

/** Something of what was let go is there again. */
const isLate = (looked: Observation, upTo: Instant): boolean =>
  looked.kind === 'seen' && looked.sightings.some(({ incarnation }) => incarnation <= upTo);

const sameIntention = (a: DesiredInstance | undefined, b: DesiredInstance | undefined): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    a.generation === b.generation &&
    a.want === b.want &&
    a.hold === b.hold &&
    a.moveWhenIdle === b.moveWhenIdle &&
    a.waitsFor === b.waitsFor &&
    a.restartAt === b.restartAt &&
    a.forsaken?.host === b.forsaken?.host &&
    a.workspace?.key === b.workspace?.key &&
    a.launchHash === b.launchHash);

/** Places where it may live: where it is meant to be, and where it last was. */
function expectedAt(desired: DesiredInstance | undefined, record: InstanceRecord | undefined): readonly Place[] {
  const remembered = record?.snapshot.memory.place;
  // Nothing remembered: it may be anywhere, for instance after the database was lost.
  if (!remembered) return [];
  if (!desired?.place || placeKey(desired.place) === placeKey(remembered)) return [remembered];
  if (desired.forsaken && placeKey(desired.forsaken) === placeKey(remembered)) return [desired.place];
  return [desired.place, remembered];
}

const mainSighting = (
  sightings: readonly PlacedSighting[],
  { snapshot: { memory } }: Decision,
): PlacedSighting | undefined =>
  sightings.find(({ incarnation }) => incarnation === memory.incarnation) ?? sightings[0];

const sameSighting = (a: PlacedSighting | undefined, b: PlacedSighting | undefined): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    a.incarnation === b.incarnation &&
    a.state === b.state &&
    a.pid === b.pid &&
    a.launchHash === b.launchHash &&
    a.submitted === b.submitted &&
    a.reading?.since === b.reading?.since &&
    a.reading?.activity === b.reading?.activity &&
    a.reading?.tool === b.reading?.tool &&
    a.reading?.lastToolAt === b.reading?.lastToolAt &&
    a.reading?.tokensToday === b.reading?.tokensToday &&
    a.reading?.sessionId === b.reading?.sessionId &&
    a.reading?.contextUsedRatio === b.reading?.contextUsedRatio);

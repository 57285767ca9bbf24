/**
 * Owns: deleting agents that have finished and whose `ttlSecondsAfterFinished` is over.
 * Never: deletes what a file or a commit declares: it would be declared again at once.
 */
import { ConflictError, FencedError } from '../../api/resources/errors.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import type { AgentRecord, InstanceRecord, Store } from '../store/store.ts';
import type { Timers } from './work-queue.ts';

export interface ExpiryOptions {
  readonly store: Store;
  readonly timers: Timers;
  /** Names of the instances the agent is meant to have. */
  readonly instanceNames: (record: AgentRecord) => readonly string[];
  readonly onFenced: () => void;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

/** A timer further away than this is set again on the way. */
const FARTHEST_MS: DurationMs = 12 * 3_600_000;
const RETRY_MS: DurationMs = 1_000;

export class Expiry implements Disposable {
  readonly #options: ExpiryOptions;
  readonly #wakes = new Map<string, () => void>();

  constructor(options: ExpiryOptions) {
    this.#options = options;
  }

  /** Something of this agent changed. */
  consider(name: string): void {
    this.#forget(name);
    const { store, timers, instanceNames } = this.#options;
    const record = store.agent(name)?.record;
    if (record?.spec.ttlSecondsAfterFinished === undefined) return;
    const instances = store.instancesOf(name).map((versioned) => versioned.record);
    const at = expiresAt(record, instances, instanceNames(record));
    if (at !== undefined) this.#wakeIn(name, at - timers.now());
  }

  considerAll(): void {
    for (const { record } of this.#options.store.agents()) this.consider(record.name);
  }

  [Symbol.dispose](): void {
    for (const name of [...this.#wakes.keys()]) this.#forget(name);
  }

  #forget(name: string): void {
    this.#wakes.get(name)?.();
    this.#wakes.delete(name);
  }

  #wakeIn(name: string, wait: DurationMs): void {
    const cancel = this.#options.timers.after(Math.max(0, Math.min(wait, FARTHEST_MS)), () => {
      this.#wakes.delete(name);
      void this.#expire(name);
    });
    this.#wakes.set(name, cancel);
  }

  /** As it is now, which need not be as it was when the timer was set. */
  async #expire(name: string): Promise<void> {
    const { store, timers, instanceNames, onFenced, log } = this.#options;
    const found = store.agent(name);
    if (!found) return;
    const { record } = found;
    const instances = store.instancesOf(name).map((versioned) => versioned.record);
    const at = expiresAt(record, instances, instanceNames(record));
    const now = timers.now();
    if (at === undefined || now < at) return this.consider(name);
    const message = `Deleted: finished ${record.spec.ttlSecondsAfterFinished} s ago (ttlSecondsAfterFinished).`;
    try {
      await store.commit(
        [{ type: 'put-agent', expected: found.resourceVersion, record: { ...record, deletedAt: now } }],
        [{ type: 'Normal', reason: 'Expired', message, at: now, regarding: { kind: 'Agent', name } }],
      );
    } catch (error) {
      if (error instanceof FencedError) return onFenced();
      if (!(error instanceof ConflictError))
        log('finished agent was not deleted', { agent: name, error: String(error) });
      this.#wakeIn(name, RETRY_MS);
    }
  }
}

/** Undefined: never, as far as can be seen now. */
export function expiresAt(
  { spec, source, deletedAt, generation, restartAt = 0 }: AgentRecord,
  instances: readonly InstanceRecord[],
  names: readonly string[],
): Instant | undefined {
  if (spec.ttlSecondsAfterFinished === undefined || source.kind !== 'apply' || deletedAt !== undefined)
    return undefined;
  const ends = names.map((name): Instant | undefined => {
    const { snapshot, unknown } = instances.find((one) => one.name === name) ?? {};
    if (!snapshot || unknown || snapshot.memory.observedGeneration !== generation) return undefined;
    const { phase, memory } = snapshot;
    const { lastExit } = memory;
    if ((phase !== 'Succeeded' && phase !== 'Failed') || !lastExit || lastExit.incarnation < restartAt)
      return undefined;
    return lastExit.at;
  });
  if (ends.length === 0 || ends.includes(undefined)) return undefined;
  return Math.max(...ends.filter((end) => end !== undefined)) + spec.ttlSecondsAfterFinished * 1000;
}

/**
 * Owns: the allocations of all declared reservations: kept up, renewed before their end, given back when the reservation is deleted.
 * Never: gives back the allocation of a reservation it has not seen deleted: after a lost database it may be declared again.
 */
import type { PoolJob, Pools } from '../../adapters/runtimes/pool.ts';
import type { Transport } from '../../adapters/transport/transport.ts';
import { ConflictError } from '../../api/resources/errors.ts';
import {
  type ReservationSpec,
  type ReservationStatus,
  reservationStatusOf,
} from '../../api/resources/kinds/reservation.ts';
import type { Condition } from '../../api/resources/meta.ts';
import type { HostName } from '../../api/resources/names.ts';
import { type DurationMs, type Instant, isoTime } from '../../api/resources/time.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import type { RecordedEvent, Store } from '../store/store.ts';
import { decidePool, type PoolDecision } from './decide-pool.ts';

export interface PoolHands {
  readonly pools: Pools;
  readonly transport: Transport;
}

export interface ReservationsOptions {
  readonly store: Store;
  /** How pools of that host are reached, or why they are not: a clause for people. */
  readonly handsOf: (host: HostName) => PoolHands | string;
  /** Short and equal for equal specs. */
  readonly hashOf: (spec: ReservationSpec) => string;
  /** Names of agents that are declared for it. */
  readonly tenantsOf: (reservation: string) => readonly string[];
  readonly timers: Timers;
  /** Where tenants can live is other than it was. */
  readonly onChange: () => void;
  readonly canonical: (value: unknown) => string;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

/** Between two looks: while something is about to change, and at rest. */
const SOON_MS: DurationMs = 1_000;
const LATER_MS: DurationMs = 10_000;
/** An allocation that did not come up is asked for again after this, then twice as long, ... */
const FIRST_RETRY_MS: DurationMs = 2_000;
const LAST_RETRY_MS: DurationMs = 300_000;

interface Attempts {
  /** What was asked for: another wish is tried at once. */
  readonly specHash: string;
  readonly count: number;
  readonly at: Instant;
  /** What the last one was refused with; told until the next. */
  readonly problem?: string;
}

export class Reservations {
  readonly #options: ReservationsOptions;
  /** Deleted while we watched: their jobs are given back. */
  readonly #deleted = new Map<string, HostName>();
  readonly #attempts = new Map<string, Attempts>();
  #watch: Disposable | undefined;
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: ReservationsOptions) {
    this.#options = options;
  }

  start(): void {
    const { store } = this.#options;
    this.#watch = store.watch(store.version, ({ type, object }) => {
      if (object.kind === 'Agent' && store.objects('Reservation').length > 0) return this.#soon();
      if (object.kind !== 'Reservation') return;
      const { name } = object.metadata;
      if (type === 'DELETED') {
        const { host } = object.spec as ReservationSpec;
        this.#deleted.set(name, host as HostName);
        this.#options.onChange();
      } else this.#deleted.delete(name);
      this.#soon();
    });
    if (store.objects('Reservation').length > 0) this.#soon();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#watch?.[Symbol.dispose]();
    this.#cancel?.();
    await this.#running;
  }

  #soon(): void {
    if (this.#stopped) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#cancel?.();
    this.#cancel = this.#options.timers.after(0, () => this.#begin());
  }

  #begin(): void {
    this.#running = this.#pass()
      .catch((error: unknown) => {
        this.#options.log('reservations could not be looked after', { error: String(error) });
        return true;
      })
      .then((unsettled) => {
        this.#running = undefined;
        if (this.#stopped) return;
        const { store, timers } = this.#options;
        const idle = store.objects('Reservation').length === 0 && this.#deleted.size === 0;
        if (this.#again) {
          this.#again = false;
          this.#soon();
        } else if (!idle) this.#cancel = timers.after(unsettled ? SOON_MS : LATER_MS, () => this.#begin());
      });
  }

  /** True while something is about to change. */
  async #pass(): Promise<boolean> {
    const { store } = this.#options;
    const declared = store.objects('Reservation').map(({ record }) => record);
    const hosts = new Set([...declared.map(({ spec }) => spec.host as HostName), ...this.#deleted.values()]);
    let unsettled = false;
    for (const host of hosts) {
      const here = declared.filter(({ spec }) => spec.host === host);
      const gone = [...this.#deleted].filter(([, at]) => at === host).map(([name]) => name);
      unsettled = (await this.#onHost(host, here, gone)) || unsettled;
    }
    return unsettled;
  }

  async #onHost(
    host: HostName,
    declared: readonly { readonly name: string; readonly spec: ReservationSpec }[],
    gone: readonly string[],
  ): Promise<boolean> {
    const { handsOf, store } = this.#options;
    const hands = handsOf(host);
    if (typeof hands === 'string') {
      for (const { name } of declared) await this.#unknown(name, hands);
      return true;
    }
    let jobs: readonly PoolJob[];
    let living: ReadonlyMap<number, number>;
    try {
      jobs = await hands.pools.list(hands.transport);
      living = jobs.some(({ up }) => up) ? await hands.pools.living(hands.transport) : new Map();
    } catch (error) {
      for (const { name } of declared) await this.#unknown(name, messageOf(error));
      return true;
    }
    store.assertNotFenced();
    const left = jobs.filter(({ reservation, state }) => gone.includes(reservation) && state !== 'ending');
    if (left.length > 0)
      await hands.pools.cancel(
        hands.transport,
        left.map(({ job }) => job),
      );
    else for (const name of gone) this.#deleted.delete(name);
    let unsettled = left.length > 0;
    for (const { name, spec } of declared) {
      const mine = jobs.filter(({ reservation }) => reservation === name);
      unsettled = (await this.#look(name, spec, hands, mine, living)) || unsettled;
    }
    return unsettled;
  }

  async #look(
    name: string,
    spec: ReservationSpec,
    { pools, transport }: PoolHands,
    jobs: readonly PoolJob[],
    living: ReadonlyMap<number, number>,
  ): Promise<boolean> {
    const { hashOf, tenantsOf, timers } = this.#options;
    const tenants = tenantsOf(name).length;
    const specHash = hashOf(spec);
    const now = timers.now();
    const decision = decidePool({ spec, specHash, jobs, living, wanted: spec.persistent || tenants > 0, now });
    const last = this.#attempts.get(name);
    const before = last?.specHash === specHash ? last : undefined;
    // What the last try was refused with holds until the next.
    let problem = decision.submit ? before?.problem : undefined;
    let asked: number | undefined;
    try {
      if (decision.submit && isDue(before, now)) {
        problem = undefined;
        this.#attempts.set(name, { specHash, count: (before?.count ?? 0) + 1, at: now });
        asked = await pools.submit(transport, { reservation: name, spec, specHash, known: jobs.map(({ job }) => job) });
      }
      if (decision.cancel.length > 0) await pools.cancel(transport, decision.cancel);
    } catch (error) {
      problem = messageOf(error);
      const attempt = this.#attempts.get(name);
      if (attempt) this.#attempts.set(name, { ...attempt, problem });
    }
    if (!decision.submit && !decision.next) this.#attempts.delete(name);
    await this.#save(name, decision, tenants, asked, problem);
    return decision.submit || decision.next !== undefined || decision.cancel.length > 0;
  }

  async #save(
    name: string,
    { current, next }: PoolDecision,
    tenants: number,
    asked: number | undefined,
    problem: string | undefined,
  ): Promise<void> {
    const nextJobId = asked ?? next?.job;
    await this.#write(name, (before) => ({
      ...(current && { jobId: current.job }),
      ...(current?.node !== undefined && { node: current.node }),
      ...(current?.endsAt !== undefined && { expiresAt: isoTime(current.endsAt) }),
      ...(nextJobId !== undefined && { nextJobId }),
      tenants,
      conditions: [
        current
          ? this.#ready(
              before,
              'True',
              'Up',
              `${upperFirst(current.detail)}.${next ? ` ${upperFirst(next.detail)}.` : ''}`,
            )
          : this.#ready(
              before,
              'False',
              problem === undefined ? 'Waiting' : 'Refused',
              `${upperFirst(problem ?? next?.detail ?? (asked === undefined ? 'no allocation is asked for now' : `job ${asked} was submitted`))}.`,
            ),
      ],
    }));
  }

  /** What was known stays: tenants live on while nobody can ask. */
  #unknown(name: string, message: string): Promise<void> {
    return this.#write(name, (before) => ({
      ...before,
      conditions: [this.#ready(before, 'Unknown', 'CannotAsk', `${upperFirst(message)}.`)],
    }));
  }

  #ready(before: ReservationStatus, status: Condition['status'], reason: string, message: string): Condition {
    const last = before.conditions.find(({ type }) => type === 'Ready');
    const now = isoTime(this.#options.timers.now());
    return {
      type: 'Ready',
      status,
      reason,
      message,
      lastTransitionTime: last?.status === status ? last.lastTransitionTime : now,
    };
  }

  async #write(name: string, change: (before: ReservationStatus) => ReservationStatus): Promise<void> {
    const { store, canonical, timers, onChange } = this.#options;
    const found = store.object('Reservation', name);
    if (!found) return;
    const before = reservationStatusOf(found.record.status);
    const after = change(before);
    if (canonical(before) === canonical(after)) return;
    const event = (reason: string, message: string): RecordedEvent => ({
      type: 'Normal',
      reason,
      message,
      at: timers.now(),
      regarding: { kind: 'Reservation', name },
    });
    const moved = before.jobId !== after.jobId;
    const events = [
      ...(moved && after.jobId !== undefined
        ? [
            event(
              before.jobId === undefined ? 'AllocationUp' : 'AllocationRenewed',
              `Job ${after.jobId} on ${after.node}.`,
            ),
          ]
        : []),
      ...(moved && after.jobId === undefined ? [event('AllocationLost', `Job ${before.jobId} is over.`)] : []),
    ];
    try {
      const record = { ...found.record, status: { ...after } };
      await store.commit([{ type: 'put-object', expected: found.resourceVersion, record }], events);
    } catch (error) {
      // Somebody changed it meanwhile; the next look says it again.
      if (!(error instanceof ConflictError)) throw error;
      this.#again = true;
    }
    onChange();
  }
}

const isDue = (last: Attempts | undefined, now: Instant): boolean =>
  last === undefined || now - last.at >= Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (last.count - 1));
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, '');

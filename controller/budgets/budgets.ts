/**
 * Owns: all Budgets of the fleet over time: when they are looked at, their status in the store, who is held and let go.
 * Level-triggered: what a crash left undone, or a budget that is gone left held, is put right by the next look.
 * Never: stops an agent: it says that it is held, and the reconciler does the rest.
 */
import type { Agent, InstanceStatus, Phase } from '../../api/resources/agent/agent.ts';
import { ConflictError, FencedError } from '../../api/resources/errors.ts';
import { type BudgetStatus, RESUMED_ANNOTATION } from '../../api/resources/kinds/budget.ts';
import { parseLabelSelector } from '../../api/resources/selectors.ts';
import { type DurationMs, type Instant, isoTime } from '../../api/resources/time.ts';
import type { Timers } from '../reconcile/work-queue.ts';
import type { AgentRecord, ObjectRecord, RecordedEvent, Store, Versioned } from '../store/store.ts';
import { factsOfAgent } from '../usage/instance-facts.ts';
import { type BudgetAgent, type BudgetVerdict, evaluate } from './evaluate.ts';

export interface BudgetsOptions {
  readonly store: Store;
  readonly timers: Timers;
  /** Equal texts: equal values. */
  readonly canonical: (value: unknown) => string;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
}

/** Many agents change at once; they are looked at together. */
const SOON_MS: DurationMs = 500;
/** Windows end, and clocks are set, without anything telling. */
const AGAIN_MS: DurationMs = 30_000;

export const budgetHolder = (name: string): string => `budget/${name}`;

export class Budgets implements AsyncDisposable {
  readonly #options: BudgetsOptions;
  #watch: Disposable | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #cancelSoon: (() => void) | undefined;
  #cancelLater: (() => void) | undefined;

  constructor(options: BudgetsOptions) {
    this.#options = options;
  }

  start(): void {
    const { store } = this.#options;
    this.#watch = store.watch(store.version, ({ object: { kind } }) => {
      if (kind === 'Agent' || kind === 'Budget') this.#soon();
    });
    void this.look();
  }

  /** Looks at all budgets; resolves when a look that began after this call has ended. */
  look(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    if (this.#running) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#looks().then(() => {
      this.#running = undefined;
      // Asked for after the last look had ended and before this.
      return this.#again ? this.look() : undefined;
    });
    return this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#watch?.[Symbol.dispose]();
    this.#cancelSoon?.();
    this.#cancelLater?.();
    await this.#running;
  }

  #soon(): void {
    if (this.#cancelSoon || this.#closed) return;
    this.#cancelSoon = this.#options.timers.after(SOON_MS, () => {
      this.#cancelSoon = undefined;
      void this.look();
    });
  }

  async #looks(): Promise<void> {
    do {
      this.#again = false;
      try {
        await this.#lookOnce();
      } catch (error) {
        if (error instanceof FencedError) return;
        if (error instanceof ConflictError) this.#soon();
        else this.#options.log('budgets could not be looked at; it is tried again', { error: String(error) });
      }
    } while (this.#again && !this.#closed);
  }

  async #lookOnce(): Promise<void> {
    const { store, timers } = this.#options;
    const now = timers.now();
    const budgets = store.objects('Budget');
    let next = now + AGAIN_MS;
    const agents = budgets.length === 0 ? [] : store.viewAgents();
    for (const budget of budgets) {
      const verdict = this.#judge(budget.record, agents, now);
      next = Math.min(next, verdict.until);
      await this.#write(budget, verdict, now);
      const by = budgetHolder(budget.record.name);
      for (const name of verdict.release) await this.#let(name, by, `Let go by ${by}.`, now);
      for (const name of verdict.hold) await this.#hold(name, by, verdict.reason, now);
    }
    await this.#releaseOrphans(new Set(budgets.map(({ record }) => budgetHolder(record.name))), now);
    this.#cancelLater?.();
    if (budgets.length > 0 && !this.#closed)
      this.#cancelLater = timers.after(Math.max(0, next - now), () => void this.look());
  }

  #judge(record: ObjectRecord<'Budget'>, agents: readonly Agent[], now: Instant): BudgetVerdict {
    const { name, spec, annotations, status } = record;
    const by = budgetHolder(name);
    const selects = spec.selector.trim() === '' ? () => true : parseLabelSelector(spec.selector);
    const resumedAt = resumedOf(annotations);
    return evaluate({
      spec,
      now,
      before: isBudgetStatus(status) ? status : undefined,
      ...(resumedAt !== undefined && { resumedAt }),
      agents: agents.map((agent) => asBudgetAgent(agent, selects(agent.metadata.labels), by)),
    });
  }

  async #write({ record, resourceVersion }: Versioned<ObjectRecord<'Budget'>>, verdict: BudgetVerdict, at: Instant) {
    const { store, canonical } = this.#options;
    if (canonical(record.status) === canonical(verdict.status)) return;
    const { name } = record;
    await store.commit(
      [{ type: 'put-object', expected: resourceVersion, record: { ...record, status: { ...verdict.status } } }],
      verdict.events.map((event): RecordedEvent => ({ ...event, at, regarding: { kind: 'Budget', name } })),
    );
  }

  #hold(name: string, by: string, reason: string, at: Instant): Promise<void> {
    return this.#change(name, (record) => {
      if (record.deletedAt !== undefined || record.holds?.[by] !== undefined) return undefined;
      const holds = { ...record.holds, [by]: { reason, since: isoTime(at) } };
      return { record: { ...record, holds }, event: told('Warning', 'Held', `Held by ${by}: ${reason}.`, name, at) };
    });
  }

  #let(name: string, by: string, message: string, at: Instant): Promise<void> {
    return this.#change(name, (record) => {
      if (record.holds?.[by] === undefined) return undefined;
      const { [by]: _gone, ...others } = record.holds;
      const { holds: _holds, ...free } = record;
      const next = Object.keys(others).length === 0 ? free : { ...free, holds: others };
      return { record: next, event: told('Normal', 'Released', message, name, at) };
    });
  }

  async #releaseOrphans(known: ReadonlySet<string>, now: Instant): Promise<void> {
    for (const { record } of [...this.#options.store.agents()])
      for (const by of Object.keys(record.holds ?? {}))
        if (by.startsWith('budget/') && !known.has(by)) await this.#let(record.name, by, `${by} is gone.`, now);
  }

  async #change(
    name: string,
    change: (record: AgentRecord) => { readonly record: AgentRecord; readonly event: RecordedEvent } | undefined,
  ): Promise<void> {
    const { store } = this.#options;
    const current = store.agent(name);
    const next = current && change(current.record);
    if (!next) return;
    await store.commit([{ type: 'put-agent', expected: current.resourceVersion, record: next.record }], [next.event]);
  }
}

const told = (
  type: RecordedEvent['type'],
  reason: string,
  message: string,
  name: string,
  at: Instant,
): RecordedEvent => ({ type, reason, message, at, regarding: { kind: 'Agent', name } });

function asBudgetAgent(agent: Agent, selected: boolean, by: string): BudgetAgent {
  const { metadata, spec, status } = agent;
  const holders = (status.held ?? []).map((hold) => hold.by);
  const resumedAt = resumedOf(metadata.annotations);
  const live = status.instances.filter(({ phase }) => !AT_REST.has(phase));
  const started = live.flatMap(({ startedAt }) => (startedAt === undefined ? [] : [Date.parse(startedAt)]));
  const over = status.phase === 'Succeeded' || status.phase === 'Failed';
  return {
    name: metadata.name,
    selected,
    since: sinceOf(started, live.length > 0, Date.parse(metadata.creationTimestamp)),
    wanted: !spec.suspend && spec.replicas > 0 && metadata.deletionTimestamp === undefined && !over,
    held: holders.includes(by),
    heldByOthers: holders.some((holder) => holder !== by),
    live: live.length > 0,
    resting: status.instances.every(isResting),
    ...(resumedAt !== undefined && { resumedAt }),
    facts: factsOfAgent(agent),
  };
}

/** What is being started and was not seen to run yet is the newest. */
const sinceOf = (started: readonly Instant[], live: boolean, created: Instant): Instant =>
  started.length > 0 ? Math.min(...started) : live ? Number.MAX_SAFE_INTEGER : created;

const AT_REST: ReadonlySet<Phase> = new Set(['Pending', 'Queued', 'Stopped', 'Backoff', 'Succeeded', 'Failed']);

/** One that cannot work anyway rests too; a command that tells nothing about itself never does while it runs. */
const isResting = ({ phase, activity }: InstanceStatus): boolean =>
  AT_REST.has(phase) ||
  (phase === 'Running' && (activity === 'idle' || activity === 'limit_reached' || activity === 'exited'));

function resumedOf(annotations: Readonly<Record<string, string>>): Instant | undefined {
  const at = Date.parse(annotations[RESUMED_ANNOTATION] ?? '');
  return Number.isFinite(at) ? at : undefined;
}

/** Ours, once written; nobody else writes it. */
export const isBudgetStatus = (status: object): status is BudgetStatus =>
  'window' in status && 'used' in status && 'ledger' in status && 'since' in status && 'conditions' in status;

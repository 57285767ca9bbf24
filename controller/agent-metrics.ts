/**
 * Owns: metrics of agents: phase, activity, what blocks them, what they use. At most 60 series an agent, whatever it does.
 * Never: puts a model's, a tool's or a user's text into a label; windows of quotas are words of ours and few.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import { ACTIVITIES, type Agent, PHASES } from '../api/resources/agent/agent.ts';
import { TOKEN_KINDS } from '../api/resources/agent/facts.ts';
import type { Instant } from '../api/resources/time.ts';
import { factsOfAgent, type InstanceFacts } from './usage/instance-facts.ts';
import { keepOnly, type Ledger, meter, NOTHING, plus, type Usage } from './usage/meter.ts';

/** Windows of quotas that are told of one agent; the first by name. */
const MAX_WINDOWS = 8;
const WINDOW = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,40}$/;

/** `startedAt`: when this controller started; counters count from then. */
export function measureAgents(registry: Registry, agents: () => readonly Agent[], startedAt: Instant): void {
  const registers = [registry];
  // Agents as shown are immutable and kept while nothing changes: each is read once.
  const known = new WeakMap<Agent, readonly InstanceFacts[]>();
  const factsOf = (agent: Agent): readonly InstanceFacts[] => {
    const facts = known.get(agent) ?? factsOfAgent(agent);
    known.set(agent, facts);
    return facts;
  };
  const gauge = (name: string, help: string, labels: readonly string[], tell: (agent: Agent, set: Set_) => void) =>
    new Gauge({
      name,
      help,
      labelNames: ['agent', ...labels],
      registers,
      collect() {
        this.reset();
        for (const agent of agents())
          tell(agent, (value, more = {}) => this.set({ agent: agent.metadata.name, ...more }, value));
      },
    });

  gauge(
    'sac_agent_status_phase',
    'Phase of an agent: 1 for the current one, 0 for the others.',
    ['phase'],
    ({ status }, set) => {
      for (const phase of PHASES) set(phase === status.phase ? 1 : 0, { phase });
    },
  );
  gauge(
    'sac_agent_activity',
    'What an agent is doing: 1 for the current activity, 0 for the others.',
    ['activity'],
    ({ status }, set) => {
      for (const activity of ACTIVITIES) set(activity === status.activity ? 1 : 0, { activity });
    },
  );
  gauge('sac_agent_ready', 'Whether all instances of an agent are ready.', [], ({ status }, set) =>
    set(status.ready ? 1 : 0),
  );
  gauge('sac_agent_blocked', 'Whether an agent waits for an answer that only a person gives.', [], ({ status }, set) =>
    set(status.conditions.some(({ type, status: is }) => type === 'Blocked' && is === 'True') ? 1 : 0),
  );
  gauge(
    'sac_agent_context_used_ratio',
    "Share of the model's context that is used, of the fullest instance; absent while unknown.",
    [],
    (agent, set) => {
      const fullest = highest(factsOf(agent), ({ contextUsedRatio }) => contextUsedRatio);
      if (fullest !== undefined) set(fullest);
    },
  );
  gauge(
    'sac_agent_last_tool_timestamp_seconds',
    'When an agent last called a tool; absent while unknown.',
    [],
    (agent, set) => {
      const last = highest(factsOf(agent), ({ lastToolAt }) => lastToolAt);
      if (last !== undefined) set(last / 1000);
    },
  );
  gauge(
    'sac_agent_quota_used_ratio',
    'Share of a quota of the account that is used, by window; absent while unknown.',
    ['window'],
    (agent, set) => {
      const facts = factsOf(agent);
      const windows = [...new Set(facts.flatMap(({ quota }) => Object.keys(quota)))].filter((name) =>
        WINDOW.test(name),
      );
      for (const window of windows.sort().slice(0, MAX_WINDOWS)) {
        const most = highest(facts, ({ quota }) => quota[window]);
        if (most !== undefined) set(most, { window });
      }
    },
  );
  new Counter({
    name: 'sac_agent_restarts_total',
    help: "Restarts of an agent's instances after ends that nobody asked for, kept across restarts of the controller.",
    labelNames: ['agent'],
    registers,
    collect() {
      this.reset();
      for (const { metadata, status } of agents()) this.inc({ agent: metadata.name }, status.restarts);
    },
  });

  const meterNow = totals(() => agents().flatMap(factsOf), startedAt);
  new Counter({
    name: 'sac_agent_tokens_total',
    help: 'Tokens an agent used since the controller started, by kind; absent for agents that tell none.',
    labelNames: ['agent', 'kind'],
    registers,
    collect() {
      this.reset();
      for (const [agent, { tokens }] of meterNow())
        for (const kind of TOKEN_KINDS) this.inc({ agent, kind: KIND_LABELS[kind] }, tokens[kind]);
    },
  });
  new Counter({
    name: 'sac_agent_cost_usd_total',
    help: 'Estimated cost of an agent in US dollars since the controller started; absent for agents that tell none.',
    labelNames: ['agent'],
    registers,
    collect() {
      this.reset();
      for (const [agent, { costUsd }] of meterNow()) this.inc({ agent }, costUsd);
    },
  });
}

type Set_ = (value: number, labels?: Readonly<Record<string, string>>) => void;

const KIND_LABELS = {
  input: 'input',
  output: 'output',
  cacheRead: 'cache_read',
  cacheWrite: 'cache_write',
} as const satisfies Record<(typeof TOKEN_KINDS)[number], string>;

const highest = (
  facts: readonly InstanceFacts[],
  value: (facts: InstanceFacts) => number | undefined,
): number | undefined =>
  facts
    .map(value)
    .filter((one) => one !== undefined)
    .reduce<number | undefined>((most, one) => (most === undefined || one > most ? one : most), undefined);

/** Monotonic totals of the agents that are there and tell what they use. */
function totals(read: () => readonly InstanceFacts[], startedAt: Instant): () => ReadonlyMap<string, Usage> {
  let ledger: Ledger = {};
  let sums: ReadonlyMap<string, Usage> = new Map();
  return () => {
    const facts = read();
    const metered = meter(ledger, facts, startedAt);
    ledger = keepOnly(metered.ledger, new Set(facts.map(({ instance }) => instance)));
    const telling = new Set(
      facts.filter(({ tokens, costUsd }) => tokens !== undefined || costUsd !== undefined).map(({ agent }) => agent),
    );
    const there = new Set(facts.map(({ agent }) => agent));
    const next = new Map([...sums].filter(([agent]) => there.has(agent)));
    for (const agent of telling) next.set(agent, plus(next.get(agent) ?? NOTHING, metered.used.get(agent) ?? NOTHING));
    sums = next;
    return sums;
  };
}

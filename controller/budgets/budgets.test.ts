import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentSpecSchema } from '../../api/resources/agent/agent.ts';
import { budgetSpecSchema, RESUMED_ANNOTATION } from '../../api/resources/kinds/budget.ts';
import { VirtualTime } from '../../sim/world/virtual-time.ts';
import { agentStatus, instanceStatus } from '../machine/status/status.ts';
import { Database } from '../store/database.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import type { AgentRecord, Store } from '../store/store.ts';
import { Budgets, isBudgetStatus } from './budgets.ts';

const BEGIN = Date.parse('2026-03-01T12:00:00Z');
const DAY = 86_400_000;

let dir: string;
let time: VirtualTime;
let store: Store;
/** Output tokens that each agent tells. */
let output: Map<string, number>;
let budgets: Budgets;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sac-budgets-'));
  time = new VirtualTime(BEGIN);
  output = new Map();
  store = await openStore();
  budgets = open();
});
afterEach(async () => {
  await budgets[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

async function openStore(): Promise<Store> {
  const database = await Database.open(
    join(dir, 'sac.db'),
    () => undefined,
    () => 7,
  );
  database.takeOver(time.now());
  return openSqliteStore({
    database,
    fleet: 'f',
    clock: time,
    status: {
      instanceStatus,
      // As if one instance of it ran and told of its tokens.
      agentStatus: (agent) => ({
        ...agentStatus(agent, []),
        phase: agent.holds === undefined ? 'Running' : 'Stopped',
        instances: [
          {
            name: agent.name,
            host: 'local',
            runtime: 'tmux',
            phase: agent.holds === undefined ? (agent.labels['new'] ? 'Starting' : 'Running') : 'Stopped',
            activity: agent.labels['busy'] === undefined ? 'idle' : 'working',
            ready: true,
            restarts: 0,
            ...(agent.labels['new'] === undefined && { startedAt: new Date(BEGIN + 1).toISOString() }),
            conditions: [],
            reading: {
              since: '',
              reason: '',
              tokens: { input: 0, output: output.get(agent.name) ?? 0, cacheRead: 0, cacheWrite: 0 },
            } as never,
          },
        ],
      }),
    },
  });
}
const open = () =>
  new Budgets({
    store,
    timers: time,
    canonical: (value) => JSON.stringify(value),
    log: (message, fields) => {
      throw new Error(`${message} ${JSON.stringify(fields)}`);
    },
  });

const record = (name: string, labels: Readonly<Record<string, string>> = {}): AgentRecord => ({
  name,
  labels: { team: 'web', ...labels },
  annotations: {},
  generation: 1,
  createdAt: BEGIN,
  source: { kind: 'apply', name: 'cli' },
  spec: agentSpecSchema.parse({}),
  lastApplied: { spec: {} },
});
const declare = async (...agents: readonly AgentRecord[]) => {
  for (const agent of agents)
    await store.commit([{ type: 'put-agent', expected: store.agent(agent.name)?.resourceVersion ?? 0, record: agent }]);
};
const declareBudget = (given: object) =>
  store.commit([
    {
      type: 'put-object',
      expected: store.object('Budget', 'team')?.resourceVersion ?? 0,
      record: {
        kind: 'Budget',
        name: 'team',
        labels: {},
        annotations: {},
        generation: 1,
        createdAt: BEGIN,
        source: { kind: 'apply', name: 'cli' },
        spec: budgetSpecSchema.parse({ selector: 'team=web', ...given }),
        status: store.object('Budget', 'team')?.record.status ?? {},
      },
    },
  ]);
/** A token more is told of by a change of the agent, as in life. */
const use = async (name: string, tokens: number) => {
  output.set(name, tokens);
  const agent = store.agent(name)?.record;
  if (agent) await declare({ ...agent, annotations: { ...agent.annotations, told: String(tokens) } });
};
const held = () => [...store.agents()].filter((one) => one.record.holds).map((one) => one.record.name);
const used = () => {
  const status = store.object('Budget', 'team')?.record.status ?? {};
  return isBudgetStatus(status) ? status.used.tokens : undefined;
};

describe('budgets of a fleet', () => {
  it('hold whom they select when the tokens are used, and let go with the next day', async () => {
    await declare(record('a'), record('b', { busy: 'yes' }), record('c', { team: 'other' }));
    await declareBudget({ tokens: 100, action: 'pause' });
    await budgets.look();
    await use('a', 60);
    await use('b', 40);
    await budgets.look();
    expect([used(), held()]).toEqual([100, ['a']]);
    expect(store.agent('a')?.record.holds?.['budget/team']?.reason).toBe('100 of 100 tokens of this day');
    expect(store.agent('a')?.record.generation).toBe(1);
    // It becomes idle.
    await declare(record('b'));
    await budgets.look();
    expect(held()).toEqual(['a', 'b']);
    await time.runUntil(time.now() + DAY);
    await budgets.look();
    expect([used(), held()]).toEqual([0, []]);
    expect(store.events().map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(['BudgetExceeded', 'Held', 'Released', 'BudgetRestored']),
    );
  });

  it('forget nothing and count nothing twice when the controller is killed and starts again', async () => {
    await declare(record('a'));
    await declareBudget({ tokens: 100, action: 'stop' });
    await budgets.look();
    await use('a', 70);
    await budgets.look();
    await budgets[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    store = await openStore();
    budgets = open();
    await budgets.look();
    expect([used(), held()]).toEqual([70, []]);
    await use('a', 101);
    await budgets.look();
    expect([used(), held()]).toEqual([101, ['a']]);
  });

  it('let go of an agent that somebody resumed, and of all when the budget is gone', async () => {
    await declare(record('a'), record('b'));
    await declareBudget({ tokens: 100, action: 'stop' });
    await budgets.look();
    await use('a', 200);
    await budgets.look();
    expect(held()).toEqual(['a', 'b']);
    const a = store.agent('a')?.record ?? record('a');
    await declare({ ...a, annotations: { [RESUMED_ANNOTATION]: new Date(time.now()).toISOString() } });
    await budgets.look();
    expect(held()).toEqual(['b']);
    const version = store.object('Budget', 'team')?.resourceVersion ?? 0;
    await store.commit([{ type: 'delete-object', expected: version, kind: 'Budget', name: 'team' }]);
    await budgets.look();
    expect(held()).toEqual([]);
  });

  it('of running agents hold what is being started, not what runs, whichever was declared first', async () => {
    await declare(record('a', { new: 'yes' }), record('b'));
    await declareBudget({ agents: 1, action: 'stop' });
    await budgets.look();
    expect(held()).toEqual(['a']);
  });

  it('write nothing while nothing changes', async () => {
    await declare(record('a'));
    await declareBudget({ tokens: 100, action: 'stop' });
    await budgets.look();
    const before = store.version;
    await budgets.look();
    await budgets.look();
    expect(store.version).toBe(before);
  });
});

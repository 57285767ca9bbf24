/**
 * Owns: figures of the pure core: decisions a second over a realistic mix, and a full resync of 10,000 unchanged agents
 * through the real controller with fake adapters.
 * Never: touches a real place, or judges the figures.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Runtime, Sighting } from '../adapters/runtimes/runtime.ts';
import { agentSpecSchema } from '../api/resources/agent/agent.ts';
import { type InstanceId, instanceId, LOCAL_HOST } from '../api/resources/names.ts';
import { Controller } from '../controller/controller.ts';
import { decide } from '../controller/machine/decide.ts';
import { type DecideInput, NEW_SNAPSHOT, type PlacedSighting } from '../controller/machine/snapshot.ts';
import type { Place } from '../controller/plan/desired-instance.ts';
import { type PlanFacts, planAgent } from '../controller/plan/plan-instances.ts';
import type { Timers } from '../controller/reconcile/work-queue.ts';
import type { AgentRecord } from '../controller/store/store.ts';
import { noTransport } from '../sim/world/fake-runtime.ts';
import { Disk, MemoryStore } from '../sim/world/memory-store.ts';
import { FLEET, noMetrics } from '../sim/world/stage.ts';
import { median, quantile, report, round } from './harness.ts';

const PLACE: Place = { host: LOCAL_HOST, runtime: 'tmux' };
const START = Date.UTC(2026, 0, 1);
const AGENTS = 10_000;

const facts: PlanFacts = {
  fleet: FLEET,
  workspaces: '/workspaces',
  userHome: '/home/user',
  hosts: new Map([[LOCAL_HOST, { runtimes: new Map([['tmux', { available: true, detail: '' }]]) }]]),
  launch: (profile, spec) => ({ argv: spec.command ?? [profile], env: {}, readsActivity: false }),
  placedAt: () => undefined,
};

const agent = (name: string, argument = 'x'): AgentRecord => ({
  name,
  labels: {},
  annotations: {},
  generation: 1,
  createdAt: START,
  source: { kind: 'apply', name: 'cli' },
  lastApplied: { spec: {} },
  spec: agentSpecSchema.parse({ command: ['run', argument] }),
});

/**
 * One agent's life, pass by pass, as the reconciler would ask: started, seen, ready, looked at unchanged many times, dead,
 * waited for, started again, edited, stopped, deleted.
 */
function lifeOfOne(name: string): readonly DecideInput[] {
  const inputs: DecideInput[] = [];
  const id = instanceId(FLEET, name);
  const [first] = planAgent(agent(name), facts);
  const [edited] = planAgent({ ...agent(name, 'y'), generation: 2 }, facts);
  if (!first || !edited) throw new Error('nothing was planned');
  let snapshot = NEW_SNAPSHOT;
  let now = START;
  let thing: PlacedSighting | undefined;
  let desired: DecideInput['desired'] = first;
  const pass = (times = 1): void => {
    for (; times > 0; times--) {
      const input: DecideInput = {
        id,
        desired,
        snapshot,
        now,
        observed: { kind: 'seen', sightings: thing ? [thing] : [] },
      };
      inputs.push(input);
      const { snapshot: next, effects } = decide(input);
      snapshot = next;
      for (const effect of effects) {
        if (effect.type === 'start')
          thing = {
            place: PLACE,
            incarnation: effect.incarnation,
            launchHash: effect.desired.launchHash,
            state: 'running',
            session: name,
            startedAt: now,
          };
        if (effect.type === 'term' && thing) thing = { ...thing, state: 'exited', exit: { code: 0, at: now } };
        if (effect.type === 'remove') thing = undefined;
      }
      now += 100;
    }
  };
  pass(2);
  now += 1_000;
  pass(10);
  for (let crashes = 0; crashes < 2; crashes++) {
    if (thing) thing = { ...thing, state: 'exited', exit: { code: 1, at: now } };
    pass(2);
    now += 10_000;
    pass(2);
    now += 1_000;
    pass(5);
  }
  desired = edited;
  pass(4);
  now += 2_000;
  pass(5);
  desired = { ...edited, want: 'gone' };
  pass(4);
  return inputs;
}

function decisions(): Record<string, unknown> {
  const inputs = Array.from({ length: 100 }, (_, n) => lifeOfOne(`agent-${n}`)).flat();
  const unchanged = inputs.filter((input) => decide(input).snapshot === input.snapshot).length / inputs.length;
  const rates: number[] = [];
  for (let round = 0; round < 15; round++) {
    const began = performance.now();
    let made = 0;
    while (performance.now() - began < 200) {
      for (const input of inputs) decide(input);
      made += inputs.length;
    }
    rates.push((made / (performance.now() - began)) * 1000);
  }
  const moving = inputs.filter((input) => decide(input).snapshot !== input.snapshot);
  const began = performance.now();
  for (let n = 0; n < 20; n++) for (const input of moving) decide(input);
  return {
    decisionsPerSecond: Math.round(median(rates)),
    slowestRound: Math.round(quantile(rates, 0)),
    unchangedShare: round(unchanged, 2),
    movingPerSecond: Math.round((20 * moving.length * 1000) / (performance.now() - began)),
  };
}

/** Everything runs as declared; listing is a copy of an array. */
class StillRuntime implements Runtime {
  readonly kind = 'tmux';
  readonly capabilities = { screen: false, attach: false, push: true };
  readonly things = new Map<InstanceId, Sighting>();
  effects = 0;
  probe = () => Promise.resolve({ available: true, detail: '' });
  list = () => Promise.resolve([...this.things.values()].map((thing) => ({ ...thing })));
  watch = () => ({ [Symbol.dispose]() {} });
  start: Runtime['start'] = (_t, { id, incarnation, launchHash }) => {
    this.effects++;
    this.things.set(id, { id, incarnation, launchHash, state: 'running', session: id, pid: 1, startedAt: START });
    return Promise.resolve();
  };
  signal = () => this.#count();
  remove = () => this.#count();
  sweep = () => Promise.resolve(0);
  async *logs(): AsyncIterable<string> {}
  #count(): Promise<void> {
    this.effects++;
    return Promise.resolve();
  }
}

async function resync(): Promise<Record<string, unknown>> {
  setFlagsFromString('--expose-gc');
  const gc: () => void = runInNewContext('gc');
  const disk = new Disk();
  const store = new MemoryStore(disk);
  const runtime = new StillRuntime();
  const timers: Timers = {
    now: () => Date.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  };
  gc();
  const heapBefore = process.memoryUsage().heapUsed;
  for (let n = 0; n < AGENTS; n++)
    disk.write([{ type: 'put-agent', expected: 0, record: agent(`agent-${n}`, String(n)) }]);
  let outstanding = 0;
  const queue = { ...noMetrics.queue, added: () => void outstanding++, worked: () => void outstanding-- };
  const idle = async () => {
    while (outstanding > 0) await new Promise((wake) => setImmediate(wake));
  };
  const controller = new Controller({
    store,
    timers,
    places: [{ place: PLACE, runtime, transport: noTransport(LOCAL_HOST) }],
    facts: () => facts,
    runHook: () => Promise.resolve(),
    metrics: () => ({ ...noMetrics, queue }),
    resyncMs: 3_600_000,
    random: () => 0,
    onFenced() {},
    log() {},
  });
  const began = performance.now();
  await controller.start();
  const ready = () =>
    [...disk.instances.values()].filter(({ record }) => record.snapshot.memory.readySince !== undefined).length;
  while (ready() < AGENTS) await new Promise((wake) => setTimeout(wake, 20));
  const startMs = performance.now() - began;
  await idle();
  const { effects } = runtime;
  const times: number[] = [];
  for (let n = 0; n < 7; n++) {
    const start = performance.now();
    await controller.resync();
    await idle();
    times.push(performance.now() - start);
  }
  gc();
  const heapPerAgent = (process.memoryUsage().heapUsed - heapBefore) / AGENTS;
  await controller.stop();
  return {
    agents: AGENTS,
    startMs: Math.round(startMs),
    resyncMs: Math.round(median(times)),
    slowestMs: Math.round(quantile(times, 1)),
    effectsDuringResync: runtime.effects - effects,
    heapKiBPerAgent: round(heapPerAgent / 1024, 2),
  };
}

report('core.decide', decisions());
report('core.resync', await resync());

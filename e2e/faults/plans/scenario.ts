/**
 * Owns: the reference run: ten agents that are applied, edited, killed, scaled and deleted, each step once all is at rest.
 * Never: knows of faults; every step is safe to repeat, as what a person does is.
 */
import { join } from 'node:path';
import type { ApplyItem } from '../../../api/protocol.ts';
import type { Agent, AgentSpecInput, RuntimeKind } from '../../../api/resources/agent/agent.ts';
import { NotFoundError } from '../../../api/resources/errors.ts';
import { until } from '../../harness.ts';
import { readJournal } from '../controller/injector.ts';
import type { SupervisedFleet } from '../supervised-fleet.ts';
import { bornIn } from './world.ts';

const LIFE = join(import.meta.dirname, '..', 'life.pl');
/** Leaves a child behind when it ends, which only a sweep finds. */
export const SWEPT = ['leaver'];

type Step = (run: Run) => Promise<void>;
interface Run {
  readonly fleet: SupervisedFleet;
  readonly runtime: RuntimeKind;
  /** How long a step may take to settle. */
  readonly deadlineMs: number;
}

const AGENTS: Readonly<Record<string, { readonly how: string; readonly spec?: Partial<AgentSpecInput> }>> = {
  plain: { how: 'plain' },
  edited: { how: 'plain' },
  killed: { how: 'plain' },
  scaled: { how: 'plain', spec: { replicas: 2 } },
  deleted: { how: 'plain' },
  family: { how: 'family' },
  parents: { how: 'family' },
  stubborn: { how: 'stubborn', spec: { terminationGracePeriodSeconds: 1.5 } },
  leaver: { how: 'leaver', spec: { restart: { policy: 'never' } } },
  job: { how: 'job', spec: { restart: { policy: 'on-failure' } } },
};

function item({ fleet, runtime }: Run, name: string, more: Partial<AgentSpecInput> = {}): ApplyItem {
  const { how, spec } = AGENTS[name] ?? { how: 'plain' };
  return {
    origin: `test:${name}`,
    manifest: {
      apiVersion: 'sac/v1',
      kind: 'Agent',
      metadata: { name },
      spec: {
        profile: 'exec',
        command: ['perl', LIFE, how],
        place: { runtime },
        startup: { minReadySeconds: 0 },
        restart: { policy: 'always', maxRetries: 100, backoff: { initial: 0, max: 0 } },
        ...spec,
        ...more,
        env: { LIFE_DIR: fleet.life, ...more.env },
      },
    },
  };
}

async function apply(run: Run, items: readonly ApplyItem[]): Promise<void> {
  const { errors } = await run.fleet.ask('apply', (client) =>
    client.apply({ items, source: { kind: 'apply', name: 'cli' } }),
  );
  if (errors.length > 0) throw new Error(`refused: ${errors.map(({ message }) => message).join('; ')}`);
}

const remove = ({ fleet }: Run, name: string): Promise<unknown> =>
  fleet.ask('delete', (client) =>
    client.remove(name).catch((error: unknown) => {
      // Asked before, when the answer was lost.
      if (!(error instanceof NotFoundError)) throw error;
    }),
  );

const ENDED = ['Succeeded', 'Failed'];

/** As declared, as far as its status tells. */
export const isSettled = ({ metadata, spec, status }: Agent): boolean =>
  status.observedGeneration === metadata.generation &&
  status.instances.length === spec.replicas &&
  status.instances.every(({ phase, ready }) => (phase === 'Running' && ready) || ENDED.includes(phase)) &&
  (spec.restart.policy !== 'always' || status.ready);

/** What is yet to be done after its time is part of the step in which it was ordered. */
function punctual({ journal }: SupervisedFleet): boolean {
  const entries = readJournal(journal);
  return entries.every(
    (entry) =>
      entry.what !== 'struck' ||
      entry.kind !== 'done-late' ||
      entries.some(({ what, ...late }) => what === 'late' && 'point' in late && late.point === entry.point),
  );
}

/** What stands there has begun its own work, too: an order that comes before finds another agent than the one described. */
const isBorn = (fleet: SupervisedFleet, agents: readonly Agent[]): boolean => {
  const born = bornIn(fleet);
  return agents.every(({ status }) =>
    status.instances.every(({ phase, pid }) => phase !== 'Running' || (pid !== undefined && born.has(pid))),
  );
};

const settled = (
  { fleet, deadlineMs }: Run,
  names: readonly string[],
  also: (agents: readonly Agent[]) => boolean = () => true,
) =>
  until(
    `${names.join(', ')} to settle`,
    async () => {
      const agents = await fleet.agents();
      const there = agents.map(({ metadata }) => metadata.name).sort();
      if (
        !punctual(fleet) ||
        there.join() !== [...names].sort().join() ||
        !agents.every(isSettled) ||
        !isBorn(fleet, agents) ||
        !also(agents)
      )
        throw new Error(
          agents
            .map(
              ({ metadata, status }) =>
                `${metadata.name} ${status.instances.map(({ phase, ready }) => `${phase}${ready ? '+' : ''}`).join('/')}`,
            )
            .join(', '),
        );
      return true;
    },
    deadlineMs,
  );

const ALL = Object.keys(AGENTS);
const KEPT = ALL.filter((name) => !['deleted', 'family'].includes(name));

async function killAndWait(run: Run, names: readonly string[]): Promise<void> {
  const before = new Map<string, number | undefined>();
  for (const { metadata, status } of await run.fleet.agents()) {
    if (!names.includes(metadata.name)) continue;
    const pid = status.instances[0]?.pid;
    if (pid === undefined) throw new Error(`${metadata.name} is shown as settled, without a pid`);
    before.set(metadata.name, pid);
    process.kill(pid, 'SIGKILL');
  }
  await settled(run, ALL, (agents) =>
    agents.every(
      ({ metadata: { name }, status }) => !before.has(name) || status.instances[0]?.pid !== before.get(name),
    ),
  );
}

const STEPS: readonly Step[] = [
  async (run) => {
    await apply(
      run,
      ALL.map((name) => item(run, name)),
    );
    await settled(run, ALL);
  },
  async (run) => {
    await apply(run, [item(run, 'edited', { env: { MORE: '1' } }), item(run, 'stubborn', { env: { MORE: '1' } })]);
    await settled(run, ALL);
  },
  (run) => killAndWait(run, ['killed', 'parents']),
  async (run) => {
    await apply(run, [item(run, 'scaled', { replicas: 3 })]);
    await settled(run, ALL);
    await apply(run, [item(run, 'scaled', { replicas: 1 })]);
    await settled(run, ALL);
  },
  async (run) => {
    for (const name of ['deleted', 'family']) await remove(run, name);
    await settled(run, KEPT);
  },
];

export async function play(run: Run): Promise<void> {
  for (const step of STEPS) await step(run);
}

/** Everything is deleted; nothing may be left. */
export async function clearAway(run: Run): Promise<void> {
  for (const name of KEPT) await remove(run, name);
  await settled(run, []);
}

/**
 * Owns: what the API server sees of store and controller: reads, terminals, status, joined behind its ports.
 * Never: serves HTTP, or lets a read change anything.
 */
import type { PaneState } from '../adapters/profiles/screen.ts';
import { type LogOptions, RuntimeError } from '../adapters/runtimes/runtime.ts';
import { TransportError } from '../adapters/transport/transport.ts';
import type {
  AnswerRequest,
  AnswerResponse,
  AnyResource,
  LogQuery,
  Plural,
  RichStatus,
  TerminalResponse,
} from '../api/protocol.ts';
import type { AgentFacts } from '../api/resources/agent/facts.ts';
import { ConflictError, NotFoundError, UnreachableError } from '../api/resources/errors.ts';
import type { Host } from '../api/resources/kinds/host.ts';
import { kindOfPlural } from '../api/resources/kinds/kinds.ts';
import { type FleetId, type InstanceId, instanceId } from '../api/resources/names.ts';
import type { Instant } from '../api/resources/time.ts';
import type { ResourceReads, Terminals } from '../api/server/ports.ts';
import type { Controller } from './controller.ts';
import { keptCondition } from './places/host-conditions.ts';
import { viewHost } from './places/host-facts.ts';
import type { Machines } from './places/machines.ts';
import type { ProbedPlace } from './places/probing.ts';
import { placeKey } from './plan/desired-instance.ts';
import type { PlanFacts } from './plan/plan-instances.ts';
import type { Typist } from './reconcile/effects/typist.ts';
import { renderLaunch } from './render-launch.ts';
import { richStatus } from './rich-status.ts';
import type { InstanceRecord, Store } from './store/store.ts';

export interface ApiPortsOptions {
  readonly store: Store;
  readonly controller: Controller;
  readonly fleet: FleetId;
  readonly machines: Machines;
  readonly startedAt: number;
  readonly typist: Typist;
  readonly factsOf: (id: InstanceId, state: PaneState, at: number) => Promise<AgentFacts>;
  /** Working directory of an instance. */
  readonly workspaceOf: (record: InstanceRecord) => string | undefined;
  readonly facts: () => PlanFacts;
  readonly now: () => Instant;
}

export const createReads = (options: ApiPortsOptions): ResourceReads => ({
  get version() {
    return options.store.version;
  },
  list: (plural) => listOf(options, plural),
  get: (plural, name) =>
    plural === 'agents'
      ? options.store.viewAgent(name)
      : listOf(options, plural).find(({ metadata }) => metadata.name === name),
  render(name, instance) {
    const { store, facts, machines, now } = options;
    const agent = store.agent(name)?.record;
    if (!agent) throw new NotFoundError(`agent "${name}" not found; \`sac get agents\` lists what there is`);
    const incarnation = ({ id }: { readonly id: InstanceId }) =>
      store.instance(id)?.record.snapshot.memory.incarnation ?? now();
    return renderLaunch({ agent, instance, facts: facts(), machines, incarnation });
  },
  watch: (since, onEvent) =>
    options.store.watch(since, (event) => {
      const { object } = event;
      // What is known of a host is not stored.
      const live =
        object.kind === 'Host' && event.type !== 'DELETED'
          ? hosts(options).find(({ metadata }) => metadata.name === object.metadata.name)
          : undefined;
      onEvent(live ? { ...event, object: live } : event);
    }),
});

function listOf(options: ApiPortsOptions, plural: Plural): readonly AnyResource[] {
  const { store } = options;
  switch (plural) {
    case 'agents':
      return store.viewAgents();
    case 'instances':
      return store.viewInstances();
    case 'events':
      return store.events();
    case 'hosts':
      return hosts(options);
    default: {
      const kind = kindOfPlural(plural);
      return kind ? store.viewObjects(kind) : [];
    }
  }
}

export function hosts({ store, controller, fleet, machines, startedAt, now }: ApiPortsOptions): readonly Host[] {
  const counts = new Map<string, number>();
  for (const { record } of store.instances()) {
    const { place } = record.snapshot.memory;
    if (place) counts.set(placeKey(place), (counts.get(placeKey(place)) ?? 0) + 1);
  }
  const declared = new Map(store.viewObjects('Host').map((object) => [object.metadata.name, object]));
  const context = {
    ...{ fleet, startedAt, counts, now: now() },
    version: store.version,
    views: [...controller.observer.views],
    kept: (name: string) => keptCondition(store.object('Host', name)?.record.status ?? {}),
  };
  return machines.list().map((machine) => viewHost(machine, declared.get(machine.name), context));
}

export function createTerminals(options: ApiPortsOptions): Terminals {
  const { store, fleet, machines } = options;

  const find = (agent: string, instance: string | undefined): { record: InstanceRecord; hands: ProbedPlace } => {
    const records = store.instancesOf(agent).map((versioned) => versioned.record);
    if (!store.viewAgent(agent) && records.length === 0)
      throw new NotFoundError(`agent "${agent}" not found; \`sac get agents\` lists what there is`);
    const names = records.map(({ name }) => name).sort();
    const wanted = instance ?? (names.includes(agent) ? agent : names[0]);
    const record = records.find(({ name }) => name === wanted);
    if (!record)
      throw new NotFoundError(
        instance === undefined
          ? `agent "${agent}" has no instances yet`
          : `agent "${agent}" has no instance "${instance}"; it has: ${names.join(', ') || 'none'}`,
      );
    const place = record.snapshot.memory.place;
    const hands =
      place && machines.get(place.host)?.reached?.places.find((candidate) => candidate.place.runtime === place.runtime);
    if (!hands)
      throw new NotFoundError(
        `${record.name === agent ? 'agent' : 'instance'} "${record.name}" has not been started yet, so there is nothing to show; \`sac describe agent ${agent}\` says why`,
      );
    return { record, hands };
  };

  return {
    async *logs(agent: string, query: LogQuery, signal: AbortSignal) {
      const { record, hands } = find(agent, query.instance);
      const logOptions: LogOptions = {
        signal,
        ...(query.tail !== undefined && { tail: query.tail }),
        ...(query.previous !== undefined && { previous: query.previous }),
        ...(query.follow !== undefined && { follow: query.follow }),
      };
      try {
        yield* hands.runtime.logs(hands.transport, record.id, logOptions);
      } catch (error) {
        if (error instanceof RuntimeError) throw new NotFoundError(`${error.message}, so there is nothing to show`);
        throw unanswered(record, error);
      }
    },
    async answer(agent: string, { keys, instance, force = false }: AnswerRequest): Promise<AnswerResponse> {
      const { record, hands } = find(agent, instance);
      const { incarnation } = record.snapshot.memory;
      const reader = options.controller.screens.readerOf(record.id);
      if (!reader || !hands.runtime.screen || incarnation === undefined)
        throw new ConflictError(`agent "${agent}" has no screen that sac reads; \`sac attach ${agent}\` lets you type`);
      store.assertNotFenced();
      const target = { hands, id: record.id, incarnation, read: reader };
      const answered = await options.typist.press(target, keys, force).catch((error: unknown) => {
        throw unanswered(record, error);
      });
      if (!answered)
        throw new ConflictError(
          `agent "${agent}" does not ask anything now; --force presses the keys all the same, \`sac attach ${agent}\` lets you type`,
        );
      options.controller.lookAgain(record.id);
      const { state, pressed } = answered;
      return { screen: { activity: state.activity, reason: state.reason }, pressed };
    },
    async rich(agent: string, instance: string | undefined): Promise<RichStatus> {
      const { record, hands } = find(agent, instance);
      const screens = await hands.runtime.screen?.(hands.transport, [record.id]).catch((error: unknown) => {
        throw unanswered(record, error);
      });
      const screen = screens?.get(record.id);
      const read = options.controller.screens.readerOf(record.id);
      const state = screen && read ? read(screen) : { activity: 'none' as const, reason: 'it has no screen' };
      const now = Date.now();
      const blocked = record.snapshot.conditions.find(({ type }) => type === 'Blocked');
      return richStatus({
        facts: await options.factsOf(record.id, state, now),
        screen: screen?.text ?? '',
        blocked: blocked?.status === 'True' ? blocked.message : '',
        workspace: options.workspaceOf(record),
        transport: hands.transport,
        now,
      });
    },
    attach(agent: string, instance: string | undefined): TerminalResponse {
      const { record, hands } = find(agent, instance);
      const { runtime, transport, place } = hands;
      const cwd = options.workspaceOf(record);
      const base = {
        host: place.host,
        session: record.sighting?.session ?? record.name,
        ...(cwd !== undefined && { cwd }),
      };
      if (!runtime.attach) return { ...base, argv: [] };
      return { ...base, argv: transport.interactive(runtime.attach(instanceId(fleet, record.name))) };
    },
  };
}

/** That its machine, or the engine on it, does not answer is no fault of ours: who asked is told. */
function unanswered({ name, snapshot }: InstanceRecord, error: unknown): unknown {
  if (!(error instanceof TransportError)) return error;
  const { place } = snapshot.memory;
  return new UnreachableError(`${name} cannot be looked at${place ? ` on ${placeKey(place)}` : ''}: ${error.message}`);
}

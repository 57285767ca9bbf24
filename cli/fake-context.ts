/**
 * Owns: for tests: a context that remembers what was printed, and a client whose answers the test gives.
 * Never: opens a connection; what a test did not expect fails it.
 */
import { resolve } from 'node:path';
import type { Client, Target } from '../api/client.ts';
import { homeFrom } from '../api/home.ts';
import type { PatchRequest } from '../api/protocol.ts';
import { type Agent, agentSpecSchema, type InstanceStatus } from '../api/resources/agent/agent.ts';
import { NotFoundError } from '../api/resources/errors.ts';
import type { Context, Options, Output, Run } from './verb.ts';

export class Printed implements Output {
  text = '';
  readonly colour = false;
  readonly columns = 80;
  readonly rows = 24;
  readonly isTerminal: boolean;
  constructor(isTerminal = false) {
    this.isTerminal = isTerminal;
  }
  write(value: string): void {
    this.text += value;
  }
}

export interface FakeContext extends Context {
  readonly out: Printed;
  readonly err: Printed;
}

interface FakeOptions {
  readonly client?: Partial<Client>;
  readonly cwd?: string;
  readonly env?: Context['env'];
  readonly target?: Target;
  readonly terminal?: boolean;
  readonly stdin?: string;
}

export function fakeContext(options: FakeOptions = {}): FakeContext {
  const { cwd = '/nonexistent', env = {}, target = { socket: '/nonexistent/sac.sock' }, terminal = false } = options;
  const client = async () => clientOf(options.client ?? {});
  return {
    env,
    cwd,
    home: homeFrom({ SAC_HOME: resolve(cwd, 'home') }),
    stdin: async () => new TextEncoder().encode(options.stdin ?? ''),
    stdinIsTerminal: terminal,
    out: new Printed(terminal),
    err: new Printed(terminal),
    target: async () => target,
    client,
    running: client,
    signal: new AbortController().signal,
  };
}

const unexpected = (method: string) => (): never => {
  throw new Error(`the test expects no call of client.${method}`);
};

export function clientOf(given: Partial<Client>): Client {
  return {
    list: unexpected('list'),
    table: unexpected('table'),
    get: unexpected('get'),
    watch: unexpected('watch'),
    create: unexpected('create'),
    replace: unexpected('replace'),
    patch: unexpected('patch'),
    remove: unexpected('remove'),
    patchObject: unexpected('patchObject'),
    removeObject: unexpected('removeObject'),
    syncSource: unexpected('syncSource'),
    planSource: unexpected('planSource'),
    apply: unexpected('apply'),
    restart: unexpected('restart'),
    rollout: unexpected('rollout'),
    revisions: unexpected('revisions'),
    answer: unexpected('answer'),
    usage: unexpected('usage'),
    checkHost: unexpected('checkHost'),
    rich: unexpected('rich'),
    logs: unexpected('logs'),
    render: unexpected('render'),
    attach: unexpected('attach'),
    controller: unexpected('controller'),
    stopController: unexpected('stopController'),
    ready: unexpected('ready'),
    version: unexpected('version'),
    listTokens: unexpected('listTokens'),
    createToken: unexpected('createToken'),
    deleteToken: unexpected('deleteToken'),
    ...given,
  };
}

/** An agent as the server shows it; `spec` as a manifest would say it. */
export function agent(
  name: string,
  {
    spec = {},
    metadata = {},
    status = {},
  }: {
    readonly spec?: object;
    readonly metadata?: Partial<Agent['metadata']>;
    readonly status?: Partial<Agent['status']>;
  } = {},
): Agent {
  return {
    apiVersion: 'sac/v1',
    kind: 'Agent',
    metadata: {
      name,
      id: `f.${name}`,
      labels: {},
      annotations: {},
      generation: 1,
      resourceVersion: 7,
      creationTimestamp: '2026-01-01T00:00:00.000Z',
      ...metadata,
    },
    spec: agentSpecSchema.parse({ command: ['sleep', '1'], ...spec }),
    status: {
      phase: 'Running',
      activity: 'none',
      ready: true,
      readyInstances: 1,
      desiredInstances: 1,
      restarts: 0,
      observedGeneration: 1,
      conditions: [],
      instances: [instance(name)],
      ...status,
    },
  };
}

export const instance = (name: string, more: Partial<InstanceStatus> = {}): InstanceStatus => ({
  name,
  host: 'local',
  runtime: 'tmux',
  phase: 'Running',
  activity: 'none',
  ready: true,
  restarts: 0,
  pid: 100,
  startedAt: '2026-01-01T00:00:00.000Z',
  conditions: [],
  ...more,
});

/** `get` and `list` over these agents, list with every selector. */
export const reading = (...agents: readonly Agent[]): Pick<Client, 'get' | 'list'> => {
  const all = (plural: string): readonly unknown[] => (plural === 'agents' ? agents : []);
  const get: Client['get'] = async (plural, name) => {
    const found = all(plural).find((item) => (item as Agent).metadata.name === name);
    if (!found) throw new NotFoundError(`agent "${name}" not found`);
    return found as never;
  };
  const list: Client['list'] = async (plural) =>
    ({ apiVersion: 'sac/v1', kind: 'List', metadata: { resourceVersion: 7 }, items: all(plural) }) as never;
  return { get, list };
};

/** Runs a verb's implementation with parsed options, as the program would. */
export const runVerb = async (
  load: () => Promise<{ readonly run: Run }>,
  args: readonly string[],
  options: Options,
  context: Context,
): Promise<number> => (await load()).run(args, options, context);

/** A client over agents that remembers what was asked of it. */
export function fleet(...agents: readonly Agent[]) {
  const asked: string[] = [];
  const patches: PatchRequest[] = [];
  const client: Partial<Client> = {
    ...reading(...agents),
    patch: async (name, patch) => {
      asked.push(`patch ${name}`);
      patches.push(patch);
      return agent(name);
    },
    restart: async (name, request) => {
      asked.push(`restart ${name}${request?.by ? ` by ${request.by}` : ''}`);
      return agent(name);
    },
    remove: async (name) => {
      asked.push(`remove ${name}`);
      return agent(name);
    },
  };
  return { client, asked, patches };
}

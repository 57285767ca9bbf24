/**
 * Owns: the docker and podman runtimes: one implementation, the engine as data.
 * Never: keeps truth about agents: that is in the labels of the containers.
 */
import { type Transport, TransportError } from '../../transport/transport.ts';
import type { Runtime, RuntimeContext } from '../runtime.ts';
import { containerLogs } from './container-logs.ts';
import { Containers, firstLine } from './containers.ts';
import { watchDeaths } from './deaths.ts';
import { DOCKER, type Engine, PODMAN } from './engine.ts';
import { containerName } from './listing.ts';
import { INSIDE } from './run-argv.ts';
import { ATTACH } from './scripts.ts';
import { Starts } from './starts.ts';
import { Terminals } from './terminal/terminals.ts';

export const createDockerRuntime = (context: RuntimeContext) => createContainerRuntime(context, DOCKER);
export const createPodmanRuntime = (context: RuntimeContext) => createContainerRuntime(context, PODMAN);

interface Machine {
  readonly containers: Containers;
  readonly starts: Starts;
  readonly terminals: Terminals;
}

function createContainerRuntime(context: RuntimeContext, engine: Engine): Runtime & AsyncDisposable {
  const machines = new Map<Transport, Machine>();
  const watches = new Set<Disposable>();
  const machine = (t: Transport) => {
    const known = machines.get(t);
    if (known) return known;
    const containers = new Containers(context, engine, t);
    const made: Machine = {
      containers,
      starts: new Starts(context, engine, t, containers),
      terminals: new Terminals({ context, engine, transport: t, containers }),
    };
    machines.set(t, made);
    return made;
  };
  const on = (t: Transport): Containers => machine(t).containers;
  return {
    kind: engine.kind,
    capabilities: {
      screen: true,
      attach: true,
      push: true,
      lacks: [
        'show more of an image without tmux than a screen put together from its last output',
        'type into an image without tmux where the machine has no script(1)',
      ],
    },
    inside: { exec: (id) => [engine.program, 'exec', '-i', containerName(id)], hooks: INSIDE },
    probe: (t) => probe(t, context, engine),
    list: (t, ids) => on(t).list(ids),
    watch(t, onHint) {
      const watch = watchDeaths({ transport: t, engine, context, containers: on(t), onHint });
      watches.add(watch);
      return {
        [Symbol.dispose]() {
          watches.delete(watch);
          watch[Symbol.dispose]();
        },
      };
    },
    start: (t, launch) => machine(t).starts.start(launch),
    signal: (t, id, incarnation, how) => on(t).signal(id, incarnation, how),
    remove: (t, id, incarnation) => on(t).remove(id, incarnation),
    async sweep(t, over) {
      await on(t).launches.allOver(over);
      // No process outlives its container: the engine ends all that is in it.
      return 0;
    },
    screen: (t, ids) => machine(t).terminals.screens(ids),
    type: (t, id, incarnation, keys, submitted) => machine(t).terminals.type(id, incarnation, keys, submitted),
    logs: (t, id, options) => containerLogs(on(t), t, engine, id, options),
    attach: (id) => ['sh', '-c', ATTACH, 'sac-attach', engine.program, containerName(id)],
    async [Symbol.asyncDispose]() {
      for (const watch of [...watches]) watch[Symbol.dispose]();
      watches.clear();
    },
  };
}

/** A client without its engine can be used: what lives there is unknown until the engine is back. */
async function probe(t: Transport, context: RuntimeContext, engine: Engine) {
  try {
    const { code, stdout, stderr } = await t.run([engine.program, ...engine.version], { timeoutMs: context.timeoutMs });
    if (code === 0) return { available: true, detail: `${engine.kind} ${stdout.trim()}` };
    const said = firstLine(stderr) || `code ${code}`;
    return {
      available: engine.unreachable.test(stderr),
      detail: `the ${engine.kind} engine does not answer: ${said}`,
    };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    if (error.kind === 'missing-program') return { available: false, detail: `${engine.program} is not installed` };
    if (error.kind === 'timeout')
      return { available: true, detail: `the ${engine.kind} engine does not answer in time` };
    throw error;
  }
}

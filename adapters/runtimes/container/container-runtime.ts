/**
 * Owns: the docker and podman runtimes: one implementation, the engine as data.
 * Never: keeps truth about agents: that is in the labels of the containers.
 */
import { type Transport, TransportError } from '../../transport/transport.ts';
import type { Runtime, RuntimeContext } from '../runtime.ts';
import { containerLogs } from './container-logs.ts';
import { Containers } from './containers.ts';
import { watchDeaths } from './deaths.ts';
import { DOCKER, type Engine, PODMAN } from './engine.ts';
import { containerName } from './listing.ts';
import { ATTACH } from './scripts.ts';

export const createDockerRuntime = (context: RuntimeContext) => createContainerRuntime(context, DOCKER);
export const createPodmanRuntime = (context: RuntimeContext) => createContainerRuntime(context, PODMAN);

function createContainerRuntime(context: RuntimeContext, engine: Engine): Runtime & AsyncDisposable {
  const machines = new Map<Transport, Containers>();
  const watches = new Set<Disposable>();
  const on = (t: Transport): Containers => {
    const known = machines.get(t);
    if (known) return known;
    const containers = new Containers(context, engine, t);
    machines.set(t, containers);
    return containers;
  };
  return {
    kind: engine.kind,
    capabilities: { screen: false, attach: true, push: true },
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
    start: (t, launch) => on(t).start(launch),
    signal: (t, id, incarnation, how) => on(t).signal(id, incarnation, how),
    remove: (t, id, incarnation) => on(t).remove(id, incarnation),
    // Nothing outlives its container: the engine ends all that is in it.
    sweep: () => Promise.resolve(0),
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
    const said = stderr.split('\n').find((line) => line.trim() !== '') ?? `code ${code}`;
    return {
      available: engine.unreachable.test(stderr),
      detail: `the ${engine.kind} engine does not answer: ${said.trim()}`,
    };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    if (error.kind === 'missing-program') return { available: false, detail: `${engine.program} is not installed` };
    if (error.kind === 'timeout')
      return { available: true, detail: `the ${engine.kind} engine does not answer in time` };
    throw error;
  }
}

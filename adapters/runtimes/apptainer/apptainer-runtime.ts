/**
 * Owns: agents in Apptainer instances, each under a supervisor of the process runtime, which keeps log, exit status and ownership.
 * Never: touches an instance whose name is not ours, or takes a foreign one with our name for ours.
 */
import type { InstanceId } from '../../../api/resources/names.ts';
import { type Transport, TransportError } from '../../transport/transport.ts';
import { LaunchFiles, launchFilePath } from '../launch/launch-files.ts';
import { renderLaunchScript } from '../launch/launch-script.ts';
import { readLog } from '../process/read-log.ts';
import { SUPERVISOR } from '../process/scripts.ts';
import { type Keeping, LOG_NUMBERS, Supervised } from '../process/supervised.ts';
import { type Launch, type Runtime, type RuntimeContext, RuntimeError } from '../runtime.ts';
import {
  type ApptainerInstance,
  apptainerName,
  apptainerOptionsOf,
  instanceArguments,
  parseInstances,
} from './instance-argv.ts';
import { INSTANCE } from './scripts.ts';

const KEEPING: Keeping = {
  kind: 'apptainer',
  scripts: { 'supervisor.sh': SUPERVISOR, 'instance.sh': INSTANCE },
  numbers: LOG_NUMBERS,
  pidTries: 20,
  ownGroup: true,
};
/** Below the fleet's folder: what is run in the instance. The launch file is run beside it, and makes it. */
const INNER = 'apptainer-launch';
/** Fetching an image that is an address happens while the agent starts; asking for the list never takes long. */
const STOP_TIMEOUT_MS = 30_000;

export function createApptainerRuntime(context: RuntimeContext): Runtime & AsyncDisposable {
  const machines = new Map<Transport, { readonly supervised: Supervised; readonly inner: LaunchFiles }>();
  const watches = new Set<Disposable>();
  const machine = (t: Transport) => {
    const known = machines.get(t);
    if (known) return known;
    const made = {
      supervised: new Supervised(context, t, KEEPING),
      inner: new LaunchFiles(t, context.dirs, INNER),
    };
    machines.set(t, made);
    return made;
  };
  const on = (t: Transport): Supervised => machine(t).supervised;
  const instanceOf = async (t: Transport, id: InstanceId): Promise<ApptainerInstance | undefined> => {
    const { code, stdout, stderr } = await t.run(['apptainer', 'instance', 'list', '--json'], {
      timeoutMs: context.timeoutMs,
    });
    if (code !== 0) throw new RuntimeError(`apptainer could not list its instances: ${stderr.trim()}`);
    return parseInstances(stdout).find(({ name }) => name === apptainerName(id));
  };
  const stop = (t: Transport, id: InstanceId) =>
    t.run(['apptainer', 'instance', 'stop', '--force', apptainerName(id)], { timeoutMs: STOP_TIMEOUT_MS });

  return {
    kind: 'apptainer',
    capabilities: {
      screen: false,
      attach: false,
      push: true,
      lacks: ['be attached to or typed into', 'tell that too much memory was the reason of a death'],
    },
    async probe(t) {
      try {
        const { code, stdout, stderr } = await t.run(['apptainer', '--version'], { timeoutMs: context.timeoutMs });
        if (code === 0) return { available: true, detail: stdout.trim() };
        return { available: false, detail: `apptainer --version failed: ${stderr.trim() || `code ${code}`}` };
      } catch (error) {
        if (error instanceof TransportError && error.kind === 'missing-program')
          return { available: false, detail: 'apptainer is not installed' };
        throw error;
      }
    },
    list: (t, ids) => on(t).list(ids),
    watch(t, onHint) {
      const watch = on(t).watch(onHint);
      watches.add(watch);
      return {
        [Symbol.dispose]() {
          watches.delete(watch);
          watch[Symbol.dispose]();
        },
      };
    },
    async start(t, launch) {
      const { id } = launch;
      const innerFile = launchFilePath(context.dirs, launch, INNER);
      const args = instanceArguments(launch, innerFile);
      const { home = '' } = apptainerOptionsOf(launch);
      const known = (await on(t).list([id])).find((sighting) => sighting.id === id);
      if (!known && (await instanceOf(t, id)))
        throw new RuntimeError(`an apptainer instance named ${apptainerName(id)} exists and is not sac's; stop it`);
      const { lease: _, ...inside } = launch;
      const content = renderLaunchScript(inside, { ...context.dirs, logs: '/tmp' });
      await t.putFiles([{ path: innerFile, content, mode: 0o600 }]);
      const { session: __, venv: ___, ...outside } = launch;
      const supervised: Launch = {
        ...outside,
        argv: ['sh', `${on(t).root}/instance.sh`, apptainerName(id), home, launch.cwd, ...args],
        env: {},
        envFiles: [],
        preStart: [],
        postStart: [],
      };
      await on(t).start(supervised);
      // Must not delay it; a failure is mended by the next sweep. What lives was not replaced, and may be about to read its file.
      if (known?.state === 'exited' && known.incarnation < launch.incarnation)
        machine(t)
          .inner.over(id, known.incarnation)
          .catch(() => undefined);
    },
    async signal(t, id, incarnation, how) {
      const seen = (await on(t).list([id])).find(
        (sighting) => sighting.id === id && sighting.incarnation === incarnation,
      );
      if (!seen) return;
      await on(t).signal(id, incarnation, how);
      // Whoever was to end it is dead now.
      if (how === 'kill' && seen.state === 'running') await stop(t, id);
    },
    async remove(t, id, incarnation) {
      const seen = (await on(t).list([id])).find((sighting) => sighting.id === id);
      if (seen && (seen.state === 'running' || seen.incarnation !== incarnation)) return;
      await machine(t).inner.over(id, incarnation);
      await on(t).remove(id, incarnation);
      if (seen && (await instanceOf(t, id))) await stop(t, id);
    },
    async sweep(t, over) {
      await machine(t).inner.allOver(over);
      return on(t).sweep(over);
    },
    logs: (t, id, options) => readLog(t, context.dirs, id, options),
    async [Symbol.asyncDispose]() {
      for (const watch of watches) watch[Symbol.dispose]();
      watches.clear();
    },
  };
}

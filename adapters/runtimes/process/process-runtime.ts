/**
 * Owns: agents as plain processes, each in a session of its own under a tiny supervisor that keeps log and exit status.
 * Needs nothing but POSIX sh, setsid(1) and /proc, on whichever machine the transport reaches.
 * Never: more than that; see supervised.ts.
 */
import type { Transport } from '../../transport/transport.ts';
import type { Runtime, RuntimeContext } from '../runtime.ts';
import { readLog } from './read-log.ts';
import { SUPERVISOR } from './scripts.ts';
import { type Keeping, LOG_NUMBERS, Supervised } from './supervised.ts';

const KEEPING: Keeping = {
  kind: 'process',
  scripts: { 'supervisor.sh': SUPERVISOR },
  numbers: LOG_NUMBERS,
  pidTries: 20,
  ownGroup: true,
};

export function createProcessRuntime(context: RuntimeContext): Runtime & AsyncDisposable {
  const machines = new Map<Transport, Supervised>();
  const watches = new Set<Disposable>();
  const on = (t: Transport): Supervised => {
    const known = machines.get(t);
    if (known) return known;
    const machine = new Supervised(context, t, KEEPING);
    machines.set(t, machine);
    return machine;
  };
  return {
    kind: 'process',
    capabilities: { screen: false, attach: false, push: true },
    async probe(t) {
      const { code } = await t.run(['sh', '-c', 'command -v setsid >/dev/null && [ -r /proc/self/stat ]']);
      return code === 0
        ? { available: true, detail: 'sh, setsid and /proc' }
        : { available: false, detail: 'needs setsid (util-linux) and /proc' };
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
    start: (t, launch) => on(t).start(launch),
    signal: (t, id, incarnation, how) => on(t).signal(id, incarnation, how),
    remove: (t, id, incarnation) => on(t).remove(id, incarnation),
    sweep: (t, over) => on(t).sweep(over),
    logs: (t, id, options) => readLog(t, context.dirs, id, options),
    async [Symbol.asyncDispose]() {
      for (const watch of watches) watch[Symbol.dispose]();
      watches.clear();
    },
  };
}

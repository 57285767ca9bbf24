/**
 * Owns: the tmux runtime: one tmux server of our own on each machine, agents as its sessions.
 * Never: holds truth about agents; connections are all it keeps.
 */
import { instanceNameOf } from '../../../api/resources/names.ts';
import { type Transport, TransportError } from '../../transport/transport.ts';
import type { Runtime, RuntimeContext } from '../runtime.ts';
import { AgentSessions } from './agent-sessions.ts';
import { tmuxLogs } from './tmux-logs.ts';

export interface TmuxOptions {
  /** Name of the server's socket (`tmux -L`). Default: `sac-<fleet>`. One server holds one fleet. */
  readonly socketName?: string;
  /** Configuration instead of the user's own tmux.conf. */
  readonly configFile?: string;
  /** Default: `tmux`, looked up in PATH. */
  readonly tmuxPath?: string;
}

export function createTmuxRuntime(context: RuntimeContext, options: TmuxOptions = {}): Runtime & AsyncDisposable {
  const { socketName = `sac-${context.fleet}`, configFile, tmuxPath = 'tmux' } = options;
  // -u: without a UTF-8 locale, as over SSH, tmux would write "_" for the tabs of a listing and for every é of a screen.
  const tmux = [tmuxPath, '-L', socketName, '-u', ...(configFile === undefined ? [] : ['-f', configFile])];
  const machines = new Map<Transport, AgentSessions>();
  const on = (t: Transport): AgentSessions => {
    const known = machines.get(t);
    if (known) return known;
    const sessions = new AgentSessions(context, t, tmux);
    machines.set(t, sessions);
    return sessions;
  };

  return {
    kind: 'tmux',
    capabilities: { screen: true, attach: true, push: true },
    async probe(t) {
      try {
        const { code, stdout } = await t.run([tmuxPath, '-V'], { timeoutMs: context.timeoutMs });
        return code === 0 ? judge(stdout.trim()) : { available: false, detail: `tmux -V failed with code ${code}` };
      } catch (error) {
        if (error instanceof TransportError && error.kind === 'missing-program')
          return { available: false, detail: 'tmux is not installed' };
        throw error;
      }
    },
    list: (t, ids) => on(t).list(ids),
    watch: (t, onHint) => on(t).server.watch(onHint),
    start: (t, launch) => on(t).start(launch),
    signal: (t, id, incarnation, how) => on(t).signal(id, incarnation, how),
    remove: (t, id, incarnation) => on(t).remove(id, incarnation),
    sweep: (t, over) => on(t).sweep(over),
    screen: (t, ids) => on(t).terminals.screens(ids),
    type: (t, id, incarnation, keys, submitted) => on(t).terminals.type(id, incarnation, keys, submitted),
    logs: (t, id, logOptions) => tmuxLogs(on(t), t, id, logOptions),
    attach: (id) => [...tmux, 'attach-session', '-t', `=${instanceNameOf(id)}`],
    async [Symbol.asyncDispose]() {
      const servers = [...machines.values()].map(({ server }) => server);
      machines.clear();
      await Promise.allSettled(servers.map((server) => server[Symbol.asyncDispose]()));
    },
  };
}

/** Pane options and exact targets as we use them came with 3.2. Versions that are spelled otherwise are newer. */
function judge(version: string): { readonly available: boolean; readonly detail: string } {
  const [, major, minor] = /^tmux (\d+)\.(\d+)/.exec(version) ?? [];
  const tooOld = major !== undefined && Number(major) * 1000 + Number(minor) < 3002;
  return tooOld
    ? { available: false, detail: `${version} is too old, sac needs 3.2` }
    : { available: true, detail: version };
}

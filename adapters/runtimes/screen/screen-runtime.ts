/**
 * Owns: agents in windows of GNU screen, one session each, under a supervisor that keeps exit status and last screen.
 * Needs screen 4, script(1), POSIX sh, setsid(1) and /proc, on whichever machine the transport reaches.
 * Never: uses a session outside our own SCREENDIR, or one by a name that could match another.
 */
import { type InstanceId, instanceNameOf } from '../../../api/resources/names.ts';
import type { Screen } from '../../profiles/screen.ts';
import type { Transport } from '../../transport/transport.ts';
import { type Keeping, Supervised } from '../process/supervised.ts';
import { type Keystroke, type Launch, type Runtime, type RuntimeContext, RuntimeError } from '../runtime.ts';
import { typed } from './keys.ts';
import { screenLogs } from './screen-logs.ts';
import { parseScreens, type Shown } from './screens.ts';
import { ATTACH, SCREENRC, SCREENS, SUPERVISOR, TYPE, WINDOW } from './scripts.ts';

export interface ScreenOptions {
  /** Added to our own screenrc. */
  readonly configFile?: string;
}

/** unix(7): sun_path holds 108 bytes; a session's socket is `<pid>.<fleet>.<name>`. */
const SOCKET_PATH = 107;
const PID = '4194304';

export function createScreenRuntime(
  context: RuntimeContext,
  { configFile }: ScreenOptions = {},
): Runtime & AsyncDisposable {
  const machines = new Map<Transport, Sessions>();
  const watches = new Set<Disposable>();
  const on = (t: Transport): Sessions => {
    const known = machines.get(t);
    if (known) return known;
    const machine = new Sessions(context, t, configFile);
    machines.set(t, machine);
    return machine;
  };
  return {
    kind: 'screen',
    capabilities: {
      screen: true,
      attach: true,
      push: true,
      lacks: [
        'tell the title a program sets',
        'tell whether a program asked for bracketed paste (text of several lines always is bracketed)',
        'be read while somebody attached is in copy mode',
      ],
    },
    async probe(t) {
      const { code, stdout, stderr } = await t.run([
        'sh',
        '-c',
        'for program in screen script setsid mkfifo stty; do command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 1; }; done; screen --version; exit 0',
      ]);
      return code === 0
        ? { available: true, detail: stdout.trim() }
        : { available: false, detail: stderr.trim() || 'screen is not installed' };
    },
    list: (t, ids) => on(t).supervised.list(ids),
    watch(t, onHint) {
      const watch = on(t).supervised.watch(onHint);
      watches.add(watch);
      return {
        [Symbol.dispose]() {
          watches.delete(watch);
          watch[Symbol.dispose]();
        },
      };
    },
    start: (t, launch) => on(t).start(launch),
    signal: (t, id, incarnation, how) => on(t).supervised.signal(id, incarnation, how),
    remove: (t, id, incarnation) => on(t).supervised.remove(id, incarnation),
    sweep: (t, over) => on(t).supervised.sweep(over),
    screen: (t, ids) => on(t).screens(ids),
    type: (t, id, incarnation, keys, submitted) => on(t).type(id, incarnation, keys, submitted),
    logs: (t, id, options) => screenLogs(t, context.dirs, () => on(t).history(id), id, options),
    attach: (id) => ['sh', '-c', ATTACH, 'sac-attach', `${context.dirs.run}/screen`, instanceNameOf(id)],
    async [Symbol.asyncDispose]() {
      for (const watch of watches) watch[Symbol.dispose]();
      watches.clear();
    },
  };
}

class Sessions {
  readonly supervised: Supervised;
  readonly #transport: Transport;
  readonly #context: RuntimeContext;
  #screens = new Map<InstanceId, Screen>();

  constructor(context: RuntimeContext, transport: Transport, configFile: string | undefined) {
    this.#context = context;
    this.#transport = transport;
    const wanted = configFile === undefined ? '' : `source "${configFile.replaceAll(/(["$\\])/g, '\\$1')}"\n`;
    const keeping: Keeping = {
      kind: 'screen',
      scripts: { 'supervisor.sh': SUPERVISOR, 'window.sh': WINDOW, screenrc: `${SCREENRC}${wanted}` },
      numbers: ({ options: { tmux } }) => [tmux.width, tmux.height, tmux.historyLimit],
      pidTries: 300,
      ownGroup: false,
    };
    this.supervised = new Supervised(context, transport, keeping);
  }

  async start(launch: Launch): Promise<void> {
    const socket = `${this.supervised.root}/.s/${PID}.${launch.id}`;
    if (Buffer.byteLength(socket) > SOCKET_PATH)
      throw new RuntimeError(
        `screen cannot make a socket for ${instanceNameOf(launch.id)}: ${socket} is longer than ${SOCKET_PATH} bytes; use a shorter SAC_HOME or name`,
      );
    await this.supervised.start(launch);
  }

  async screens(ids: readonly InstanceId[]): Promise<ReadonlyMap<InstanceId, Screen>> {
    const screens = new Map<InstanceId, Screen>();
    const byName = new Map(ids.map((id) => [instanceNameOf(id), id]));
    for (const { name, screen } of await this.#look(ids, 'v')) {
      const id = byName.get(name);
      const before = id && this.#screens.get(id);
      if (id) screens.set(id, before && same(before, screen) ? before : screen);
    }
    this.#screens = screens;
    return screens;
  }

  async history(id: InstanceId): Promise<Shown | undefined> {
    return (await this.#look([id], 'h'))[0];
  }

  async #look(ids: readonly InstanceId[], part: 'v' | 'h'): Promise<readonly Shown[]> {
    if (ids.length === 0) return [];
    const { stdout } = await this.#transport.run(['sh', '-c', SCREENS, 'sac-screens', this.supervised.root, part], {
      timeoutMs: this.#context.timeoutMs,
      stdin: `${ids.map(instanceNameOf).join('\n')}\n`,
    });
    return parseScreens(stdout);
  }

  async type(id: InstanceId, incarnation: number, keys: readonly Keystroke[], submitted?: number): Promise<void> {
    const name = instanceNameOf(id);
    for (const [i, key] of keys.entries()) {
      const { how, bytes } = typed(key);
      const noted = i === keys.length - 1 && submitted !== undefined ? [String(submitted)] : [];
      const { code } = await this.#transport.run(
        ['sh', '-c', TYPE, 'sac-type', this.supervised.root, name, String(incarnation), how, ...noted],
        { timeoutMs: this.#context.timeoutMs, stdin: bytes },
      );
      if (code !== 0) throw new RuntimeError(`screen could not type into ${name}`);
    }
  }
}

const same = (a: Screen, b: Screen): boolean =>
  a.text === b.text && a.foreground === b.foreground && a.width === b.width && a.height === b.height;

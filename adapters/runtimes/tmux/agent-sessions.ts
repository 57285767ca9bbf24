/**
 * Owns: the agents of one fleet as sessions of one tmux server: seeing, starting, ending and removing them.
 * Never: touches a session without our tag, uses a target that could match another, or starts a server to look at it.
 */
import type { InstanceId } from '../../../api/resources/names.ts';
import type { Instant } from '../../../api/resources/time.ts';
import type { FileToPut, Transport } from '../../transport/transport.ts';
import { launchFilePath } from '../launch/launch-files.ts';
import { renderLaunchScript } from '../launch/launch-script.ts';
import { Leftovers } from '../reap/leftovers.ts';
import { type Launch, type RuntimeContext, RuntimeError, type Sighting } from '../runtime.ts';
import type { ControlConnection } from './control/control-connection.ts';
import {
  AGENT_PANE,
  command,
  equals,
  exactly,
  literal,
  plain,
  sessionName,
  TAG,
  tag,
  together,
  when,
} from './control/language.ts';
import { allPanes, isMissing, ownerOf, type Pane, panesOf, parsePane } from './listing.ts';
import { Terminals } from './terminals.ts';
import { TmuxServer } from './tmux-server.ts';

const ARCHIVED_LINES = 2_000;
/** tmux may know that a pane is dead before it knows how: it is nudged and asked again, so long apart (ms). */
const STATUS_WAITS = [1, 2, 4, 8, 16, 32, 64];
const START_TRIES = 3;

type Found =
  | { readonly kind: 'agent'; readonly pane: Pane }
  | { readonly kind: 'absent' | 'foreign' }
  /** Our session, but somebody closed the agent's pane and left others open. */
  | { readonly kind: 'headless' };

export class AgentSessions {
  readonly server: TmuxServer;
  readonly #leftovers: Leftovers;
  readonly terminals: Terminals;
  readonly #context: RuntimeContext;
  readonly #transport: Transport;
  /** Corpses of the last looks, so that a restart needs no look of its own. Bound: one an agent. */
  readonly #corpses = new Map<InstanceId, { readonly connection: ControlConnection; readonly pane: Pane }>();
  /** Panes whose process lives on without a terminal: waiting for its end would be in vain. */
  readonly #withoutTerminal = new Set<string>();
  #historyLimit: { readonly connection: ControlConnection; readonly lines: number } | undefined;

  constructor(context: RuntimeContext, transport: Transport, tmux: readonly string[]) {
    this.#context = context;
    this.#transport = transport;
    const pidFile = `${context.dirs.run}/tmux.pid`;
    this.server = new TmuxServer({ transport, tmux, pidFile, timeoutMs: context.timeoutMs });
    this.#leftovers = context.leftovers?.(transport, context) ?? new Leftovers(transport, context);
    const { fleet, timeoutMs, now } = context;
    const find = (id: InstanceId) => this.pane(id);
    this.terminals = new Terminals({ fleet, transport, server: this.server, tmux, timeoutMs, now, find });
  }

  previousLog(id: InstanceId): string {
    return `${this.#context.dirs.logs}/${sessionName(id)}/previous.log`;
  }

  async list(ids?: readonly InstanceId[]): Promise<readonly Sighting[]> {
    const panes = await this.#decided(async () => {
      const connection = await this.server.reach();
      if (!connection) return [];
      const seen = this.#parse(await (ids ? panesOf(connection, ids) : allPanes(connection)));
      this.#rememberCorpses(connection, seen, ids);
      return seen;
    });
    return panes.map(({ sighting }) => sighting);
  }

  /** The agent's pane, if there is one. */
  async pane(id: InstanceId): Promise<Pane | undefined> {
    const found = await this.#find(id);
    return found.kind === 'agent' ? found.pane : undefined;
  }

  async start(launch: Launch): Promise<void> {
    const name = sessionName(launch.id);
    const file = launchFilePath(this.#context.dirs, launch);
    const content = renderLaunchScript(launch, this.#context.dirs);
    const known = this.#corpses.get(launch.id);
    this.#corpses.delete(launch.id);
    // An order that comes late, for a start that was carried out and has ended, must not empty what is kept.
    const replaces = known !== undefined && known.pane.sighting.incarnation < launch.incarnation;
    const files = [{ path: file, content, mode: 0o600 }, ...(replaces ? [this.#emptyArchive(launch.id)] : [])];
    await this.#transport.putFiles(files);
    // Panes of another server may have the same ids.
    if (known?.connection.open && (await this.#replace(known.connection, launch, file, known.pane, true))) return;
    for (let tries = 0; tries < START_TRIES; tries++) {
      const connection = await this.server.connect();
      this.server.busy();
      const created = await connection.request(this.#creation(connection, launch, file));
      if (created.ok) return;
      if (!/duplicate session/.test(created.error))
        throw new RuntimeError(`tmux could not start ${name}: ${created.error}`);
      const found = await this.#find(launch.id);
      switch (found.kind) {
        case 'foreign':
          throw new RuntimeError(
            `a tmux session named ${name} exists on this server and is not sac's; rename or end it`,
          );
        case 'agent':
          if (await this.#replace(connection, launch, file, found.pane, false)) return;
          break;
        case 'headless':
          await connection.request([
            when(exactly(launch.id), equals(TAG.id, launch.id), command('kill-session', '-t', `=${name}`)),
          ]);
          break;
        case 'absent':
          break;
      }
    }
    throw new RuntimeError(`tmux session ${name} came and went while it was being started; it will be tried again`);
  }

  #creation(connection: ControlConnection, { id, incarnation, launchHash, options }: Launch, file: string): string[] {
    const at = exactly(id);
    const { width, height, historyLimit } = options.tmux;
    const lines = [
      // On one line, so that also an agent that ends at once leaves a tagged corpse.
      together(
        command(
          ...['new-session', '-d', '-s', sessionName(id), '-x', `${width}`, '-y', `${height}`],
          ...[...tags(incarnation, launchHash), [TAG.id, plain(id)]].flatMap(([name, value]) => [
            '-e',
            `${name}=${value}`,
          ]),
          ...['sh', file],
        ),
        command('set-environment', '-hF', '-t', at, AGENT_PANE, '#{pane_id}'),
      ),
    ];
    // A pane takes its limit from the global option when it is made.
    if (this.#historyLimit?.connection !== connection || this.#historyLimit.lines !== historyLimit) {
      this.#historyLimit = { connection, lines: historyLimit };
      lines.unshift(command('set-option', '-g', 'history-limit', `${historyLimit}`));
    }
    return lines;
  }

  /** False: what was in the way is gone, and it can be made anew; or the pane is another than was `remembered`. */
  async #replace(
    connection: ControlConnection,
    launch: Launch,
    file: string,
    { paneId, sighting, tagsAreOptions }: Pane,
    remembered: boolean,
  ): Promise<boolean> {
    if (sighting.state !== 'exited') {
      if (sighting.launchHash === launch.launchHash) return true;
      throw new RuntimeError(`${sighting.session} still runs another launch; it must be stopped first`);
    }
    // This very start, or one after it, was carried out and has ended.
    if (sighting.incarnation >= launch.incarnation) return true;
    if (!remembered) await this.#transport.putFiles([this.#emptyArchive(launch.id)]);
    // A log that cannot be kept must not keep the agent from living.
    connection.request(this.#archive(launch.id, paneId)).catch(() => undefined);
    const stillDead = `#{&&:#{pane_dead},${equals(TAG.incarnation, `${sighting.incarnation}`)}}`;
    const clear = when(paneId, stillDead, command('kill-session', '-t', `=${sighting.session}`));
    if (tagsAreOptions) {
      await connection.request([clear]);
      return false;
    }
    const replaced = await connection.request([
      // Without -k: if it came to life in between, tmux refuses.
      when(
        paneId,
        stillDead,
        together(
          command('respawn-pane', '-t', paneId, 'sh', file),
          command('clear-history', '-t', paneId),
          ...tags(launch.incarnation, launch.launchHash).map(([name, value]) => tag(paneId, name, value)),
          command('display-message', '-p', REPLACED),
        ),
      ),
    ]);
    if (replaced.ok && !replaced.lines.includes(REPLACED)) return false;
    if (!replaced.ok) {
      if (remembered && isMissing(replaced.error)) return false;
      // When it cannot fork, tmux 3.3a forgets how the pane ended, which then reads as alive without a terminal for ever.
      await connection.request([clear]);
      throw new RuntimeError(`tmux could not restart ${sighting.session}: ${replaced.error}`);
    }
    this.#leftovers.later.add(launch.id, sighting.incarnation);
    return true;
  }

  #rememberCorpses(
    connection: ControlConnection,
    seen: readonly Pane[],
    asked: readonly InstanceId[] | undefined,
  ): void {
    for (const id of asked ?? [...this.#corpses.keys()]) this.#corpses.delete(id);
    for (const pane of seen)
      if (pane.sighting.state === 'exited') this.#corpses.set(pane.sighting.id, { connection, pane });
  }

  /** The file exists, and private, before tmux writes to it. */
  #emptyArchive(id: InstanceId): FileToPut {
    return { path: this.previousLog(id), content: '', mode: 0o600 };
  }

  /** The last screen (it ends with how the pane died) and the scrollback before it; tmux writes the file itself. */
  #archive(id: InstanceId, paneId: string): readonly string[] {
    const buffer = `sac-${sessionName(id)}`;
    return [
      together(
        command('capture-pane', '-J', '-b', buffer, '-S', `-${ARCHIVED_LINES}`, '-t', paneId),
        command('save-buffer', '-b', buffer, literal(this.previousLog(id))),
      ),
      command('delete-buffer', '-b', buffer),
    ];
  }

  async signal(id: InstanceId, incarnation: Instant, how: 'term' | 'kill'): Promise<void> {
    const pane = await this.pane(id);
    if (pane?.sighting.incarnation !== incarnation) return;
    this.server.busy();
    const { pid } = pane.sighting;
    const roots = pid === undefined ? [] : [pid];
    if (how === 'term') await this.#leftovers.reaper.term(id, incarnation, roots);
    else await this.#leftovers.reaper.reap(id, incarnation, roots);
  }

  async remove(id: InstanceId, incarnation: Instant): Promise<void> {
    const found = await this.#find(id);
    if (found.kind === 'foreign') return;
    const corpse = found.kind === 'agent' ? found.pane : undefined;
    if (corpse && (corpse.sighting.state !== 'exited' || corpse.sighting.incarnation !== incarnation)) return;
    await this.#leftovers.clear(new Map([[id, incarnation]]));
    // Last: it is what tells, also a successor of ours, that there is something to remove.
    if (corpse) await this.#bury(id, incarnation, corpse);
  }

  /** Looks for what was left by incarnations that are over. Returns how many processes were ended. */
  async sweep(over: ReadonlyMap<InstanceId, Instant>): Promise<number> {
    const [ended] = await Promise.all([this.#leftovers.clear(over), this.server.sweep()]);
    return ended;
  }

  async #bury(id: InstanceId, incarnation: Instant, { paneId, sighting }: Pane): Promise<void> {
    await this.#transport.putFiles([this.#emptyArchive(id)]);
    const connection = await this.server.connect();
    connection.request(this.#archive(id, paneId)).catch(() => undefined);
    // Looked at again by tmux itself in the moment of removing.
    const stillDead = `#{&&:#{pane_dead},${equals(TAG.incarnation, `${incarnation}`)}}`;
    const reply = await connection.request([
      when(paneId, stillDead, command('kill-session', '-t', `=${sessionName(id)}`)),
    ]);
    if (!reply.ok && !isMissing(reply.error))
      throw new RuntimeError(`tmux could not remove ${sighting.session}: ${reply.error}`);
  }

  async #find(id: InstanceId): Promise<Found> {
    let lines: readonly string[] | undefined;
    const [pane] = await this.#decided(async () => {
      const connection = await this.server.reach();
      lines = connection && (await panesOf(connection, [id]));
      return this.#parse(lines ?? []).filter(({ sighting }) => sighting.id === id);
    });
    if (pane) return { kind: 'agent', pane };
    if (!lines || lines.length === 0) return { kind: 'absent' };
    return { kind: lines.some((line) => ownerOf(line) === id) ? 'headless' : 'foreign' };
  }

  #parse(lines: readonly string[]): readonly Pane[] {
    return lines.map((line) => parsePane(line, this.#context.fleet)).filter((pane) => pane !== undefined);
  }

  /** Looks until tmux knows how every dead pane ended, within bounds. */
  async #decided(look: () => Promise<readonly Pane[]>): Promise<readonly Pane[]> {
    let panes = await look();
    const open = () => panes.filter(({ undecided, paneId }) => undecided && !this.#withoutTerminal.has(paneId));
    for (const wait of STATUS_WAITS) {
      if (open().length === 0) break;
      this.server.nudge();
      await new Promise((wake) => setTimeout(wake, wait));
      panes = await look();
    }
    for (const { undecided, paneId } of panes) {
      if (undecided) this.#withoutTerminal.add(paneId);
      else this.#withoutTerminal.delete(paneId);
    }
    return panes;
  }
}

/** Told by tmux where a restart was carried out. */
const REPLACED = 'sac-replaced';

const tags = (incarnation: Instant, hash: string): readonly (readonly [name: string, value: string])[] => [
  [TAG.incarnation, `${incarnation}`],
  [TAG.hash, plain(hash)],
  [TAG.submitted, '0'],
];

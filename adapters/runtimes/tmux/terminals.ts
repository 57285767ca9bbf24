/**
 * Owns: the terminals of the agents of one fleet: what they show, and typing into them.
 * Never: types into another incarnation than the one meant, or captures again what did not change.
 */
import { randomBytes } from 'node:crypto';
import { type FleetId, fleetOf, type InstanceId } from '../../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';
import type { Screen } from '../../profiles/screen.ts';
import type { Transport } from '../../transport/transport.ts';
import { type Keystroke, RuntimeError } from '../runtime.ts';
import type { ControlConnection } from './control/control-connection.ts';
import { AGENT_PANE, command, equals, exactly, TAG, tag, together, when } from './control/language.ts';
import { isAgentPane, isMissing, type Pane } from './listing.ts';
import type { TmuxServer } from './tmux-server.ts';

export interface TerminalsOptions {
  readonly fleet: FleetId;
  readonly transport: Transport;
  readonly server: TmuxServer;
  /** `tmux -L socket [-f config]` */
  readonly tmux: readonly string[];
  readonly timeoutMs: DurationMs;
  readonly now: () => Instant;
  readonly find: (id: InstanceId) => Promise<Pane | undefined>;
}

/** A tab a field; the last two are the program's, and the title may hold anything. */
const FIELDS = [
  TAG.id,
  AGENT_PANE,
  'pane_dead',
  'pane_id',
  'pane_pid',
  'window_activity',
  'pane_width',
  'pane_height',
  'pane_current_command',
  'pane_title',
] as const;
const FORMAT = FIELDS.map((field) => `#{${field}}`).join('\t');
/** With at most this many asked for, only they are listed. */
const FEW = 4;
const KEPT_MS: DurationMs = 60_000;
/** tmux tells the second of the last output; what is written later in that second must not be missed. */
const SETTLED_SECONDS = 2;
/** Names of keys that tmux knows, or one printable character. */
const KEY = /^(?:[A-Z][A-Za-z0-9]*|[CMS]-[A-Za-z0-9]+|F\d{1,2}|[!-~])$/;

interface Captured {
  /** Equal: nothing was written since. */
  readonly stamp: string;
  readonly screen: Screen;
  /** When it was looked at last. */
  readonly at: Instant;
}

export class Terminals {
  readonly #options: TerminalsOptions;
  #captured = new Map<InstanceId, Captured>();

  constructor(options: TerminalsOptions) {
    this.#options = options;
  }

  async screens(ids: readonly InstanceId[]): Promise<ReadonlyMap<InstanceId, Screen>> {
    const { server, fleet, now } = this.#options;
    const screens = new Map<InstanceId, Screen>();
    const connection = ids.length === 0 ? undefined : await server.reach();
    if (!connection) return screens;
    const few = ids.length <= FEW;
    const reply = await connection.request(
      few
        ? ids.map((id) => command('list-panes', '-s', '-t', exactly(id), '-F', FORMAT))
        : [command('list-panes', '-a', '-F', FORMAT)],
    );
    const refused = reply.errors.find((error) => !few || !isMissing(error));
    if (refused !== undefined) throw new RuntimeError(`tmux could not list its panes: ${refused}`);
    const wanted = new Set(ids);
    const kept = new Map<InstanceId, Captured>();
    const second = Math.floor(now() / 1000);
    await Promise.all(
      reply.lines.map(async (line) => {
        const pane = parse(line, fleet);
        if (!pane || !wanted.has(pane.id)) return;
        const { stamp, activity } = pane;
        const before = this.#captured.get(pane.id);
        const captured =
          before?.stamp === stamp
            ? before
            : await this.#capture(connection, pane, second - activity >= SETTLED_SECONDS);
        if (!captured) return;
        kept.set(pane.id, { ...captured, at: now() });
        screens.set(pane.id, captured.screen);
      }),
    );
    // A look at a few forgets nothing of the others that are looked at now and then.
    if (few)
      for (const [id, other] of this.#captured) if (!wanted.has(id) && now() - other.at < KEPT_MS) kept.set(id, other);
    this.#captured = kept;
    return screens;
  }

  async #capture(
    connection: ControlConnection,
    pane: Row,
    settled: boolean,
  ): Promise<Omit<Captured, 'at'> | undefined> {
    const reply = await connection.request([command('capture-pane', '-p', '-t', pane.paneId)]);
    if (!reply.ok) return undefined;
    const text = `${reply.lines.join('\n')}\n`;
    const before = this.#captured.get(pane.id)?.screen;
    const { title, foreground, width, height } = pane;
    const same = before?.text === text && before.title === title && before.foreground === foreground;
    const screen = same ? before : { text, title, foreground, width, height };
    // Not settled: looked at again next time, whatever the stamp says.
    return { stamp: settled ? pane.stamp : '', screen };
  }

  async type(id: InstanceId, incarnation: Instant, keys: readonly Keystroke[], submitted?: number): Promise<void> {
    const { server, find } = this.#options;
    const pane = await find(id);
    if (!pane || pane.sighting.state === 'exited' || pane.sighting.incarnation !== incarnation) return;
    const connection = await server.connect();
    for (const [i, key] of keys.entries()) {
      const noted = i === keys.length - 1 ? submitted : undefined;
      const note = noted === undefined ? [] : [noteSubmitted(pane, noted)];
      if ('key' in key) {
        if (!KEY.test(key.key)) throw new RuntimeError(`"${key.key}" is not a key`);
        await this.#ask(connection, pane, [command('send-keys', '-t', pane.paneId, '--', key.key), ...note]);
      } else await this.#paste(connection, pane, key.paste, note);
    }
  }

  /** By a buffer of our own, so that text of any length and language arrives as one paste. */
  async #paste(connection: ControlConnection, pane: Pane, text: string, note: readonly string[]): Promise<void> {
    const { transport, tmux, timeoutMs } = this.#options;
    const buffer = `sac-${randomBytes(8).toString('hex')}`;
    const loaded = await transport.run([...tmux, 'load-buffer', '-b', buffer, '-'], { stdin: text, timeoutMs });
    if (loaded.code !== 0) throw new RuntimeError(`tmux could not take the text: ${loaded.stderr.trim()}`);
    // -p: bracketed if the program asked for it. -r: line breaks as they are. -d: nothing of it stays in tmux.
    await this.#ask(connection, pane, [
      command('paste-buffer', '-d', '-p', '-r', '-b', buffer, '-t', pane.paneId),
      ...note,
    ]);
  }

  async #ask(connection: ControlConnection, { sighting, paneId }: Pane, commands: readonly string[]): Promise<void> {
    // In the very moment of typing tmux itself looks whether it is still the one that is meant.
    const same = equals(TAG.incarnation, `${sighting.incarnation}`);
    const reply = await connection.request([when(paneId, same, together(...commands))]);
    if (!reply.ok && !/^can't find/.test(reply.error))
      throw new RuntimeError(`tmux could not type into ${sighting.session}: ${reply.error}`);
  }
}

const noteSubmitted = ({ paneId, tagsAreOptions }: Pane, count: number): string =>
  tagsAreOptions
    ? command('set-option', '-t', paneId, TAG.submitted, `${count}`)
    : tag(paneId, TAG.submitted, `${count}`);

interface Row {
  readonly id: InstanceId;
  readonly paneId: string;
  readonly stamp: string;
  readonly activity: number;
  readonly title: string;
  readonly foreground: string;
  readonly width: number;
  readonly height: number;
}

function parse(line: string, fleet: FleetId): Row | undefined {
  const [id = '', agentPane, dead, paneId = '', pid, activity = '', width, height, foreground = '', ...title] =
    line.split('\t');
  if (!isAgentPane(agentPane, paneId) || dead !== '0' || !id.includes('.') || fleetOf(id as InstanceId) !== fleet)
    return undefined;
  return {
    id: id as InstanceId,
    paneId,
    stamp: [paneId, pid, activity, width, height, foreground, ...title].join('\t'),
    activity: Number(activity),
    title: title.join(' '),
    foreground,
    width: Number(width),
    height: Number(height),
  };
}

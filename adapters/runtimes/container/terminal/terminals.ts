/**
 * Owns: the terminals of the agents of one fleet in one engine: what they show, and typing into them.
 * Never: types into another incarnation than the one meant, or captures again what did not change.
 */
import type { InstanceId } from '../../../../api/resources/names.ts';
import type { Instant } from '../../../../api/resources/time.ts';
import type { Screen } from '../../../profiles/screen.ts';
import type { RunResult, Transport } from '../../../transport/transport.ts';
import type { Keystroke, RuntimeContext } from '../../runtime.ts';
import { type Containers, isGone, type Running } from '../containers.ts';
import type { Engine } from '../engine.ts';
import { type Shown, shownAfter } from './emulator.ts';
import { bytesOf, inTurns } from './keystrokes.ts';
import { MARK, NOTED, OUTPUT, PANE, STAMPS, TYPE_TMUX, TYPE_TTY } from './scripts.ts';

export interface TerminalsOptions {
  readonly context: RuntimeContext;
  readonly engine: Engine;
  readonly transport: Transport;
  readonly containers: Containers;
}

type Form = 'tmux' | 'tty';

interface Stamp {
  readonly form: Form;
  /** Equal to that of an earlier look: nothing was printed since. Undefined: the place does not tell. */
  readonly stamp: string | undefined;
  readonly foreground: string | undefined;
}

interface Captured {
  readonly containerId: string;
  readonly stamp: string | undefined;
  /** When this stamp was first captured. */
  readonly since: Instant;
  /** All that was printed by then is in it: while the stamp stays, so does the screen. */
  readonly whole: boolean;
  readonly screen: Screen;
  readonly asked?: Pick<Shown, 'bracketedPaste' | 'applicationKeys'>;
}

type Seen = Pick<Captured, 'screen' | 'asked' | 'whole'>;

/** Of the output that a screen is put together from. */
const TAIL_LINES = 400;
const TAIL_BYTES = 65_536;
/** What was printed reaches the engine's log a moment later: it is waited for a little, and looked at again after this. */
const LOG_TRIES = 20;
const LOG_WAIT_MS = 20;
const LOG_LATE_MS = 1_000;
const FORMAT = '#{pane_width}\t#{pane_height}\t#{pane_title}';
const STAMP_LINE = /^(\S+) (tmux|tty) (\S+) (.+)$/;

export class Terminals {
  readonly #options: TerminalsOptions;
  readonly #captured = new Map<InstanceId, Captured>();
  #marks = 0;

  constructor(options: TerminalsOptions) {
    this.#options = options;
  }

  async screens(ids: readonly InstanceId[]): Promise<ReadonlyMap<InstanceId, Screen>> {
    if (ids.length === 0) return new Map();
    const running = await this.#options.containers.running(ids);
    for (const id of ids) if (!running.has(id)) this.#captured.delete(id);
    const stamps = await this.#stamps(running);
    const screens = new Map<InstanceId, Screen>();
    await Promise.all(
      [...stamps].map(async ([id, stamp]) => {
        const there = running.get(id);
        const captured = there && (await this.#captureChanged(id, there, stamp));
        if (captured) screens.set(id, captured.screen);
      }),
    );
    return screens;
  }

  /** In one script, however many there are. */
  async #stamps(running: ReadonlyMap<InstanceId, Running>): Promise<ReadonlyMap<InstanceId, Stamp>> {
    if (running.size === 0) return new Map();
    const { transport, context, containers } = this.#options;
    const lines = [...running].map(([id, { init }]) => `${id} ${init.pid} ${init.since}\n`);
    const { stdout } = await transport.run(['sh', '-c', STAMPS, 'sac-stamps'], {
      stdin: lines.join(''),
      timeoutMs: context.timeoutMs,
    });
    const stamps = new Map<string, Stamp>();
    for (const line of stdout.split('\n')) {
      const [, id = '', form, stamp, foreground] = STAMP_LINE.exec(line) ?? [];
      if (form === undefined) continue;
      stamps.set(id, {
        form: form === 'tmux' ? 'tmux' : 'tty',
        stamp: stamp === '-' ? undefined : `${form} ${stamp} ${foreground}`,
        foreground: foreground === '-' ? undefined : foreground,
      });
    }
    return new Map(
      [...running.keys()].flatMap((id) => {
        const stamp = stamps.get(id);
        if (!stamp) containers.forget(id);
        return stamp ? [[id, stamp] as const] : [];
      }),
    );
  }

  async #captureChanged(id: InstanceId, running: Running, stamp: Stamp): Promise<Captured | undefined> {
    const known = this.#captured.get(id);
    const before = known?.containerId === running.containerId ? known : undefined;
    const isSame = before?.stamp !== undefined && before.stamp === stamp.stamp;
    if (isSame && before.whole) return before;
    const now = this.#options.context.now();
    const since = isSame ? before.since : now;
    const seen: Seen | undefined = stamp.form === 'tmux' ? await this.#ofTmux(running) : await this.#ofOutput(running);
    if (!seen) return before;
    const { foreground } = stamp;
    const screen: Screen = { ...seen.screen, ...(foreground !== undefined && { foreground }) };
    const captured: Captured = {
      containerId: running.containerId,
      stamp: stamp.stamp,
      since,
      whole: seen.whole && (stamp.form === 'tmux' || now - since >= LOG_LATE_MS),
      screen: before && same(before.screen, screen) ? before.screen : screen,
      ...(seen.asked && { asked: seen.asked }),
    };
    this.#captured.set(id, captured);
    return captured;
  }

  async #ofTmux({ containerId }: Running): Promise<Seen | undefined> {
    const look = ['tmux', '-u', '-L', 'sac', 'display-message', '-p', '-t', PANE, FORMAT];
    const { code, stdout } = await this.#exec(containerId, [...look, ';', 'capture-pane', '-p', '-t', PANE]);
    const end = stdout.indexOf('\n');
    if (code !== 0 || end < 0) return undefined;
    const [width, height, ...title] = stdout.slice(0, end).split('\t');
    return {
      screen: { text: stdout.slice(end + 1), title: title.join(' '), width: Number(width), height: Number(height) },
      whole: true,
    };
  }

  async #ofOutput({ containerId, init }: Running): Promise<Seen | undefined> {
    const output = await this.#output(containerId);
    if (output === undefined) return undefined;
    const { text, title, ...asked } = shownAfter(output.text, init.columns, init.rows);
    // What was asked for may lie before what is kept.
    const keepsAll = output.text.split('\n').length < TAIL_LINES && output.text.length < TAIL_BYTES / 4;
    return {
      screen: { text, width: init.columns, height: init.rows, ...(title !== undefined && { title }) },
      whole: output.whole,
      ...((keepsAll || asked.bracketedPaste) && { asked }),
    };
  }

  /** The last lines of what was printed, also the one that has not ended. */
  async #output(containerId: string): Promise<{ readonly text: string; readonly whole: boolean } | undefined> {
    const { engine, containers } = this.#options;
    const mark = engine.logsOpenLines ? undefined : ++this.#marks;
    if (mark !== undefined) {
      const marked = await this.#exec(containerId, ['sh', '-c', MARK, 'sac-mark', `${mark}`]);
      if (marked.code !== 0) return undefined;
    }
    for (let tries = 1; ; tries++) {
      const lines = engine.logsOpenLines ? '' : `${TAIL_LINES}`;
      const { code, stdout } = await containers.gated([
        ...['sh', '-c', OUTPUT, 'sac-output'],
        ...[engine.program, containerId, lines],
      ]);
      if (code !== 0) return undefined;
      const whole = mark === undefined || stdout.includes(`\u001b_sac:${mark}\r`);
      if (whole || tries === LOG_TRIES) return { text: stdout, whole };
      await new Promise((wake) => setTimeout(wake, LOG_WAIT_MS));
    }
  }

  async type(id: InstanceId, incarnation: Instant, keys: readonly Keystroke[], submitted?: number): Promise<void> {
    const { containers } = this.#options;
    const there = (await containers.running([id])).get(id);
    if (there?.incarnation !== incarnation) return;
    const stamp = (await this.#stamps(new Map([[id, there]]))).get(id);
    if (!stamp) return;
    const note = submitted === undefined ? '' : `${incarnation} ${submitted}`;
    const { containerId } = there;
    const turns = stamp.form === 'tmux' ? inTurns(keys) : [bytesOf(keys, this.#captured.get(id)?.asked)];
    for (const [i, turn] of turns.entries()) {
      const noted = i === turns.length - 1 ? note : '';
      const result =
        typeof turn === 'string'
          ? await this.#typeIntoTty(id, there, turn, noted)
          : await this.#noted(
              id,
              noted,
              ['exec', '-i', containerId, 'sh', '-c', TYPE_TMUX, 'sac-type', turn.how, ...turn.keys],
              turn.paste,
            );
      // What the terminal itself echoes nobody wrote.
      const before = this.#captured.get(id);
      if (before) this.#captured.set(id, { ...before, stamp: undefined });
      if (result.code !== 0 && !isGone(result)) throw containers.failure(`type into ${id}`, result);
    }
  }

  #typeIntoTty(id: InstanceId, { containerId, init }: Running, bytes: string, note: string): Promise<RunResult> {
    const { containers, context, engine } = this.#options;
    const typing = [
      'sh',
      '-c',
      TYPE_TTY,
      'sac-type-tty',
      `${init.columns}`,
      `${init.rows}`,
      engine.program,
      containerId,
    ];
    return containers.gated(['sh', '-c', NOTED, 'sac-noted', containers.noteOf(id), note, ...typing], {
      stdin: bytes,
      timeoutMs: context.timeoutMs,
    });
  }

  #noted(id: InstanceId, note: string, args: readonly string[], stdin: string): Promise<RunResult> {
    const { containers, context, engine } = this.#options;
    const argv = ['sh', '-c', NOTED, 'sac-noted', containers.noteOf(id), note, engine.program, ...args];
    return containers.gated(argv, { stdin, timeoutMs: context.timeoutMs });
  }

  #exec(containerId: string, argv: readonly string[]): Promise<RunResult> {
    const { containers, engine } = this.#options;
    return containers.gated([engine.program, 'exec', containerId, ...argv]);
  }
}

const same = (a: Screen, b: Screen): boolean =>
  a.text === b.text &&
  a.title === b.title &&
  a.foreground === b.foreground &&
  a.width === b.width &&
  a.height === b.height;

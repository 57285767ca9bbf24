/**
 * Owns: carrying out what was decided to be typed: one keystroke, a look at the screen, then the next.
 * Never: presses a key on a screen that is not the one that was meant, or decides what is pressed.
 */
import type { PaneState, Screen } from '../../adapters/profiles/screen.ts';
import type { Activity } from '../../api/resources/agent/agent.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../api/resources/time.ts';
import type { Effect } from '../machine/snapshot.ts';
import type { Hands } from './effect-runner.ts';
import type { Timers } from './work-queue.ts';

export type Read = (screen: Screen) => PaneState;

/** How long a CLI may take to show what a key did. */
const REACTION_MS = 3_000;
const LOOK_MS = 40;
/** An Enter right behind a paste may be swallowed; pressed again while the text still stands there. */
const ENTERS = 3;

interface Target {
  readonly hands: Hands;
  readonly id: InstanceId;
  readonly incarnation: Instant;
  readonly read: Read;
}

export class Typist {
  readonly #timers: Timers;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Presses the answer's keys as long as the same dialog stands; leaves off as soon as it does not. */
  async answer(target: Target, { answer }: Extract<Effect, { type: 'answer' }>): Promise<void> {
    for (const key of answer.press) {
      const before = await this.#look(target);
      if (before?.state.activity !== 'dialog' || before.state.dialog?.name !== answer.name) return;
      await this.#type(target, [{ key }]);
      await this.#until(target, ({ screen }) => screen.text !== before.screen.text);
    }
  }

  /** A person's keys, one at a time, as long as something is asked; undefined: nothing was asked, nothing was pressed. */
  async press(target: Target, keys: readonly string[], force: boolean): Promise<PaneState | undefined> {
    let now = await this.#look(target);
    if (!now || !(force || ASKS.has(now.state.activity))) return undefined;
    for (const key of keys) {
      const before: Look = now;
      if (!(force || ASKS.has(before.state.activity))) break;
      await this.#type(target, [{ key }]);
      now = (await this.#until(target, ({ screen }) => screen.text !== before.screen.text)) ?? before;
    }
    return now.state;
  }

  /**
   * Pastes, sees the text stand in the composer, sends it, sees it gone. Another text there is a person's: nothing is done.
   * Where the text submitted before still stands, that one is sent.
   */
  async submit(target: Target, { text, sent, index }: Extract<Effect, { type: 'submit' }>): Promise<void> {
    let now = await this.#look(target);
    if (now && isUnsent(now.state, sent, text)) return this.#enter(target, now, index);
    if (text === undefined) return;
    if (now?.state.activity === 'idle') {
      await this.#type(target, [{ paste: text }]);
      now = await this.#until(target, ({ state }) => state.activity === 'compose_pending');
    }
    if (now?.state.activity !== 'compose_pending' || !isText(now.state.composed, text)) return;
    return this.#enter(target, now, index + 1);
  }

  /** Sends what stands in the composer; `submitted` is what is noted of it. */
  async #enter(target: Target, { state: { composed: standing } }: Look, submitted: number): Promise<void> {
    for (let enters = 0; enters < ENTERS; enters++) {
      await this.#type(target, [{ key: 'Enter' }], submitted);
      const now = await this.#until(
        target,
        ({ state }) => state.activity !== 'compose_pending' || state.composed !== standing,
        REACTION_MS / ENTERS,
      );
      if (now?.state.activity !== 'compose_pending' || now.state.composed !== standing) return;
    }
  }

  async #type(
    { hands: { runtime, transport }, id, incarnation }: Target,
    keys: Parameters<NonNullable<Hands['runtime']['type']>>[3],
    submitted?: number,
  ): Promise<void> {
    await runtime.type?.(transport, id, incarnation, keys, submitted);
  }

  async #look({ hands: { runtime, transport }, id, read }: Target): Promise<Look | undefined> {
    const screen = (await runtime.screen?.(transport, [id]))?.get(id);
    return screen && { screen, state: read(screen) };
  }

  /** The last look, whether or not it came true in time. */
  async #until(
    target: Target,
    isTrue: (look: Look) => boolean,
    withinMs: DurationMs = REACTION_MS,
  ): Promise<Look | undefined> {
    const end = this.#timers.now() + withinMs;
    for (;;) {
      await new Promise<void>((wake) => this.#timers.after(LOOK_MS, wake));
      const look = await this.#look(target);
      if (!look || isTrue(look) || this.#timers.now() >= end) return look;
    }
  }
}

const ASKS: ReadonlySet<Activity> = new Set(['dialog', 'permission_prompt', 'question']);

interface Look {
  readonly screen: Screen;
  readonly state: PaneState;
}

const FOLDED = /^\s*\[Past/i;
const squeeze = (some: string) => some.replaceAll(/[\s│┃|]+/g, '');

/** What was submitted before stands there still. What may as well be the next text, pasted by somebody who was killed then, is that. */
function isUnsent({ activity, composed = '' }: PaneState, sent: string | undefined, next: string | undefined): boolean {
  if (activity !== 'compose_pending' || sent === undefined || !isText(composed, sent)) return false;
  return next === undefined || !(FOLDED.test(composed) || squeeze(composed) === squeeze(next));
}

/** CLIs fold long pastes away (`[Pasted text #1 +40 lines]`), and break lines where the screen ends. */
function isText(composed: string | undefined, text: string): boolean {
  if (composed === undefined) return false;
  if (FOLDED.test(composed)) return true;
  const [standing, wanted] = [squeeze(composed), squeeze(text)];
  return (
    standing !== '' && (wanted.includes(standing) || standing.includes(wanted) || wanted.endsWith(standing.slice(-40)))
  );
}

/**
 * Owns: carrying out what was decided to be typed: one keystroke, a look at the screen, then the next.
 * Never: presses a key on a screen that is not the one that was meant, or decides what is pressed.
 */
import type { DialogSeen, PaneState, Screen } from '../../../adapters/profiles/screen.ts';
import type { Activity } from '../../../api/resources/agent/agent.ts';
import type { InstanceId } from '../../../api/resources/names.ts';
import type { DurationMs, Instant } from '../../../api/resources/time.ts';
import type { Effect } from '../../machine/snapshot.ts';
import type { DialogAnswer } from '../../plan/desired-instance.ts';
import type { Timers } from '../work-queue.ts';
import type { Hands } from './effect-runner.ts';

export type Read = (screen: Screen) => PaneState;

/** How long a CLI may take to show what a key did. */
const REACTION_MS = 3_000;
const LOOK_MS = 40;
/** An Enter right behind a paste may be swallowed; pressed again while the text still stands there. */
const ENTERS = 3;
/** A list at start has a handful of options; one whose selector does not get there is left to the next attempt. */
const MOST_MOVES = 12;

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
    const dialog = (await this.#look(target))?.state.dialog;
    // Check boxes without a button are confirmed by the keys.
    const listed = dialog?.selector === 'radio' && dialog.options.length > 0;
    if (answer.option !== undefined && dialog && (listed || offers(dialog, answer.option)))
      return this.#choose(target, answer, answer.option);
    for (const key of answer.press) {
      const before = await this.#look(target);
      if (before?.state.activity !== 'dialog' || before.state.dialog?.name !== answer.name) return;
      await this.#type(target, [{ key }]);
      await this.#until(target, ({ screen }) => screen.text !== before.screen.text);
    }
  }

  /**
   * Chooses an option by its label: by its digit where the options have digits and one accepts; else the selector is moved a
   * row at a time, and Enter pressed on a look that shows it there. An option that is not offered is not chosen.
   */
  async #choose(target: Target, { name, press }: DialogAnswer, option: string): Promise<void> {
    const wanted = new RegExp(option, 'i');
    const byDigit = press.some((key) => /^\d$/.test(key)) && !press.includes('Enter');
    for (let keys = 0; keys < MOST_MOVES; keys++) {
      const before = await this.#look(target);
      const { activity, dialog } = before?.state ?? {};
      if (!before || activity !== 'dialog' || dialog?.name !== name) return;
      const to = dialog.options.findIndex(({ label }) => wanted.test(label));
      const from = dialog.options.findIndex(({ selected }) => selected);
      const { number } = dialog.options[to] ?? {};
      if (to < 0) return;
      const key = byDigit && number !== undefined ? `${number}` : to === from ? 'Enter' : to > from ? 'Down' : 'Up';
      await this.#type(target, [{ key }]);
      await this.#until(target, ({ screen }) => screen.text !== before.screen.text);
      if (key !== 'Down' && key !== 'Up') return;
    }
  }

  /**
   * A person's keys, one at a time, as long as the question they were meant for stands: an Enter behind the digit that
   * answered it would answer the next one. Undefined: nothing was asked, nothing was pressed.
   */
  async press(target: Target, keys: readonly string[], force: boolean): Promise<Pressed | undefined> {
    const first = await this.#look(target);
    if (!first || !(force || asks(first.state))) return undefined;
    let now = first;
    let pressed = 0;
    for (const key of keys) {
      const before: Look = now;
      if (!(force || isSameQuestion(before.state, first.state))) break;
      await this.#type(target, [{ key }]);
      pressed++;
      now = (await this.#until(target, ({ screen }) => screen.text !== before.screen.text)) ?? before;
    }
    return { state: now.state, pressed };
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

export interface Pressed {
  /** What the screen showed afterwards. */
  readonly state: PaneState;
  /** How many of the keys. */
  readonly pressed: number;
}

const ASKS: ReadonlySet<Activity> = new Set(['dialog', 'permission_prompt', 'question']);
/** Also a usage limit may come with a dialog that offers what to do. */
const asks = ({ activity, dialog }: PaneState): boolean => ASKS.has(activity) || dialog !== undefined;

/** The selector may have moved and boxes may be ticked. */
function isSameQuestion(now: PaneState, first: PaneState): boolean {
  if (now.dialog === undefined || first.dialog === undefined) return asks(now) && now.activity === first.activity;
  return (
    now.activity === first.activity &&
    now.dialog.name === first.dialog.name &&
    now.dialog.options.length === first.dialog.options.length &&
    now.dialog.options.every(({ label }, i) => label === first.dialog?.options[i]?.label)
  );
}

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

const offers = ({ options }: DialogSeen, option: string): boolean =>
  options.some(({ label }) => new RegExp(option, 'i').test(label));

/** CLIs fold long pastes away (`[Pasted text #1 +40 lines]`), and break lines where the screen ends. */
function isText(composed: string | undefined, text: string): boolean {
  if (composed === undefined) return false;
  if (FOLDED.test(composed)) return true;
  const [standing, wanted] = [squeeze(composed), squeeze(text)];
  return (
    standing !== '' && (wanted.includes(standing) || standing.includes(wanted) || wanted.endsWith(standing.slice(-40)))
  );
}

/** A person's keys at dialogs that follow one another, as at a CLI's first run. */
import { describe, expect, it } from 'vitest';
import type { PaneState, Screen } from '../../../adapters/profiles/screen.ts';
import type { Keystroke } from '../../../adapters/runtimes/runtime.ts';
import type { Activity } from '../../../api/resources/agent/agent.ts';
import type { InstanceId } from '../../../api/resources/names.ts';
import type { DialogAnswer } from '../../plan/desired-instance.ts';
import { Typist } from './typist.ts';

interface Asked {
  readonly activity: Activity;
  readonly name?: string;
  readonly labels?: readonly string[];
  readonly numbered?: true;
  /** What each key does: the next screen, or moving the selector, which changes the text alone. */
  readonly keys?: Readonly<Record<string, 'next' | 'move'>>;
}

function at(...screens: readonly Asked[]) {
  let now = 0;
  let shown = 0;
  let moved = 0;
  const heard: string[] = [];
  const id = 'web' as InstanceId;
  const typist = new Typist({
    now: () => now,
    after: (ms: number, run: () => void) => {
      now += ms;
      queueMicrotask(run);
      return () => undefined;
    },
  });
  const runtime = {
    screen: async () => new Map([[id, { text: `${shown}.${moved}` } satisfies Screen]]),
    type: async (_t: unknown, _id: unknown, _i: unknown, strokes: readonly Keystroke[]) => {
      for (const stroke of strokes) {
        if (!('key' in stroke)) continue;
        heard.push(`${screens[shown]?.name ?? screens[shown]?.activity}:${stroke.key}`);
        const does = screens[shown]?.keys?.[stroke.key];
        if (does === 'next') [shown, moved] = [shown + 1, 0];
        if (does === 'move') moved += 1;
      }
    },
  };
  const read = (): PaneState => {
    const { activity, name, labels = [], numbered } = screens[shown] ?? { activity: 'idle' };
    const dialog =
      name === undefined
        ? undefined
        : { name, selector: 'radio' as const, text: '', options: options(labels, numbered) };
    return { activity, reason: 'seen', ...(dialog && { dialog }) };
  };
  const options = (labels: readonly string[], numbered?: true) =>
    labels.map((label, i) => ({ label, selected: i === moved, ...(numbered && { number: i + 1 }) }));
  return {
    heard,
    answer: (answer: DialogAnswer) =>
      typist.answer({ hands: { runtime, transport: {} }, id, incarnation: 1, read } as never, { answer } as never),
    press: (keys: readonly string[], force = false) =>
      typist.press({ hands: { runtime, transport: {} }, id, incarnation: 1, read } as never, keys, force),
  };
}

const trust: Asked = {
  activity: 'dialog',
  name: 'trust',
  labels: ['Yes', 'No, exit'],
  keys: { '1': 'next', Enter: 'next' },
};
const bypass: Asked = { activity: 'dialog', name: 'bypass', labels: ['No, exit', 'Yes'], keys: { Enter: 'next' } };

it('does not press an Enter into the dialog after the one it was meant for', async () => {
  const cli = at(trust, bypass, { activity: 'exited' });
  expect(await cli.press(['1', 'Enter'])).toMatchObject({
    pressed: 1,
    state: { activity: 'dialog', dialog: { name: 'bypass' } },
  });
  expect(cli.heard).toEqual(['trust:1']);
});

it('goes on while the selector moves in the same dialog', async () => {
  const cli = at({
    activity: 'dialog',
    name: 'bypass',
    labels: ['No, exit', 'Yes'],
    keys: { Down: 'move', Enter: 'next' },
  });
  expect(await cli.press(['Down', 'Enter'])).toMatchObject({ pressed: 2, state: { activity: 'idle' } });
});

it('tells a dialog of the same name apart by its options', async () => {
  const unknown = (...labels: string[]): Asked => ({
    activity: 'dialog',
    name: 'unknown',
    labels,
    keys: { '2': 'next' },
  });
  const cli = at(unknown('Red', 'Blue'), unknown('Keep', 'Delete all'));
  expect(await cli.press(['2', '2'])).toMatchObject({ pressed: 1 });
});

it('answers the offer that comes with a usage limit', async () => {
  const cli = at({
    activity: 'limit_reached',
    name: 'rate-limit-options',
    labels: ['Stop and wait', 'Upgrade'],
    keys: { '1': 'next' },
  });
  expect(await cli.press(['1'])).toMatchObject({ pressed: 1, state: { activity: 'idle' } });
});

it('presses nothing where nothing is asked, unless it is forced', async () => {
  const cli = at({ activity: 'working' });
  expect(await cli.press(['1'])).toBeUndefined();
  expect(cli.heard).toEqual([]);
  expect(await cli.press(['1', 'Enter'], true)).toMatchObject({ pressed: 2 });
});

describe('a dialog whose options are known by their labels', () => {
  const trustAnswer = { name: 'trust', press: ['1'], option: '^yes' };

  it('is answered by the digit of the option, wherever it stands', async () => {
    const cli = at({
      ...trust,
      labels: ['No, exit', 'Yes, I trust this folder'],
      numbered: true,
      keys: { '2': 'next' },
    });
    await cli.answer(trustAnswer);
    expect(cli.heard).toEqual(['trust:2']);
  });

  it('without digits is answered by moving there, and Enter only on a look that shows the selector there', async () => {
    const keys = { Down: 'move', Enter: 'next' } as const;
    const cli = at({ ...trust, labels: ['No, exit', 'Later', 'Yes, I trust this folder'], keys }, bypass);
    await cli.answer(trustAnswer);
    expect(cli.heard).toEqual(['trust:Down', 'trust:Down', 'trust:Enter']);
  });

  it('that hears no arrow is not confirmed', async () => {
    const cli = at({ ...trust, labels: ['No, exit', 'Yes, I trust this folder'], keys: { Enter: 'next' } }, bypass);
    await cli.answer(trustAnswer);
    expect(new Set(cli.heard)).toEqual(new Set(['trust:Down']));
  });

  it('that does not offer it is left alone', async () => {
    const cli = at({ ...trust, labels: ['Leave', 'Stay'], keys: { '1': 'next', Enter: 'next' } });
    await cli.answer(trustAnswer);
    expect(cli.heard).toEqual([]);
  });

  it('is confirmed with Enter where digits only select', async () => {
    const cli = at({ ...trust, labels: ['Yes', 'No'], numbered: true, keys: { Enter: 'next' } });
    await cli.answer({ ...trustAnswer, press: ['Enter'] });
    expect(cli.heard).toEqual(['trust:Enter']);
  });

  it('that lists nothing gets its keys', async () => {
    const cli = at({ activity: 'dialog', name: 'trust', keys: { y: 'next' } });
    await cli.answer({ ...trustAnswer, press: ['y'] });
    expect(cli.heard).toEqual(['trust:y']);
  });
});

/** A person's keys at dialogs that follow one another, as at a CLI's first run. */
import { expect, it } from 'vitest';
import type { PaneState, Screen } from '../../adapters/profiles/screen.ts';
import type { Keystroke } from '../../adapters/runtimes/runtime.ts';
import type { Activity } from '../../api/resources/agent/agent.ts';
import type { InstanceId } from '../../api/resources/names.ts';
import { Typist } from './typist.ts';

interface Asked {
  readonly activity: Activity;
  readonly name?: string;
  readonly labels?: readonly string[];
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
        if (does === 'next') shown += 1;
        if (does === 'move') moved += 1;
      }
    },
  };
  const read = (): PaneState => {
    const { activity, name, labels = [] } = screens[shown] ?? { activity: 'idle' };
    const dialog =
      name === undefined ? undefined : { name, selector: 'radio' as const, text: '', options: options(labels) };
    return { activity, reason: 'seen', ...(dialog && { dialog }) };
  };
  const options = (labels: readonly string[]) => labels.map((label, i) => ({ label, selected: i === moved }));
  return {
    heard,
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

/** A composer that hears no Enter for a while, as real CLIs do while they begin. */
import { expect, it } from 'vitest';
import type { PaneState, Screen } from '../../../adapters/profiles/screen.ts';
import type { Keystroke } from '../../../adapters/runtimes/runtime.ts';
import type { InstanceId } from '../../../api/resources/names.ts';
import type { Effect } from '../../machine/snapshot.ts';
import { Typist } from './typist.ts';

class Composer {
  composed = '';
  deafEnters = 0;
  noted = 0;
  readonly sent: string[] = [];
  #now = 0;

  readonly typist = new Typist({
    now: () => this.#now,
    after: (ms: number, run: () => void) => {
      this.#now += ms;
      queueMicrotask(run);
      return () => undefined;
    },
  });

  submit(submission: Pick<Extract<Effect, { type: 'submit' }>, 'index' | 'text' | 'sent'>): Promise<void> {
    const id = 'web' as InstanceId;
    const effect = { type: 'submit', id, incarnation: 1, place: { host: 'local', runtime: 'tmux' }, ...submission };
    const runtime = {
      screen: async () => new Map([[id, { text: this.composed } satisfies Screen]]),
      type: async (_t: unknown, _id: unknown, _i: unknown, keys: readonly Keystroke[], submitted?: number) => {
        for (const key of keys) this.#hear(key);
        this.noted = submitted ?? this.noted;
      },
    };
    const read = ({ text }: Screen): PaneState =>
      text === ''
        ? { activity: 'idle', reason: 'empty' }
        : { activity: 'compose_pending', reason: 'text stands', composed: text };
    const hands = { runtime, transport: {} };
    return this.typist.submit({ hands, id, incarnation: 1, read } as never, effect as never);
  }

  #hear(stroke: Keystroke): void {
    if ('paste' in stroke) this.composed += stroke.paste;
    else if (this.deafEnters > 0) this.deafEnters -= 1;
    else if (this.composed !== '') {
      this.sent.push(this.composed);
      this.composed = '';
    }
  }
}

it('sends a text once, and notes it', async () => {
  const cli = new Composer();
  await cli.submit({ index: 0, text: 'hello' });
  expect([cli.sent, cli.noted, cli.composed]).toEqual([['hello'], 1, '']);
});

it('sends a text that still stands there, noted as submitted or not, without pasting it again', async () => {
  const cli = new Composer();
  cli.deafEnters = 4;
  await cli.submit({ index: 0, text: 'hello' });
  expect([cli.sent, cli.noted, cli.composed]).toEqual([[], 1, 'hello']);
  await cli.submit({ index: 1, sent: 'hello' });
  expect([cli.sent, cli.noted]).toEqual([['hello'], 1]);
  await cli.submit({ index: 1, sent: 'hello' });
  expect(cli.sent).toEqual(['hello']);
});

it('sends what stands there of the text before, then the next one', async () => {
  const cli = new Composer();
  cli.deafEnters = 3;
  await cli.submit({ index: 0, text: 'one' });
  await cli.submit({ index: 1, text: 'two', sent: 'one' });
  expect([cli.sent, cli.noted]).toEqual([['one'], 1]);
  await cli.submit({ index: 1, text: 'two', sent: 'one' });
  expect([cli.sent, cli.noted]).toEqual([['one', 'two'], 2]);
});

it('takes a folded text for the next one, which a controller pasted that was killed then', async () => {
  const cli = new Composer();
  cli.composed = '[Pasted text #2 +40 lines]';
  await cli.submit({ index: 1, text: 'two', sent: 'one' });
  expect([cli.sent.length, cli.noted]).toEqual([1, 2]);
});

it('leaves a person’s text alone', async () => {
  const cli = new Composer();
  cli.composed = 'a person writes';
  await cli.submit({ index: 0, text: 'hello' });
  await cli.submit({ index: 1, text: 'two', sent: 'hello' });
  await cli.submit({ index: 1, sent: 'hello' });
  expect([cli.sent, cli.composed, cli.noted]).toEqual([[], 'a person writes', 0]);
});

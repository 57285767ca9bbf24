import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Capture, newRows, parseCapture } from './new-rows.ts';

/** A terminal that prints whole lines: as tmux would show it. */
const HEIGHT = 5;
const shows = (printed: readonly string[], window = 1_000, dropped = 0): Capture => {
  const history = Math.max(0, printed.length - (HEIGHT - 1)) - dropped;
  const kept = Math.min(history, window);
  const screen = [...printed.slice(dropped + history), ''];
  const rows = [
    ...printed.slice(dropped + history - kept, dropped + history),
    ...screen,
    ...Array<string>(HEIGHT - screen.length).fill(''),
  ];
  return parseCapture(rows, history, kept, screen.length - 1);
};

describe('following a terminal', () => {
  it('tells every line of an agent that prints lines once, in order, also equal ones', () => {
    const line = fc.constantFrom('tick', 'tock', 'a', '');
    fc.assert(
      fc.property(fc.array(fc.array(line, { maxLength: 12 }), { minLength: 1, maxLength: 8 }), (steps) => {
        const told: string[] = [];
        const printed: string[] = [];
        let last: Capture | undefined;
        for (const step of steps) {
          printed.push(...step);
          const next = shows(printed);
          told.push(...newRows(last, next));
          last = next;
        }
        // Empty lines at the very end of a screen cannot be told from the empty rest of it; they come with the next line.
        const end = printed.findLastIndex((text) => text !== '') + 1;
        expect(told.filter((text) => text !== '')).toEqual(printed.slice(0, end).filter((text) => text !== ''));
      }),
    );
  });

  it('goes on where it was when the scrollback was full and dropped its oldest rows', () => {
    const lines = Array.from({ length: 40 }, (_, i) => `line ${i}`);
    expect(newRows(shows(lines.slice(0, 30)), shows(lines, 1_000, 20))).toEqual(lines.slice(30));
  });

  it('tells a row that changed in place, and nothing of those that did not', () => {
    const screen = (status: string) => parseCapture(['title', 'text', status, '', ''], 0, 0, 4);
    expect(newRows(screen('10 %'), screen('20 %'))).toEqual(['20 %']);
    expect(newRows(screen('20 %'), screen('20 %'))).toEqual([]);
  });

  it('holds back the row that is still being written', () => {
    expect(parseCapture(['done', 'half a li', ''], 0, 0, 1).rows).toEqual(['done']);
    expect(parseCapture(['done', 'half a li', ''], 0, 0, undefined).rows).toEqual(['done', 'half a li']);
  });

  it('tells the screen when nothing of it was there before, and all of a first look', () => {
    const cleared: Capture = { base: 0, history: 0, rows: ['fresh'] };
    expect(newRows(shows(Array.from({ length: 20 }, (_, i) => `old ${i}`)), cleared)).toEqual(['fresh']);
    expect(newRows(undefined, cleared)).toEqual(['fresh']);
  });
});

/** Owns: fuzzing of what tmux says and of what is said to it. Never: starts a tmux. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ControlParser } from '../../../adapters/runtimes/tmux/control/control-parser.ts';
import { command, literal, word } from '../../../adapters/runtimes/tmux/control/language.ts';
import { LISTING, parsePane } from '../../../adapters/runtimes/tmux/listing.ts';
import type { FleetId } from '../../../api/resources/names.ts';
import { type Fuzzed, text } from './texts.ts';

const line = fc.oneof(
  fc.constantFrom(
    '%begin 1 1 1',
    '%end 1 1 1',
    '%error 1 1 1',
    '%begin 1 2 0',
    '%end 1 2 0',
    '%exit',
    '%output %1 x',
    'n-1',
    'n-2',
    '',
    '%session-changed $1 x',
  ),
  text.map((value) => value.replace(/\n/g, ' ')),
);

const fleet = '0badcafe' as FleetId;
const width = LISTING.split('\t').length;
const cell = fc.oneof(
  text,
  fc.constantFrom('0badcafe.web', '0badcafe.', 'deadbeef.web', '1', '0', '1700000000000', 'web', '%1', ''),
);

export const tmux: readonly Fuzzed[] = [
  {
    what: 'the control parser answers each request once and with its own lines, whatever a screen shows',
    share: 0.4,
    property: fc.asyncProperty(
      fc.array(fc.array(line, { maxLength: 8 }), { maxLength: 6 }),
      fc.array(line, { maxLength: 6 }),
      async (screens, noise) => {
        const parser = new ControlParser(() => undefined);
        const replies = screens.map((_, i) => parser.expect(`nonce-${i}`));
        for (const one of noise) if (!one.startsWith('%begin ')) parser.feed(one);
        screens.forEach((screen, i) => {
          // tmux's numbers are its own: a screen cannot know them.
          for (const [n, lines] of [
            [2 * i, screen],
            [2 * i + 1, [`nonce-${i}`]],
          ] as const) {
            parser.feed(`%begin 170000 ${900 + n} 1`);
            for (const one of lines) parser.feed(one);
            parser.feed(`%end 170000 ${900 + n} 1`);
          }
        });
        assert.equal(parser.pending, 0);
        assert.deepEqual(
          (await Promise.all(replies)).map(({ lines }) => lines),
          screens,
        );
      },
    ),
  },
  {
    what: 'the listing takes no line for ours that is not',
    share: 0.3,
    property: fc.property(
      fc.oneof(
        fc.array(cell, { maxLength: width + 3 }).map((cells) => cells.join('\t')),
        text,
      ),
      (listed) => {
        const pane = parsePane(listed, fleet);
        if (!pane) return;
        const cells = listed.split('\t');
        assert(pane.sighting.id.startsWith('0badcafe.'));
        assert.equal(cells[0], pane.sighting.id);
        // The pane itself is named; earlier versions had a mark of the pane.
        assert(cells[3] === '1' || cells[3] === cells[5], listed);
        assert.match(pane.paneId, /./);
        assert.equal(pane.sighting.session, pane.sighting.id.slice('0badcafe.'.length));
        assert(Number.isSafeInteger(pane.sighting.incarnation));
        if (pane.sighting.pid !== undefined) assert(pane.sighting.pid > 0);
      },
    ),
  },
  {
    what: 'a word stays one word of one command',
    share: 0.3,
    property: fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), (words) => {
      if (words.some((one) => /[\n\r\0]/.test(one))) {
        assert.throws(() => command(...words));
        return;
      }
      // tmux reads quotes as sh does: outside of them nothing may be left that means anything.
      const bare = words
        .map(word)
        .join(' ')
        .replace(/'[^']*'|\\'/g, '');
      assert.match(bare, /^[A-Za-z0-9_@+=:,./% -]*$/);
      for (const one of words) assert(!literal(one).replaceAll('##', '').includes('#'), one);
    }),
  },
];

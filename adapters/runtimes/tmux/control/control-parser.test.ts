import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ControlParser, type Reply } from './control-parser.ts';

let number = 0;
const block = (lines: readonly string[], { failed = false, flags = 1 } = {}): string[] => {
  const guard = `1700000000 ${++number}`;
  return [`%begin ${guard} ${flags}`, ...lines, `%${failed ? 'error' : 'end'} ${guard} ${flags}`];
};
const feed = (parser: ControlParser, lines: readonly string[]) => {
  for (const line of lines) parser.feed(line);
};
const ignore = () => undefined;

describe('ControlParser', () => {
  it('joins the blocks of a request up to its sentinel', async () => {
    const parser = new ControlParser(ignore);
    const reply = parser.expect('n-1');
    feed(parser, [...block(['a', 'b']), ...block([]), ...block(['c']), ...block(['n-1'])]);
    expect(await reply).toEqual({ ok: true, lines: ['a', 'b', 'c'], error: '', errors: [] });
    expect(parser.pending).toBe(0);
  });

  it('tells the first error, and goes on with the next request', async () => {
    const parser = new ControlParser(ignore);
    const [first, second] = [parser.expect('n-1'), parser.expect('n-2')];
    feed(parser, [
      ...block(["can't find session: x"], { failed: true }),
      ...block(['later'], { failed: true }),
      ...block(['n-1']),
      ...block(['fine']),
      ...block(['n-2']),
    ]);
    expect(await first).toEqual({
      ok: false,
      lines: [],
      error: "can't find session: x",
      errors: ["can't find session: x", 'later'],
    });
    expect(await second).toEqual({ ok: true, lines: ['fine'], error: '', errors: [] });
  });

  it('passes over what hooks and configuration files ran, and hands on notifications', async () => {
    const told: string[] = [];
    const parser = new ControlParser((line) => told.push(line));
    const reply = parser.expect('n-1');
    feed(parser, ['%sessions-changed', ...block(['not ours'], { flags: 0 }), '%exit gone', ...block(['n-1'])]);
    expect((await reply).lines).toEqual([]);
    expect(told).toEqual(['%sessions-changed', '%exit gone']);
  });

  it('tells all who wait when nothing more will come', async () => {
    const parser = new ControlParser(ignore);
    const waiting = [parser.expect('n-1'), parser.expect('n-2')];
    parser.fail(new Error('lost'));
    for (const reply of waiting) await expect(reply).rejects.toThrow('lost');
    expect(parser.pending).toBe(0);
  });

  it('gives each request its own answer, whatever screens show', async () => {
    const shown = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom(
        '%begin 1 1 1',
        '%end 1 1 1',
        '%error 1700000000 1 1',
        '%exit',
        'n',
        'n-',
        '',
        '%output %1 x',
        '\r',
        '%end',
      ),
    );
    const request = fc.array(
      fc.record({ lines: fc.array(shown, { maxLength: 6 }), failed: fc.boolean(), foreign: fc.boolean() }),
      { maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 6 }), async (requests) => {
        const parser = new ControlParser(ignore);
        const replies = requests.map((_, i) => parser.expect(`unguessable-${i}`));
        requests.forEach((blocks, i) => {
          for (const { lines, failed, foreign } of blocks)
            feed(parser, block(lines, { failed, flags: foreign ? 0 : 1 }));
          feed(parser, block([`unguessable-${i}`]));
        });
        const expected = requests.map((blocks): Reply => {
          const own = blocks.filter(({ foreign }) => !foreign);
          const errors = own.filter(({ failed }) => failed).map(({ lines }) => lines.join(' '));
          return {
            ok: errors.length === 0,
            error: errors[0] ?? '',
            errors,
            lines: own.filter(({ failed }) => !failed).flatMap(({ lines }) => lines),
          };
        });
        expect(await Promise.all(replies)).toEqual(expected);
      }),
    );
  });

  it('never throws, whatever arrives', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom('%begin 1 1 1', '%end 1 1 1', '%error 1 1 1', '%begin', '%begin a b c'),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const parser = new ControlParser(ignore);
        parser.expect('n').catch(ignore);
        feed(parser, lines);
      }),
    );
  });
});

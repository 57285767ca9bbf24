import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InstanceFacts } from './instance-facts.ts';
import { type Ledger, meter, NOTHING, plus, type Usage } from './meter.ts';

const usage = (n: number): Usage => ({
  tokens: { input: n, output: 2 * n, cacheRead: 3 * n, cacheWrite: 0 },
  costUsd: n / 100,
});
const facts = (session: string, n: number, startedAt = 100, instance = 'web'): InstanceFacts => ({
  agent: 'web',
  instance,
  session,
  startedAt,
  ...usage(n),
  quota: {},
});
const run = (looks: readonly InstanceFacts[][], since = 50): Usage => {
  let ledger: Ledger = {};
  let total = NOTHING;
  for (const look of looks) {
    const metered = meter(ledger, look, since);
    // As it is stored and read again.
    ledger = JSON.parse(JSON.stringify(metered.ledger));
    total = plus(total, metered.used.get('web') ?? NOTHING);
  }
  return total;
};

describe('the meter', () => {
  it('counts an instance that was started since from nothing', () => {
    expect(run([[facts('a', 10)], [facts('a', 30)]])).toEqual(usage(30));
  });

  it('does not count what was used before it began', () => {
    expect(run([[facts('a', 10, 20)], [facts('a', 30, 20)]]).tokens).toEqual(usage(20).tokens);
  });

  it('counts a new conversation from nothing, and an old one only on from where it was', () => {
    const looks = [[facts('a', 10)], [facts('b', 5)], [facts('a', 10)], [facts('a', 12)]];
    expect(run(looks).tokens).toEqual(usage(17).tokens);
  });

  it('counts nothing twice while a transcript is read again from its beginning', () => {
    expect(run([[facts('a', 40)], [facts('a', 3)], [facts('a', 21)], [facts('a', 40)]])).toEqual(usage(40));
  });

  it('counts each conversation once, whatever is told in which order', () => {
    const look = fc.record({
      session: fc.constantFrom('a', 'b', 'c'),
      n: fc.nat(1000),
      instance: fc.constantFrom('w', 'v'),
    });
    fc.assert(
      fc.property(fc.array(look, { maxLength: 40 }), (told) => {
        const most = new Map<string, number>();
        for (const { session, n, instance } of told)
          most.set(`${instance}/${session}`, Math.max(n, most.get(`${instance}/${session}`) ?? 0));
        const expected = [...most.values()].reduce((sum, n) => sum + n, 0);
        const total = run(told.map(({ session, n, instance }) => [facts(session, n, 100, instance)]));
        expect(total.tokens).toEqual(usage(expected).tokens);
      }),
    );
  });
});

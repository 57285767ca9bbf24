import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventObject } from '../../api/resources/event.ts';
import { type NotifierSpec, type NotifierStatus, notifierSpecSchema } from '../../api/resources/kinds/notifier.ts';
import {
  begun,
  choose,
  type Delivery,
  newStatus,
  nextAt,
  type Outcome,
  observe,
  type Subject,
  settled,
} from './notice.ts';

const T0 = Date.parse('2026-03-01T12:00:00Z');
const MINUTE = 60_000;
const spec = (given: object = {}): NotifierSpec =>
  notifierSpecSchema.parse({
    webhook: { url: 'http://127.0.0.1/' },
    conditions: [{ type: 'Blocked' }],
    events: [{ type: 'Warning' }],
    ...given,
  });
const blocked = (name: string, since = T0, message = 'asks', status = 'True'): Subject => ({
  kind: 'Agent',
  name,
  instance: name,
  labels: {},
  conditions: [
    { type: 'Blocked', status, reason: 'Question', message, lastTransitionTime: new Date(since).toISOString() },
  ],
});
const look = (
  status: NotifierStatus,
  what: NotifierSpec,
  now: number,
  subjects: readonly Subject[],
  events: readonly EventObject[] = [],
) => observe(status, { spec: what, subjects, events, eventsSeen: status.eventsSeen, now });
const deliver = (status: NotifierStatus, what: NotifierSpec, now: number, outcome: Outcome = { type: 'delivered' }) => {
  const delivery = choose(status, what, now);
  if (!delivery) return { status, told: [] as readonly string[] };
  const told = delivery.keys.map((key) => `${status.entries[key]?.state} ${key}`);
  return { told, status: settled(begun(status, delivery), status, delivery, outcome, { spec: what, now, random: 0 }) };
};
const KEY = 'Agent/web/web/Blocked=True';

describe('a notifier', () => {
  it('tells a condition once, again after repeatEvery, and when it is over', () => {
    const what = spec({ repeatEvery: '1h' });
    let { status, told } = deliver(look(newStatus(0), what, T0, [blocked('web')]), what, T0);
    expect(told).toEqual([`firing ${KEY}`]);
    status = look(status, what, T0 + MINUTE, [blocked('web')]);
    expect(choose(status, what, T0 + MINUTE)).toBeUndefined();
    expect(nextAt(status, what, T0 + MINUTE)).toBe(T0 + 60 * MINUTE);
    ({ status, told } = deliver(status, what, T0 + 60 * MINUTE));
    expect([told, status.entries[KEY]?.sent]).toEqual([[`firing ${KEY}`], 2]);
    status = look(status, what, T0 + 61 * MINUTE, [blocked('web', T0 + 61 * MINUTE, '', 'False')]);
    ({ status, told } = deliver(status, what, T0 + 61 * MINUTE));
    expect([told, status.entries]).toEqual([[`resolving ${KEY}`], {}]);
  });

  it('tells another question of the same agent, but not a number that counts up', () => {
    const what = spec();
    let { status } = deliver(look(newStatus(0), what, T0, [blocked('web', T0, 'waits 3 s')]), what, T0);
    status = look(status, what, T0 + 9, [blocked('web', T0, 'waits 12 s')]);
    expect(choose(status, what, T0 + 9)).toBeUndefined();
    status = look(status, what, T0 + 9, [blocked('web', T0, 'may I delete it?')]);
    expect(choose(status, what, T0 + 9)).toEqual({ keys: [KEY] });
  });

  it('waits until a condition has lasted, and says nothing of one that was over before', () => {
    const what = spec({ conditions: [{ type: 'Blocked', for: '5m' }] });
    const status = look(newStatus(0), what, T0, [blocked('web')]);
    expect([choose(status, what, T0), nextAt(status, what, T0)]).toEqual([undefined, T0 + 5 * MINUTE]);
    expect(look(status, what, T0 + 1, []).entries).toEqual({});
  });

  it('takes unknown for neither: nothing is repeated, nothing resolved', () => {
    const what = spec({ repeatEvery: '1m' });
    let { status } = deliver(look(newStatus(0), what, T0, [blocked('web')]), what, T0);
    status = look(status, what, T0 + 9 * MINUTE, [blocked('web', T0, '', 'Unknown')]);
    expect([choose(status, what, T0 + 9 * MINUTE), nextAt(status, what, T0)]).toEqual([undefined, undefined]);
    status = look(status, what, T0 + 9 * MINUTE, [blocked('web')]);
    expect(status.entries[KEY]?.sent).toBe(1);
  });

  it('tells the end of what somebody may have heard of, and of nothing else', () => {
    const what = spec();
    const seen = look(newStatus(0), what, T0, [blocked('web')]);
    const unclear = deliver(seen, what, T0, { type: 'unclear', why: 'no answer' }).status;
    const refused = deliver(seen, what, T0, { type: 'refused', why: '503' }).status;
    const killed = begun(seen, { keys: [KEY] });
    const left = (status: NotifierStatus) =>
      Object.values(look(status, what, T0 + 1, []).entries).map(({ state }) => state);
    expect([left(unclear), left(killed), left(refused)]).toEqual([['resolving'], ['resolving'], []]);
    expect(left(deliver(seen, spec({ resolve: false }), T0).status)).toEqual(['resolving']);
    expect(look(killed, spec({ resolve: false }), T0 + 1, []).entries).toEqual({});
  });

  it('waits longer after each failure, as long as the other side asks, and begins anew after a success', () => {
    const what = spec({ retry: { initial: '5s', max: '1m' } });
    let status = look(newStatus(0), what, T0, [blocked('web')]);
    const waits: number[] = [];
    let now = T0;
    for (let i = 0; i < 6; i++) {
      ({ status } = deliver(status, what, now, { type: 'refused', why: '503', ...(i === 5 && { retryMs: 90_000 }) }));
      waits.push((status.retryAt ?? 0) - now);
      expect(choose(status, what, (status.retryAt ?? 0) - 1)).toBeUndefined();
      now = status.retryAt ?? 0;
    }
    expect(waits).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 90_000]);
    ({ status } = deliver(status, what, now));
    expect([status.attempts, status.retryAt, status.failed, status.sent]).toEqual([0, undefined, 6, 1]);
  });

  it('puts together what exceeds the rate limit', () => {
    const what = spec({ rateLimit: { max: 3, per: '1m' } });
    const names = Array.from({ length: 40 }, (_, i) => `a${i}`);
    let status = look(
      newStatus(0),
      what,
      T0,
      names.map((name) => blocked(name)),
    );
    const sizes: number[] = [];
    for (let i = 0; i < 4; i++) {
      const step = deliver(status, what, T0);
      sizes.push(step.told.length);
      status = step.status;
    }
    expect(sizes).toEqual([1, 1, 38, 0]);
    status = look(status, what, T0 + 1, []);
    expect(nextAt(status, what, T0 + 1)).toBe(T0 + MINUTE);
  });

  it('tells an event once in repeatEvery, however often it happens', () => {
    const what = spec({ repeatEvery: '1h' });
    const event = (count: number, reason = 'BackOff'): EventObject => ({
      apiVersion: 'sac/v1',
      kind: 'Event',
      metadata: { name: 'web.1', resourceVersion: count },
      type: 'Warning',
      reason,
      message: '',
      count,
      firstSeen: '',
      lastSeen: '',
      regarding: { kind: 'Agent', name: 'web' },
    });
    let { status, told } = deliver(look(newStatus(0), what, T0, [], [event(1)]), what, T0);
    expect(told).toEqual(['event event/Agent/web//BackOff']);
    status = look(status, what, T0 + MINUTE, [], [event(2)]);
    expect(choose(status, what, T0 + MINUTE)).toBeUndefined();
    status = look(
      status,
      what,
      T0 + 60 * MINUTE,
      [],
      [event(3), { ...event(4), regarding: { kind: 'Notifier', name: 'n' } }],
    );
    expect(choose(status, what, T0 + 60 * MINUTE)?.keys).toHaveLength(1);
  });

  it('whatever happens in whichever order: what is so is told, what is over is told if it was heard of, at the rate that is allowed', () => {
    const step = fc.record({
      blocked: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 }),
      wait: fc.nat(90_000),
      outcome: fc.constantFrom<Outcome | 'killed'>(
        { type: 'delivered' },
        { type: 'delivered' },
        { type: 'refused', why: '' },
        { type: 'unclear', why: '' },
        'killed',
      ),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const what = spec({
          rateLimit: { max: 2, per: '1m' },
          repeatEvery: '10m',
          retry: { initial: '1s', max: '4s' },
        });
        let status = newStatus(0);
        let now = T0;
        const since = new Map<string, number>();
        const heard = new Map<string, string>();
        const sentAt: number[] = [];
        const send = (outcome: Outcome | 'killed') => {
          const delivery: Delivery | undefined = choose(status, what, now);
          if (!delivery) return;
          for (const key of delivery.keys)
            if (outcome === 'killed' || outcome.type !== 'refused') heard.set(key, status.entries[key]?.state ?? '');
          const before = status;
          status = begun(status, delivery);
          if (outcome === 'killed') return;
          if (outcome.type === 'delivered') sentAt.push(now);
          status = settled(status, before, delivery, outcome, { spec: what, now, random: 0 });
        };
        const see = (names: readonly string[]) => {
          for (const name of [...since.keys()]) if (!names.includes(name)) since.delete(name);
          for (const name of names) if (!since.has(name)) since.set(name, now);
          status = look(
            JSON.parse(JSON.stringify(status)),
            what,
            now,
            [...since].map(([name, at]) => blocked(name, at)),
          );
        };
        for (const { blocked: names, wait, outcome } of steps) {
          now += wait;
          see(names);
          send(outcome);
          send(outcome);
        }
        // Quiet now, and the other side well: within a few minutes everything is told.
        const last = [...since.keys()];
        for (let i = 0; i < 12; i++) {
          now += 31_000;
          see(last);
          send({ type: 'delivered' });
          send({ type: 'delivered' });
        }
        for (const name of last) expect(heard.get(`Agent/${name}/${name}/Blocked=True`)).toBe('firing');
        for (const [key, state] of heard)
          if (!last.some((name) => key.startsWith(`Agent/${name}/`))) expect([key, state]).toEqual([key, 'resolving']);
        for (const at of sentAt)
          expect(sentAt.filter((other) => other > at - MINUTE && other <= at).length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 150 },
    );
  });
});

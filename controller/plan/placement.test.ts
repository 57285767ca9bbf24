import { describe, expect, it } from 'vitest';
import { agentSpecSchema, type RuntimeKind } from '../../api/resources/agent/agent.ts';
import type { HostName } from '../../api/resources/names.ts';
import { choosePlace, type HostFacts, instanceSlots } from './placement.ts';

const host = (name: string) => name as HostName;
const TMUX: HostFacts = {
  runtimes: new Map<RuntimeKind, { available: boolean; detail: string }>([
    ['tmux', { available: true, detail: '3.5' }],
  ]),
};
const spec = agentSpecSchema.parse({ command: ['true'], place: { host: ['a', 'b'] } });

function choose(facts: Readonly<Record<string, Partial<HostFacts>>>) {
  const hosts = new Map(Object.entries(facts).map(([name, more]) => [host(name), { ...TMUX, ...more }]));
  const [slot] = instanceSlots('web', spec, hosts);
  if (!slot) throw new Error('no slot');
  return choosePlace(spec, slot, hosts, { host: host('a'), runtime: 'tmux' }, new Map());
}

describe('a host that is drained', () => {
  it('is left when idle by what may live elsewhere', () => {
    expect(choose({ a: { drain: true }, b: {} })).toMatchObject({ place: { host: 'b' }, moveWhenIdle: true });
  });
  it('now: at once', () => {
    const choice = choose({ a: { drain: 'now' }, b: {} });
    expect([choice.place?.host, choice.moveWhenIdle]).toEqual(['b', undefined]);
  });
  it('keeps what can live nowhere else', () => {
    for (const b of [{ drain: true }, { cordoned: true }, { maxAgents: 0 }]) {
      const choice = choose({ a: { drain: true }, b });
      expect([choice.place?.host, choice.moveWhenIdle]).toEqual(['a', undefined]);
    }
  });
  it('is not waited for when it is lost for so long that its lease has run out', () => {
    const lost = agentSpecSchema.parse({ command: ['true'], place: { host: ['a', 'b'], failoverAfter: '1s' } });
    const hosts = new Map([
      [host('a'), { ...TMUX, drain: true, lostForMs: 60_000 }],
      [host('b'), TMUX],
    ]);
    const before = { host: host('a'), runtime: 'tmux' as const, leased: true };
    const choice = choosePlace(lost, { name: 'web', hosts: [host('a'), host('b')] }, hosts, before, new Map());
    expect([choice.place?.host, choice.forsaken?.host, choice.moveWhenIdle]).toEqual(['b', 'a', undefined]);
  });
});

describe('a host that is preferred and takes agents again', () => {
  const back = (facts: Readonly<Record<'a' | 'b', Partial<HostFacts>>>, leased = false) => {
    const wants = agentSpecSchema.parse({
      command: ['true'],
      place: { host: ['a', 'b'], failback: 'ready', failoverAfter: '1s' },
    });
    const hosts = new Map(Object.entries(facts).map(([name, more]) => [host(name), { ...TMUX, ...more }]));
    const before = { host: host('b'), runtime: 'tmux' as const, leased };
    return choosePlace(wants, { name: 'web', hosts: [host('a'), host('b')] }, hosts, before, new Map());
  };
  it('gets it back when it is idle', () =>
    expect(back({ a: {}, b: {} })).toMatchObject({ place: { host: 'a' }, moveWhenIdle: true }));
  it('gets it back at once when it has to leave at once, or has ended where it was', () => {
    expect(back({ a: {}, b: { drain: 'now' } }).moveWhenIdle).toBeUndefined();
    expect(back({ a: {}, b: { lostForMs: 60_000 } }, true)).toMatchObject({
      place: { host: 'a' },
      forsaken: { host: 'b' },
    });
    expect(back({ a: {}, b: { lostForMs: 60_000 } }, true).moveWhenIdle).toBeUndefined();
  });
});

describe('what was launched without a lease, on a host that is lost', () => {
  const planned = agentSpecSchema.parse({ command: ['true'], place: { host: ['a', 'b'], failoverAfter: '1s' } });
  const lost = (leased: boolean, a: Partial<HostFacts> = {}) => {
    const hosts = new Map<HostName, HostFacts>([
      [host('a'), { ...TMUX, lostForMs: 3_600_000, ...a }],
      [host('b'), TMUX],
    ]);
    const before = { host: host('a'), runtime: 'tmux' as const, leased };
    return choosePlace(planned, { name: 'web', hosts: [host('a'), host('b')] }, hosts, before, new Map());
  };
  it('is never taken for over, whatever is declared since and however it is to leave', () => {
    expect(lost(true).forsaken?.host).toBe('a');
    for (const drain of [false, true, 'now'] as const) expect(lost(false, { drain }).forsaken).toBeUndefined();
    expect(lost(false).place?.host).toBe('a');
  });
  it('shows in no place that is planned', () => expect(lost(false).place).toEqual({ host: 'a', runtime: 'tmux' }));
});

describe('a host that is being connected for the first time', () => {
  const CONNECTING = { unreached: 'being connected', connecting: true } as const;
  const wants = (place: object, facts: Readonly<Record<string, Partial<HostFacts>>>, livesOn?: string) => {
    const planned = agentSpecSchema.parse({ command: ['true'], place });
    const hosts = new Map(Object.entries(facts).map(([name, more]) => [host(name), { ...TMUX, ...more }]));
    const [slot] = instanceSlots('web', planned, hosts);
    if (!slot) throw new Error('no slot');
    const before = livesOn === undefined ? undefined : { host: host(livesOn), runtime: 'tmux' as const, leased: true };
    return choosePlace(planned, slot, hosts, before, new Map());
  };
  const LIST = { host: ['a', 'b'], failoverAfter: '1s' };

  it('is waited for by what prefers it', () =>
    expect(wants(LIST, { a: CONNECTING, b: {} })).toEqual({ unplaced: 'host "a" is being connected.' }));
  it('is not waited for by what prefers another', () =>
    expect(wants(LIST, { a: {}, b: CONNECTING }).place?.host).toBe('a'));
  it('is passed over when it is known not to answer', () =>
    expect(wants(LIST, { a: { unreached: 'connection refused' }, b: {} }).place?.host).toBe('b'));
  it('keeps nothing from staying where it lives', () =>
    expect(wants(LIST, { a: CONNECTING, b: {} }, 'b').place?.host).toBe('b'));
  it('is waited for where the host it lived on is lost or is left, and the host is left then', () => {
    const three = { host: ['a', 'b', 'c'], failoverAfter: '1s' };
    expect(wants(three, { a: CONNECTING, b: {}, c: { lostForMs: 3_600_000 } }, 'c')).toMatchObject({
      place: { host: 'c' },
    });
    expect(wants(three, { a: CONNECTING, b: {}, c: { drain: 'now' } }, 'c').place?.host).toBe('c');
    expect(wants(three, { a: {}, b: {}, c: { drain: 'now' } }, 'c').place?.host).toBe('a');
  });
  it('is not waited for by what has no order of hosts', () =>
    expect(
      wants({ hostSelector: 'pool=x' }, { a: { ...CONNECTING, labels: { pool: 'x' } }, b: { labels: { pool: 'x' } } })
        .place?.host,
    ).toBe('b'));
});

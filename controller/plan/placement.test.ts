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
    const before = { host: host('a'), runtime: 'tmux' as const };
    const choice = choosePlace(lost, { name: 'web', hosts: [host('a'), host('b')] }, hosts, before, new Map());
    expect([choice.place?.host, choice.forsaken?.host, choice.moveWhenIdle]).toEqual(['b', 'a', undefined]);
  });
});

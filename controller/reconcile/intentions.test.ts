import { describe, expect, it } from 'vitest';
import { type AgentSpecInput, agentSpecSchema } from '../../api/resources/agent/agent.ts';
import { type FleetId, instanceId, LOCAL_HOST } from '../../api/resources/names.ts';
import { Disk, MemoryStore } from '../../sim/world/memory-store.ts';
import type { PlanFacts } from '../plan/plan-instances.ts';
import { Intentions } from './intentions.ts';

const FLEET = 'f1ee7000' as FleetId;
const facts: PlanFacts = {
  fleet: FLEET,
  workspaces: '/w',
  userHome: '/h',
  hosts: new Map([[LOCAL_HOST, { runtimes: new Map([['tmux', { available: true, detail: '' }]]) }]]),
  launch: (profile, spec) => ({ argv: spec.command ?? [profile], env: {}, readsActivity: false }),
  placedAt: () => undefined,
};

function rig() {
  const disk = new Disk();
  const intentions = new Intentions(new MemoryStore(disk), () => facts);
  const put = (name: string, spec: AgentSpecInput) => {
    const found = disk.agents.get(name);
    const record = {
      name,
      labels: {},
      annotations: {},
      createdAt: 0,
      source: { kind: 'apply', name: 'cli' } as const,
      lastApplied: { spec: {} },
      generation: (found?.record.generation ?? 0) + 1,
      spec: agentSpecSchema.parse({ command: ['run', name], ...spec }),
    };
    disk.write([{ type: 'put-agent', expected: found?.resourceVersion ?? 0, record }]);
    return intentions.update(name);
  };
  const wants = (instance: string) => intentions.desired(instanceId(FLEET, instance));
  return { disk, intentions, put, wants };
}

describe('intentions', () => {
  it('follow an agent as it changes, and name every instance that has to be looked at', () => {
    const { put, wants, intentions } = rig();
    expect(put('web', { replicas: 3 })).toHaveLength(3);
    expect(intentions.update('web')).toEqual([]);
    expect(put('web', { replicas: 1 })).toHaveLength(3);
    expect(wants('web')?.generation).toBe(2);
    expect(wants('web-2')).toBeUndefined();
  });

  it.each([
    ['replica first', ['web', 'web-1']],
    ['agent first', ['web-1', 'web']],
  ] as const)('give an instance to the agent of that name, not to a replica of another: %s', (_, order) => {
    const { put, wants } = rig();
    for (const name of order) put(name, name === 'web' ? { replicas: 2 } : {});
    expect(wants('web-1')?.agent).toBe('web-1');
    put('web', { replicas: 1 });
    expect(wants('web-1')).toMatchObject({ agent: 'web-1', want: 'run' });
  });

  it('can be rebuilt from the store at any time', () => {
    const { disk, put, wants } = rig();
    put('web', { replicas: 2 });
    put('web-1', {});
    const anew = new Intentions(new MemoryStore(disk), () => facts);
    anew.replanAll();
    for (const name of ['web', 'web-1']) expect(anew.desired(instanceId(FLEET, name))).toEqual(wants(name));
  });
});

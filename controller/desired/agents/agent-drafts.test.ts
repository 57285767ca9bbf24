import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AgentSpec, agentSpecSchema } from '../../../api/resources/agent/agent.ts';
import type { AgentRecord } from '../../store/store.ts';
import { Drafts, draftOf } from './agent-drafts.ts';

const spec = fc.record(
  {
    command: fc.constantFrom(['a'], ['b']),
    replicas: fc.integer({ min: 0, max: 3 }),
    restart: fc.constantFrom({ policy: 'never' as const }, { maxRetries: 2 }),
    env: fc.constantFrom({ A: '1' }, { A: '2', B: '1' }, {}),
    place: fc.constantFrom({ runtime: 'tmux' as const }, { runtime: 'process' as const }),
  },
  { requiredKeys: ['command'] },
);
const record = (live: AgentSpec): AgentRecord => ({
  ...{ name: 'web', labels: {}, annotations: {}, generation: 1, createdAt: 0 },
  source: { kind: 'apply', name: 'cli' },
  lastApplied: { spec: {} },
  spec: live,
});
const declared = (input: object) => ({ spec: { ...input } });

describe('merging a declaration into what is live', () => {
  it('gives the same whether what was checked before is checked again or not', () => {
    fc.assert(
      fc.property(fc.array(spec, { minLength: 1, maxLength: 8 }), (inputs) => {
        const remembering = new Drafts();
        let live: AgentRecord | undefined;
        let before: ReturnType<typeof declared> | undefined;
        for (const input of inputs) {
          const now = declared(input);
          const checked = agentSpecSchema.parse(input);
          const once = remembering.merge(live, before, now, checked);
          expect(once).toEqual(new Drafts().merge(live, before, now, checked));
          const at = record(once.spec);
          // Said again, nothing changes: not even the object.
          expect(remembering.merge(at, now, now, checked).spec).toBe(once.spec);
          live = at;
          before = now;
        }
      }),
    );
  });

  it('fills in what an older version stored without', () => {
    const whole = agentSpecSchema.parse({ command: ['a'] });
    const { restart: _, ...old } = whole;
    const live = record(old as AgentSpec);
    const now = declared({ command: ['a'] });
    expect(new Drafts().merge(live, now, now, whole)).toEqual(draftOf(record(whole)));
  });
});

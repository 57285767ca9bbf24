import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import type { Agent, InstanceStatus } from '../api/resources/agent/agent.ts';
import { measureAgents } from './agent-metrics.ts';

const instance = (name: string, reading: Readonly<Record<string, unknown>>): InstanceStatus => ({
  name,
  host: 'local',
  runtime: 'tmux',
  phase: 'Running',
  activity: 'permission_prompt',
  ready: true,
  restarts: 0,
  startedAt: '2026-01-01T00:00:10.000Z',
  conditions: [],
  reading: { since: '', reason: '', ...reading } as unknown as NonNullable<InstanceStatus['reading']>,
});
const agent = (name: string, instances: readonly InstanceStatus[]): Agent =>
  ({
    metadata: { name },
    status: {
      phase: 'Running',
      activity: 'permission_prompt',
      ready: true,
      restarts: 2,
      conditions: [
        { type: 'Blocked', status: 'True', reason: 'PermissionPrompt', message: '', lastTransitionTime: '' },
      ],
      instances,
    },
  }) as unknown as Agent;
const startedAt = Date.parse('2026-01-01T00:00:00.000Z');
const tokens = (n: number) => ({ input: n, output: 2 * n, cacheRead: 3 * n, cacheWrite: 4 * n });

describe('metrics of agents', () => {
  it('tell what is known, of the worst instance, and nothing that is not', async () => {
    const registry = new Registry();
    const agents = [
      agent('web', [
        instance('web', { sessionId: 'a', tokens: tokens(10), costUsd: 1.5, contextUsedRatio: 0.4 }),
        instance('web-1', {
          lastToolAt: '2026-01-01T00:00:00.000Z',
          contextUsedRatio: 0.9,
          quota: { five_hour: { usedRatio: 0.5 } },
        }),
      ]),
      agent('plain', [instance('plain', { tokens: 'not tokens', costUsd: -1 })]),
    ];
    measureAgents(registry, () => agents, startedAt);
    const text = await registry.metrics();
    for (const line of [
      'sac_agent_activity{agent="web",activity="permission_prompt"} 1',
      'sac_agent_activity{agent="web",activity="idle"} 0',
      'sac_agent_blocked{agent="web"} 1',
      'sac_agent_context_used_ratio{agent="web"} 0.9',
      'sac_agent_tokens_total{agent="web",kind="cache_write"} 40',
      'sac_agent_cost_usd_total{agent="web"} 1.5',
      `sac_agent_last_tool_timestamp_seconds{agent="web"} ${startedAt / 1000}`,
      'sac_agent_quota_used_ratio{agent="web",window="five_hour"} 0.5',
      'sac_agent_restarts_total{agent="web"} 2',
    ])
      expect(text.split('\n')).toContain(line);
    expect(text).not.toMatch(/(context|tokens|cost|last_tool|quota)\w*\{agent="plain"/);
    expect(await registry.metrics()).toBe(text);
  });

  it('are at most 60 series an agent, whatever its account calls its quotas', async () => {
    const registry = new Registry();
    const quota = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`window_${i}`, { usedRatio: 0.1 }]));
    const lots = Array.from({ length: 20 }, (_, i) =>
      instance(`web-${i}`, {
        sessionId: `s${i}`,
        tokens: tokens(i),
        costUsd: i,
        contextUsedRatio: 0.5,
        lastToolAt: '2026-01-01T00:00:00.000Z',
        quota: { ...quota, 'a"b\n{}': { usedRatio: 1 } },
      }),
    );
    const agents = [agent('web', lots)];
    measureAgents(registry, () => agents, startedAt);
    const series = (await registry.metrics()).split('\n').filter((line) => line.includes('agent="web"'));
    expect(series.length).toBeGreaterThan(40);
    expect(series.length).toBeLessThanOrEqual(60);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ACTIVITIES, type Activity } from '../../api/resources/agent/agent.ts';
import { type AgentFacts, type FactSource, toldFacts } from '../../api/resources/agent/facts.ts';
import { AT_REST_MS, LATER_MS, mergeFacts } from './facts.ts';

const told = (source: FactSource, at: number, activity: Activity, activityReason = `${source} says`): AgentFacts => ({
  activity: { value: activity, source, at },
  activityReason: { value: activityReason, source, at },
});
const model = (source: FactSource, at: number, value: string): AgentFacts => ({ model: { value, source, at } });

test('hooks beat the transcript, the transcript beats the screen', () => {
  const all = {
    hooks: model('hooks', 1000, 'a'),
    transcript: model('transcript', 2000, 'b'),
    screen: model('screen', 3000, 'c'),
  };
  expect(mergeFacts(all).model).toEqual({ value: 'a', source: 'hooks', at: 1000 });
  expect(mergeFacts({ ...all, hooks: {} }).model?.source).toBe('transcript');
  expect(mergeFacts({ screen: all.screen }).model?.source).toBe('screen');
  expect(mergeFacts({})).toEqual({});
});

test('a source that has fallen silent gives way to one that tells of later things', () => {
  const hooks: AgentFacts = { lastTool: { value: { name: 'old', at: 0 }, source: 'hooks', at: 0 } };
  const at = LATER_MS + 1;
  const transcript: AgentFacts = { lastTool: { value: { name: 'new', at }, source: 'transcript', at } };
  expect(mergeFacts({ hooks, transcript }).lastTool?.value.name).toBe('new');
});

describe('activity', () => {
  const cases: readonly (readonly [string, Activity, Activity, number, FactSource])[] = [
    ['a dialog that no hook tells of', 'working', 'dialog', 10, 'screen'],
    ['a permission that stands', 'working', 'permission_prompt', 10, 'screen'],
    ['an interrupt', 'working', 'idle', AT_REST_MS, 'screen'],
    ['the moment between two tools', 'working', 'idle', AT_REST_MS - 1, 'hooks'],
    ['a prompt whose hook never came', 'idle', 'working', AT_REST_MS, 'screen'],
    ['a permission that was given', 'permission_prompt', 'working', AT_REST_MS, 'screen'],
    ['a screen from before', 'idle', 'working', -1, 'hooks'],
    ['a screen that was not understood', 'idle', 'unknown', 60_000, 'hooks'],
    ['both the same', 'idle', 'idle', 60_000, 'hooks'],
  ];
  test.each(cases)('%s', (_, hook, screen, later, source) => {
    const facts = mergeFacts({ hooks: told('hooks', 50_000, hook), screen: told('screen', 50_000 + later, screen) });
    expect(facts.activity).toMatchObject({ source, value: source === 'hooks' ? hook : screen });
    expect(facts.activityReason?.value).toBe(`${source} says`);
  });
  test('the transcript names the failure that a screen shows', () => {
    const transcript: AgentFacts = { activityReason: { value: 'billing_error', source: 'transcript', at: 1 } };
    expect(mergeFacts({ transcript, screen: told('screen', 2, 'error') }).activityReason?.value).toBe('billing_error');
    expect(mergeFacts({ transcript, screen: told('screen', 2, 'idle') }).activityReason?.value).toBe('screen says');
    expect(mergeFacts({ transcript }).activity).toBeUndefined();
  });
  test('the answer because of which a request is tried again names what the screen shows, and nothing else', () => {
    const refused = { activity: 'rate_limited', reason: '429: too fast' } as const;
    const hooks: AgentFacts = {
      ...told('hooks', 1, 'working'),
      requestError: { value: refused, source: 'hooks', at: 5 },
    };
    expect(mergeFacts({ hooks, screen: told('screen', 9, 'error') })).toMatchObject({
      activity: { value: 'rate_limited', source: 'hooks', at: 9 },
      activityReason: { value: '429: too fast' },
    });
    for (const shown of ['working', 'idle', 'dialog'] as const)
      expect(mergeFacts({ hooks, screen: told('screen', 9, shown) }).activity?.value).not.toBe('rate_limited');
  });
  test('whose fault an error is: the most that any source knows of it, and nothing once it is over', () => {
    const fault = (source: FactSource, value: 'overloaded' | 'server_error'): AgentFacts => ({
      fault: { value, source, at: 1 },
    });
    const screen = { ...told('screen', 9, 'error'), ...fault('screen', 'overloaded') };
    const hooks = { ...told('hooks', 5, 'error'), ...fault('hooks', 'server_error') };
    const transcript = fault('transcript', 'server_error');
    expect(mergeFacts({ screen, hooks, transcript }).fault?.value).toBe('overloaded');
    expect(mergeFacts({ screen: told('screen', 9, 'error'), hooks }).fault?.value).toBe('server_error');
    expect(mergeFacts({ screen: told('screen', 9, 'error'), transcript }).fault?.value).toBe('server_error');
    for (const over of ['working', 'idle', 'rate_limited'] as const)
      expect(mergeFacts({ screen: told('screen', 9, over), hooks: told('hooks', 8, over), transcript }).fault).toBe(
        undefined,
      );
    const requestError = {
      value: { activity: 'error', reason: '529: Overloaded', fault: 'overloaded' },
      source: 'hooks',
      at: 5,
    } as const;
    const tries = (value: NonNullable<AgentFacts['requestError']>['value']) =>
      mergeFacts({
        screen: told('screen', 9, 'error'),
        hooks: { requestError: { ...requestError, value } },
        transcript,
      });
    expect(tries(requestError.value).fault?.value).toBe('overloaded');
    // The record has what failed before.
    expect(tries({ activity: 'error', reason: 'Connection error.' }).fault).toBeUndefined();
  });
  test('an unknown screen is never idle, and no screen with a stop on it is overruled by an older hook', () => {
    const activity = fc.constantFrom(...ACTIVITIES);
    fc.assert(
      fc.property(activity, activity, fc.integer({ min: -20_000, max: 20_000 }), (hook, screen, later) => {
        const both = mergeFacts({ hooks: told('hooks', 50_000, hook), screen: told('screen', 50_000 + later, screen) });
        expect([hook, screen]).toContain(both.activity?.value);
        if (screen === 'permission_prompt' && later > 0) expect(both.activity?.value).toBe('permission_prompt');
        expect(mergeFacts({ screen: told('screen', 0, screen) }).activity?.value).toBe(screen);
      }),
    );
  });
});

test.each(['permission_prompt', 'question'] as const)('one %s has one reason, whichever hooks tell of it', (asks) => {
  const reason = (hooks: AgentFacts) =>
    mergeFacts({ hooks, screen: told('screen', 3_000, asks) }).activityReason?.value;
  expect(reason(told('hooks', 1_000, asks, 'asks for Write'))).toBe('screen says');
  expect(reason(told('hooks', 4_000, asks, 'needs your permission'))).toBe('screen says');
  expect(reason(told('hooks', 4_000, 'working', 'a tool runs'))).toBe('a tool runs');
});

describe('context', () => {
  const transcript = (tokens: number, name: string, at = 5): AgentFacts => ({
    ...model('transcript', at, name),
    contextTokens: { value: tokens, source: 'transcript', at },
  });
  const shown: AgentFacts = { contextUsedRatio: { value: 0.5, source: 'screen', at: 9 } };
  const ratio = (sources: Parameters<typeof mergeFacts>[0]): number | undefined =>
    mergeFacts(sources).contextUsedRatio?.value;
  test('the hook names the long window that the transcript does not', () => {
    const sources = {
      hooks: model('hooks', 1, 'claude-opus-4-8[1m]'),
      transcript: transcript(100_000, 'claude-opus-4-8'),
    };
    expect(ratio({ ...sources, screen: shown })).toBeCloseTo(0.1);
    expect(mergeFacts(sources).model).toEqual({ value: 'claude-opus-4-8[1m]', source: 'hooks', at: 5 });
  });
  test('another model since then has its own window', () => {
    const later = LATER_MS + 10;
    const sources = {
      hooks: model('hooks', 1, 'claude-opus-4-8[1m]'),
      transcript: transcript(100_000, 'claude-haiku-4-5', later),
    };
    expect(ratio(sources)).toBeCloseTo(0.5);
  });
  test('the screen knows better than a guess; a guess holds what is in it', () => {
    expect(ratio({ transcript: transcript(50_000, 'm'), screen: shown })).toBe(0.5);
    expect(ratio({ transcript: transcript(50_000, 'm') })).toBe(0.25);
    expect(ratio({ transcript: transcript(500_000, 'm') })).toBe(0.5);
    expect(ratio({ transcript: transcript(5_000_000, 'm') })).toBe(1);
    expect(ratio({ screen: shown })).toBe(0.5);
  });
  test('a record that tells its window is believed', () => {
    const known: AgentFacts = {
      ...transcript(100, 'gpt'),
      contextWindow: { value: 1000, source: 'transcript', at: 5 },
    };
    expect(ratio({ transcript: known })).toBeCloseTo(0.1);
  });
});

test('ages are counted from when a thing was so', () =>
  expect(toldFacts(model('screen', 1000, 'm'), 4400)).toEqual({
    model: { value: 'm', source: 'screen', ageSeconds: 3 },
  }));

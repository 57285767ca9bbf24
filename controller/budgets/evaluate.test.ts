import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BudgetSpec, type BudgetStatus, budgetSpecSchema } from '../../api/resources/kinds/budget.ts';
import { type BudgetAgent, evaluate } from './evaluate.ts';

const NOON = Date.parse('2026-03-01T12:00:00Z');
const TOMORROW = Date.parse('2026-03-02T00:00:01Z');
const spec = (given: object): BudgetSpec => budgetSpecSchema.parse(given);
const agent = (name: string, given: Partial<BudgetAgent> & { readonly output?: number } = {}): BudgetAgent => ({
  name,
  selected: true,
  since: NOON - 1000,
  wanted: true,
  held: false,
  heldByOthers: false,
  live: true,
  resting: true,
  facts: [
    {
      agent: name,
      instance: name,
      session: 's',
      startedAt: NOON + 1,
      tokens: { input: 0, output: given.output ?? 0, cacheRead: 999, cacheWrite: 0 },
      costUsd: (given.output ?? 0) / 100,
      quota: {},
    },
  ],
  ...given,
});
const begun = (what: BudgetSpec): BudgetStatus =>
  evaluate({ spec: what, agents: [], before: undefined, now: NOON }).status;
const look = (
  what: BudgetSpec,
  agents: readonly BudgetAgent[],
  before = begun(what),
  now = NOON + 10,
  resumedAt?: number,
) => evaluate({ spec: what, agents, before, now, ...(resumedAt !== undefined && { resumedAt }) });
const is = (status: BudgetStatus, type: string) => status.conditions.find((one) => one.type === type)?.status;

describe('a budget', () => {
  it('counts the kinds it names, of the agents it selects', () => {
    const { status } = look(spec({ tokens: 100 }), [
      agent('a', { output: 30 }),
      agent('b', { output: 50, selected: false }),
    ]);
    expect(status.used).toEqual({ tokens: 30, costUsd: 0.3, agents: 1 });
    expect([is(status, 'Ready'), is(status, 'NearLimit'), is(status, 'Exceeded')]).toEqual(['True', 'False', 'False']);
  });

  it('says when it is nearly used, once', () => {
    const what = spec({ tokens: 100 });
    const first = look(what, [agent('a', { output: 85 })]);
    expect(first.events.map(({ reason }) => reason)).toEqual(['BudgetNearLimit']);
    expect(look(what, [agent('a', { output: 86 })], first.status).events).toEqual([]);
  });

  it('stop holds at once, pause only who rests, warn nobody', () => {
    const agents = [agent('busy', { output: 100, resting: false }), agent('idle'), agent('other', { selected: false })];
    expect(look(spec({ tokens: 100, action: 'stop' }), agents).hold).toEqual(['busy', 'idle']);
    expect(look(spec({ tokens: 100, action: 'pause' }), agents).hold).toEqual(['idle']);
    expect(look(spec({ costUsd: 1, action: 'warn' }), agents).hold).toEqual([]);
    expect(look(spec({ tokens: 100, action: 'stop', suspend: true }), agents).hold).toEqual([]);
  });

  it('lets go with the next window, and counts from nothing', () => {
    const what = spec({ tokens: 100, action: 'stop' });
    const { status } = look(what, [agent('a', { output: 100 })]);
    const next = look(what, [agent('a', { output: 100, held: true })], status, TOMORROW);
    expect([next.release, next.status.used.tokens, is(next.status, 'Exceeded')]).toEqual([['a'], 0, 'False']);
    expect(next.events.map(({ reason }) => reason)).toEqual(['BudgetRestored']);
  });

  it('lets go when somebody says so, until the next window', () => {
    const what = spec({ tokens: 100, action: 'stop' });
    const agents = [agent('a', { output: 100, held: true }), agent('b', { held: true, resumedAt: NOON + 5 })];
    expect(look(what, agents).release).toEqual(['b']);
    expect(look(what, agents, undefined, undefined, NOON + 5).release).toEqual(['a', 'b']);
    expect(look(what, agents, undefined, undefined, NOON - 86_400_000).release).toEqual(['b']);
  });

  it('lets go of those it no longer selects', () => {
    const what = spec({ tokens: 100, action: 'stop' });
    const spent = { ...begun(what), used: { tokens: 500, costUsd: 0, agents: 0 } };
    expect(look(what, [agent('a', { held: true, selected: false })], spent).release).toEqual(['a']);
  });

  it('keeps the oldest when too many want to run', () => {
    const what = spec({ agents: 2, action: 'stop' });
    const agents = [3, 1, 2].map((age) => agent(`a${age}`, { since: age }));
    const first = look(what, agents);
    expect([first.hold, is(first.status, 'Exceeded')]).toEqual([['a3'], 'True']);
    const fewer = look(what, [agent('a3', { since: 3, held: true }), agent('a1', { since: 1 })], first.status);
    expect([fewer.release, is(fewer.status, 'Exceeded')]).toEqual([['a3'], 'False']);
  });
});

const anySpec = fc
  .record({
    tokens: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
    agents: fc.integer({ min: 0, max: 6 }),
    action: fc.constantFrom('warn', 'pause', 'stop'),
    suspend: fc.boolean(),
  })
  .map(spec);
const anyAgents = fc
  .array(
    fc.record({
      output: fc.nat(100),
      selected: fc.boolean(),
      wanted: fc.boolean(),
      held: fc.boolean(),
      heldByOthers: fc.boolean(),
      resting: fc.boolean(),
      live: fc.boolean(),
      since: fc.nat(5),
      resumedAt: fc.constantFrom(NOON + 3, NOON - 86_400_000),
    }),
    { maxLength: 10 },
  )
  .map((drawn) => drawn.map((one, i) => agent(`a${i}`, one)));
const acted = (agents: readonly BudgetAgent[], { hold, release }: ReturnType<typeof look>) =>
  agents.map((one) => ({ ...one, held: (one.held && !release.includes(one.name)) || hold.includes(one.name) }));

describe('whatever the fleet is like, a budget', () => {
  it('comes to rest: once what it wants is done, it wants nothing more', () => {
    fc.assert(
      fc.property(anySpec, anyAgents, (what, agents) => {
        const first = look(what, agents);
        const after = acted(agents, first);
        const second = look(what, after, first.status);
        expect([second.hold, second.release]).toEqual([[], []]);
        expect(second.status.held).toEqual(
          after
            .filter(({ held }) => held)
            .map(({ name }) => name)
            .sort(),
        );
        expect(second.status.used.tokens).toBe(first.status.used.tokens);
      }),
    );
  });

  it('holds nobody it must not hold', () => {
    fc.assert(
      fc.property(anySpec, anyAgents, (what, agents) => {
        const verdict = look(what, agents);
        for (const one of acted(agents, verdict)) {
          if (!one.held) continue;
          expect(what.action !== 'warn' && !what.suspend && one.selected && one.wanted).toBe(true);
          expect(one.resumedAt).not.toBe(NOON + 3);
        }
        for (const name of verdict.hold)
          if (what.action === 'pause') expect(agents.find((one) => one.name === name)?.resting).toBe(true);
      }),
    );
  });

  it('with stop, leaves at most so many running as it allows, but for those somebody resumed', () => {
    fc.assert(
      fc.property(anySpec, anyAgents, (what, agents) => {
        fc.pre(what.action === 'stop' && !what.suspend);
        const running = acted(agents, look(what, agents)).filter(
          (one) => one.selected && one.wanted && !one.held && !one.heldByOthers,
        );
        const resumed = running.filter(({ resumedAt }) => resumedAt === NOON + 3);
        expect(running.length).toBeLessThanOrEqual(Math.max(what.agents ?? 0, resumed.length));
      }),
    );
  });

  it('never counts less within a window', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(1000), { minLength: 2, maxLength: 20 }), (told) => {
        const what = spec({ tokens: 500, action: 'stop' });
        let status = begun(what);
        let last = 0;
        for (const [i, output] of told.entries()) {
          status = look(what, [agent('a', { output })], JSON.parse(JSON.stringify(status)), NOON + 10 + i).status;
          expect(status.used.tokens).toBeGreaterThanOrEqual(last);
          last = status.used.tokens;
        }
        expect(last).toBe(Math.max(...told));
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AgentSpec, type AgentSpecInput, agentSpecSchema } from '../../../api/resources/agent/agent.ts';
import { unavailableLimit } from '../../../api/resources/agent/update.ts';
import { allotment, putBack, type Revisable, type Rollout, revise } from './revisions.ts';
import { type RolloutInput, type SeenInstance, stepRollout } from './rollout.ts';

const source = { kind: 'apply', name: 'cli' } as const;
const slots = ({ replicas }: AgentSpec) => Array.from({ length: replicas }, (_, n) => `i${n}`);
const spec = (version: string, more: AgentSpecInput = {}): AgentSpec =>
  agentSpecSchema.parse({ command: [version], replicas: 4, ...more });
const declare = (before: Revisable | undefined, next: AgentSpec, at: number): Revisable => ({
  generation: (before?.generation ?? 0) + 1,
  createdAt: 0,
  source,
  spec: next,
  ...revise(before, next, { at, by: 'me', source, slots }),
});
const settled = (agent: Revisable): Revisable => {
  const { rollout: _, ...rest } = agent;
  return rest;
};

/** One instance of a made-up world: which version lives there, since when, and whether it is well. */
interface Body {
  readonly version: string;
  readonly well: boolean;
  readonly incarnation?: number;
  readonly readySince?: number;
  readonly ended?: { readonly incarnation: number; readonly stoodMs: number };
}
/** How long an incarnation stands ready before others rely on it. */
const PROOF = 40;
const versionFor = (agent: Revisable, name: string) => allotment(agent, name).spec.command?.[0] ?? '';
const seenOf = (agent: Revisable, world: ReadonlyMap<string, Body>): SeenInstance[] =>
  slots(agent.spec).map((name) => {
    const body = world.get(name);
    const { well = false, readySince, ended } = body ?? {};
    return {
      name,
      well,
      ...(body && { hash: body.version, incarnation: body.incarnation ?? 1 }),
      ...(well && readySince !== undefined && { readySince }),
      ...(ended && { ended }),
      idle: true,
      unknown: false,
      living: well,
      heldHash: versionFor(agent, name),
      wantedHash: agent.spec.command?.[0] ?? '',
      checkedAlike: true,
    };
  });
const inputOf = (agent: Revisable, rollout: Rollout, world: ReadonlyMap<string, Body>, now: number): RolloutInput => ({
  rollout,
  seen: seenOf(agent, world),
  generation: agent.generation,
  maxUnavailable: agent.spec.update.maxUnavailable,
  waitFor: 'Ready',
  healthyMs: PROOF,
  deadlineMs: 1000,
  graceMs: 50,
  paused: false,
  resting: false,
  now,
});

describe('limits', () => {
  it.each([
    [1, 10, 1],
    ['25%', 10, 2],
    ['25%', 3, 1],
    ['0%', 3, 1],
    ['100%', 3, 3],
    [50, 3, 3],
  ])('%s of %i is %i', (limit, total, expected) => expect(unavailableLimit(limit, total)).toBe(expected));
});

type Happening =
  | { readonly do: 'advance' }
  | { readonly do: 'reconcile'; readonly nth: number }
  | { readonly do: 'dies'; readonly nth: number }
  | { readonly do: 'declare'; readonly version: string; readonly bad: boolean };
const happening = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Happening>({ do: 'advance' }) },
  { weight: 8, arbitrary: fc.nat(7).map((nth): Happening => ({ do: 'reconcile', nth })) },
  { weight: 1, arbitrary: fc.nat(7).map((nth): Happening => ({ do: 'dies', nth })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(5), fc.boolean())
      .map(([n, bad]): Happening => ({ do: 'declare', version: `v${n}${bad ? 'bad' : ''}`, bad })),
  },
);

/** A version that stands ready for so long and dies again, each time. */
const lifeOf = (version: string): number => Number(/lives(\d+)/.exec(version)?.[1] ?? Number.POSITIVE_INFINITY);

/** What any controller does with the steps: takes down what differs from its allotment, starts what is to be there. */
function play(total: number, limit: number, happenings: readonly Happening[], step = stepRollout) {
  let agent = settled(declare(undefined, spec('v0', { replicas: total, update: { maxUnavailable: limit } }), 0));
  const world = new Map<string, Body>(slots(agent.spec).map((name) => [name, { version: 'v0', well: true }]));
  /** Taken down by us, and not well since. */
  const down = new Set<string>();
  /** Instances that were started as a version. */
  const tried = new Map<string, Set<string>>();
  let most = 0;
  let now = 1;
  const dies = (name: string) => {
    const body = world.get(name);
    if (!body?.well) return;
    const { version, incarnation = 1, readySince = 0 } = body;
    const stoodMs = Math.min(now - readySince, lifeOf(version));
    world.set(name, { version, well: false, incarnation, ended: { incarnation, stoodMs } });
  };
  const live = () => {
    for (const [name, { version, well, readySince = 0 }] of world)
      if (well && now >= readySince + lifeOf(version)) dies(name);
  };
  const reconcile = (name: string) => {
    const version = versionFor(agent, name);
    const body = world.get(name);
    const { incarnation = 1, ended } = body ?? {};
    if (body && body.version !== version) {
      if (body.well) down.add(name);
      world.set(name, { version, well: false, incarnation, ...(ended && { ended }) });
    } else if (!body?.well) {
      tried.set(version, (tried.get(version) ?? new Set()).add(name));
      const well = !version.endsWith('bad');
      const next = { version, well, incarnation: Math.max(now, incarnation + 1), ...(ended && { ended }) };
      world.set(name, { ...next, ...(well && { readySince: now }) });
      if (well) down.delete(name);
    }
    most = Math.max(most, down.size);
  };
  const advance = () => {
    if (!agent.rollout) return;
    const next = step(inputOf(agent, agent.rollout, world, now)).rollout;
    const { rollout: _, ...rest } = agent;
    agent = next ? { ...rest, rollout: next } : rest;
  };
  const pass = (ms: number) => {
    now += ms;
    live();
  };
  for (const happens of happenings) {
    pass(10);
    const name = 'nth' in happens ? `i${happens.nth % total}` : '';
    switch (happens.do) {
      case 'advance':
        advance();
        break;
      case 'reconcile':
        reconcile(name);
        break;
      case 'dies':
        dies(name);
        break;
      case 'declare':
        agent = declare(agent, { ...agent.spec, command: [happens.version] }, now);
    }
  }
  const current = () => agent;
  return { world, most: () => most, tried, pass, reconcile, advance, current };
}

describe('a rolling change', () => {
  it('never has more down through our own doing than maxUnavailable', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }),
        fc.integer({ min: 1, max: 7 }),
        fc.array(happening, { maxLength: 120 }),
        (total, limit, happenings) => {
          expect(play(total, limit, happenings).most()).toBeLessThanOrEqual(unavailableLimit(limit, total));
        },
      ),
      { numRuns: 400 },
    );
  });

  it('is seen to do so only because of the count: without it the property fails', () => {
    const careless = (input: RolloutInput) => stepRollout({ ...input, maxUnavailable: '100%' });
    const found = fc.check(
      fc.property(fc.array(happening, { minLength: 40, maxLength: 120 }), (happenings) => {
        return play(6, 1, happenings, careless).most() <= 1;
      }),
      { numRuns: 200 },
    );
    expect(found.failed).toBe(true);
  });

  it('reaches all when what is declared last is good, whatever came before', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 8 }),
        fc.integer({ min: 1, max: 7 }),
        fc.array(happening, { maxLength: 80 }),
        (total, limit, happenings) => {
          const { world, pass, reconcile, advance, current } = play(total, limit, [
            ...happenings,
            { do: 'declare', version: 'last', bad: false },
          ]);
          for (let round = 0; round < 400 && current().rollout; round++) {
            pass(15);
            advance();
            for (let n = 0; n < total; n++) reconcile(`i${n}`);
          }
          for (let n = 0; n < total; n++) reconcile(`i${n}`);
          expect(current().rollout).toBeUndefined();
          expect([...world.values()].map(({ version }) => version)).toEqual(Array(total).fill('last'));
        },
      ),
    );
  });

  /** A fleet where each step is taken at once: all that stands between a revision and the last instance is the rule. */
  function rush(total: number, limit: number, version: string, step = stepRollout) {
    const fleet = play(total, limit, [{ do: 'declare', version, bad: false }], step);
    for (let round = 0; round < 300; round++) {
      fleet.pass(5);
      for (let n = 0; n < total; n++) fleet.reconcile(`i${n}`);
      fleet.advance();
    }
    return { tried: fleet.tried.get(version)?.size ?? 0, rollout: fleet.current().rollout };
  }
  const bound = (limit: number, lifeMs: number) => limit * (1 + Math.floor(lifeMs / PROOF));

  it('reaches no more than maxUnavailable with what dies before it has proven itself, and halts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 12 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: PROOF - 1 }),
        (total, limit, lifeMs) => {
          const { tried, rollout } = rush(total, limit, `lives${lifeMs}`);
          expect(tried).toBeLessThanOrEqual(unavailableLimit(limit, total));
          expect(rollout?.halted?.message).toMatch(/did not stay ready within 1 s of being given revision 2/);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('of what dies later reaches those that were begun until the first had died, and halts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 8, max: 30 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: PROOF, max: 5 * PROOF }),
        (total, limit, lifeMs) => {
          const { tried, rollout } = rush(total, limit, `lives${lifeMs}`);
          expect(tried).toBeLessThanOrEqual(bound(unavailableLimit(limit, total), lifeMs));
          if (tried < total) expect(rollout?.halted).toBeDefined();
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is seen to do so only because of the proof: with none, or when ends are forgotten, all are reached', () => {
    expect(rush(8, 2, 'lives30', (input) => stepRollout({ ...input, healthyMs: 0 })).tried).toBe(8);
    const forgetful = (input: RolloutInput) =>
      stepRollout({ ...input, seen: input.seen.map(({ ended: _, ...one }) => one) });
    expect(rush(20, 1, 'lives90', forgetful).tried).toBeGreaterThan(3 * bound(1, 90));
    expect(rush(20, 1, 'lives90').tried).toBeLessThanOrEqual(bound(1, 90));
  });

  it('counts what ended under it until that has stood twice as long, and goes on then', () => {
    const before = settled(declare(undefined, spec('a', { replicas: 3 }), 0));
    const agent = declare(before, spec('b', { replicas: 3 }), 10);
    const world = new Map(slots(agent.spec).map((name): [string, Body] => [name, { version: 'a', well: true }]));
    const at = (now: number, rollout: Rollout | undefined) => {
      if (!rollout) throw new Error('over');
      return stepRollout(inputOf(agent, rollout, world, now));
    };
    let { rollout } = at(10, agent.rollout);
    world.set('i0', { version: 'b', well: true, incarnation: 20, readySince: 30 });
    expect(at(69, rollout)).toMatchObject({ wakeAt: 70 });
    ({ rollout } = at(70, rollout));
    expect(Object.keys(rollout?.moved ?? {})).toEqual(['i0', 'i1']);
    world.set('i1', { version: 'b', well: true, incarnation: 75, readySince: 80 });
    // Up for 100 in all; comes back at once.
    world.set('i0', {
      version: 'b',
      well: true,
      incarnation: 131,
      readySince: 131,
      ended: { incarnation: 20, stoodMs: 100 },
    });
    ({ rollout } = at(131, rollout));
    expect(rollout?.moved).toMatchObject({ i0: { stoodMs: 100, downSince: 131 }, i1: { proven: 75 } });
    const waits = at(330, rollout);
    expect(waits.wakeAt).toBe(331);
    expect(waits.rollout?.moved).not.toHaveProperty('i2');
    ({ rollout } = at(331, waits.rollout));
    expect(rollout?.moved).toHaveProperty('i2');
    // However long it had stood, it is not waited for longer than for a change.
    const ended = { incarnation: 131, stoodMs: 8_000 };
    world.set('i0', { version: 'b', well: true, incarnation: 9_000, readySince: 9_000, ended });
    const again = at(9_000, rollout);
    expect(again.wakeAt).toBe(10_000);
    expect(at(10_000, again.rollout).rollout?.moved).toMatchObject({ i0: { proven: 9_000 } });
  });

  it('waits for a check to pass where there is one, also where nothing is started anew for it', () => {
    const agent = declare(settled(declare(undefined, spec('a'), 0)), spec('a', { health: { command: ['ok'] } }), 10);
    const world = new Map(slots(agent.spec).map((name): [string, Body] => [name, { version: 'a', well: true }]));
    const at = (now: number, rollout: Rollout | undefined, passed: Readonly<Record<string, number>>) => {
      if (!rollout) throw new Error('over');
      const input = inputOf(agent, rollout, world, now);
      const seen = input.seen.map((one) => ({ ...one, checkedAlike: false, passed: passed[one.name] ?? 0 }));
      return stepRollout({ ...input, seen }).rollout;
    };
    const given = at(10, agent.rollout, {});
    expect(Object.keys(given?.moved ?? {})).toEqual(['i0']);
    // By what was declared before, it passed.
    const still = at(500, given, { i0: 1 });
    expect(Object.keys(still?.moved ?? {})).toEqual(['i0']);
    expect(at(600, still, { i0: 2 })?.moved).toMatchObject({ i0: { proven: 1 }, i1: {} });
    expect(at(1_010, still, { i0: 1 })?.halted?.message).toMatch(/^i0 passed no check within/);
  });

  it('does not take for a failure of the new revision what ended as the old one', () => {
    const agent = declare(settled(declare(undefined, spec('a'), 0)), spec('b'), 10);
    const old = { version: 'a', well: true, incarnation: 5 };
    const world = new Map(slots(agent.spec).map((name): [string, Body] => [name, old]));
    const at = (now: number, rollout: Rollout | undefined) => {
      if (!rollout) throw new Error('over');
      return stepRollout(inputOf(agent, rollout, world, now)).rollout;
    };
    const given = at(10, agent.rollout);
    world.set('i0', {
      version: 'b',
      well: true,
      incarnation: 20,
      readySince: 20,
      ended: { incarnation: 5, stoodMs: 500 },
    });
    expect(at(60, given)?.moved).toMatchObject({ i0: { proven: 20 }, i1: {} });
  });

  it('halts at the deadline, and says which instance was not ready', () => {
    const before = settled(declare(undefined, spec('a'), 0));
    const agent = declare(before, spec('bad'), 10);
    const world = new Map(slots(agent.spec).map((name): [string, Body] => [name, { version: 'a', well: true }]));
    const start = agent.rollout;
    if (!start) throw new Error('no rollout');
    const given = stepRollout(inputOf(agent, start, world, 10)).rollout;
    expect(Object.keys(given?.moved ?? {})).toEqual(['i0']);
    if (!given) throw new Error('over at once');
    // Lives on with the old launch until it is idle: no clock runs.
    expect(stepRollout(inputOf(agent, given, world, 9_000))).toEqual({ rollout: given });
    world.set('i0', { version: 'bad', well: false });
    const down = stepRollout(inputOf(agent, given, world, 10_000));
    expect(down.wakeAt).toBe(11_000);
    if (!down.rollout) throw new Error('over');
    const late = stepRollout(inputOf(agent, down.rollout, world, 11_000)).rollout;
    expect(late?.halted?.message).toMatch(/^i0 was not ready within 1 s/);
    if (!late) throw new Error('over');
    expect(stepRollout(inputOf(agent, late, world, 99_000))).toEqual({ rollout: late });
  });
});

it('with waitFor: idle a first revision has arrived once it is ready: a change made while all are at work can be undone', () => {
  const update = { waitFor: 'idle', onFailure: 'undo' } as const;
  const first = declare(undefined, spec('a', { update }), 0);
  const world = new Map(slots(first.spec).map((name): [string, Body] => [name, { version: 'a', well: true }]));
  const atWork = (agent: Revisable, rollout: Rollout, now: number) => {
    const input = inputOf(agent, rollout, world, now);
    return stepRollout({ ...input, waitFor: 'idle', seen: input.seen.map((one) => ({ ...one, idle: false })) }).rollout;
  };
  if (!first.rollout) throw new Error('no rollout');
  expect(atWork(first, first.rollout, 10)).toBeUndefined();
  const second = declare(settled(first), spec('b', { update }), 20);
  expect(second.rollout?.base).toBe(1);
  // Later revisions are waited for: one that is well and at work has not arrived.
  const given = second.rollout && atWork(second, second.rollout, 30);
  expect(Object.keys(given?.moved ?? {})).toEqual(['i0']);
  world.set('i0', { version: 'b', well: true, incarnation: 31, readySince: 0 });
  expect(given && atWork(second, given, 40)?.moved).not.toHaveProperty('i1');
  // At its prompt, but it was only just told what to do.
  if (!given) throw new Error('not given');
  const told = (now: number) => {
    const input = inputOf(second, given, world, now);
    return stepRollout({
      ...input,
      waitFor: 'idle',
      seen: input.seen.map((one) => ({ ...one, idle: true, idleFrom: 50 })),
    });
  };
  expect(told(40)).toMatchObject({ rollout: { moved: { i0: { revision: 2 } } }, wakeAt: 50 });
  expect(told(40).rollout?.moved).not.toHaveProperty('i1');
  expect(told(50).rollout?.moved).toHaveProperty('i1');
});

it('time in which instances could not be looked at counts for no deadline', () => {
  const agent = declare(settled(declare(undefined, spec('a'), 0)), spec('b'), 10);
  const world = new Map(slots(agent.spec).map((name): [string, Body] => [name, { version: 'a', well: true }]));
  const at = (rollout: Rollout | undefined, now: number, unknown: boolean): Rollout => {
    if (!rollout) throw new Error('over');
    const input = inputOf(agent, rollout, world, now);
    const next = stepRollout({ ...input, seen: input.seen.map((one) => ({ ...one, unknown })) }).rollout;
    if (!next) throw new Error('over');
    return next;
  };
  const given = at(agent.rollout, 10, false);
  world.set('i0', { version: 'b', well: false });
  const blind = at(at(given, 20, false), 30, true);
  expect(at(blind, 99_000, true).halted).toBeUndefined();
  const sighted = at(blind, 100_000, false);
  expect(sighted.halted).toBeUndefined();
  expect(at(sighted, 100_999, false).halted).toBeUndefined();
  expect(at(sighted, 101_000, false).halted).toBeDefined();
});

describe('after the database was lost', () => {
  const old = { version: 'a', well: true };
  const agent = declare(undefined, spec('b'), 100);
  const at = (now: number, world: ReadonlyMap<string, Body>, rollout = agent.rollout) => {
    if (!rollout) throw new Error('no rollout');
    const input = inputOf(agent, rollout, world, now);
    // Up, and perhaps not ready yet.
    return stepRollout({ ...input, seen: input.seen.map((one) => ({ ...one, living: true })) });
  };
  it('nothing is taken down until what was asked to leave before would have left', () => {
    const world = new Map([0, 1, 2, 3].map((n): [string, Body] => [`i${n}`, old]));
    expect(at(149, world)).toEqual({ rollout: agent.rollout, wakeAt: 150 });
    expect(Object.keys(at(150, world).rollout?.moved ?? {})).toEqual(['i0']);
  });
  it('what has the newest and is not well counts as given by whoever forgot it', () => {
    const world = new Map<string, Body>([
      ['i0', { version: 'b', well: false }],
      ['i1', { version: 'a', well: false }],
      ['i2', old],
      ['i3', old],
    ]);
    expect(at(500, world).rollout?.moved).toEqual({});
    world.set('i0', { version: 'b', well: true });
    expect(Object.keys(at(500, world).rollout?.moved ?? {})).toEqual(['i1']);
  });
});

describe('revisions', () => {
  const many = spec('a');
  it('are kept ten, and those that an instance still has', () => {
    let agent = settled(declare(undefined, many, 0));
    for (let n = 1; n <= 30; n++) agent = settled(declare(agent, spec(`v${n}`), n));
    expect(agent.revisions?.map(({ number }) => number)).toEqual([22, 23, 24, 25, 26, 27, 28, 29, 30, 31]);
    let stuck = agent;
    for (let n = 1; n <= 20; n++) stuck = declare(stuck, spec(`w${n}`), n);
    expect(stuck.revisions).toHaveLength(11);
    expect(stuck.revisions?.[0]?.number).toBe(31);
  });
  it('are not made by what is about the fleet alone', () => {
    const agent = settled(declare(undefined, many, 0));
    for (const more of [{ replicas: 9 }, { suspend: true }, { update: { maxUnavailable: 2 } }])
      expect(declare(agent, spec('a', more), 1).revisions).toHaveLength(1);
  });
  it('a single instance has the newest at once', () => {
    const one = declare(undefined, spec('a', { replicas: 1 }), 0);
    const changed = declare(one, spec('b', { replicas: 1 }), 1);
    expect(changed.rollout).toBeUndefined();
    expect(allotment(changed, 'i0')).toMatchObject({ generation: 2, spec: { command: ['b'] } });
  });
  it('an instance whose turn has not come keeps its own spec and generation, the fleet is as declared now', () => {
    const changed = declare(settled(declare(undefined, many, 0)), spec('b', { replicas: 7 }), 1);
    expect(allotment(changed, 'i3')).toMatchObject({ generation: 1, spec: { command: ['a'], replicas: 7 } });
  });
  it('what is put back is a new revision, and what it undid is remembered', () => {
    const changed = declare(settled(declare(undefined, many, 0)), spec('b'), 1);
    const [first] = changed.revisions ?? [];
    if (!first) throw new Error('no history');
    const back = putBack(changed, first, { at: 2, by: 'sac', source, slots });
    expect(back.spec.command).toEqual(['a']);
    expect(back.revisions?.at(-1)).toMatchObject({ number: 3, undoes: 2 });
    expect(back.rejected).toMatch(/^[0-9a-f]{16}$/);
  });
  it('after the database was lost what lives is held until its turn', () => {
    const fresh = declare(undefined, many, 0);
    expect(fresh.rollout?.base).toBe(0);
    expect(allotment(fresh, 'i0').hold).toBe(true);
  });
});

describe('what stands beside a manifest', () => {
  const file = (digest: string) => [{ name: 'src_CLAUDE.md', mode: 0o644, sha256: digest, text: digest }];
  const with_ = (before: Revisable | undefined, digest: string, at: number): Revisable => ({
    generation: at + 1,
    createdAt: 0,
    source,
    spec: spec('a'),
    files: file(digest),
    ...revise(before, spec('a'), { at, by: 'me', source, slots, files: file(digest) }),
  });
  it('is part of a revision: a changed file goes from instance to instance and can be put back', () => {
    const changed = with_(settled(with_(undefined, 'one', 0)), 'two', 1);
    expect(changed.revisions).toHaveLength(2);
    expect(allotment(changed, 'i0').files).toEqual(file('one'));
    const [first] = changed.revisions ?? [];
    if (!first) throw new Error('no history');
    const back = putBack(changed, first, { at: 2, by: 'sac', source, slots });
    expect(back.files).toEqual(file('one'));
    expect(allotment(back, 'i0').files).toEqual(file('one'));
  });
});

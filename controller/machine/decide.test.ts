import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LOCAL_HOST } from '../../api/resources/names.ts';
import type { DesiredInstance, Place } from '../plan/desired-instance.ts';
import { backoffMs, JITTER } from './backoff.ts';
import { decide } from './decide.ts';
import { GAP_TYPES, knownOver } from './gap.ts';
import {
  type DecideInput,
  type Decision,
  type MachineSnapshot,
  type Memory,
  NEW_SNAPSHOT,
  type PlacedSighting,
} from './snapshot.ts';
import { decideIn, desiredExample, PHASES } from './status/phase-table.ts';

const TMUX: Place = { host: LOCAL_HOST, runtime: 'tmux' };
const PROCESS: Place = { host: LOCAL_HOST, runtime: 'process' };

/** One instance and its place, looked at pass by pass. */
class Story {
  now = 1_000_000;
  snapshot: MachineSnapshot = NEW_SNAPSHOT;
  things: PlacedSighting[] = [];
  desired: DesiredInstance | undefined;
  unknown = false;
  since: number | undefined;

  constructor(change: Partial<DesiredInstance> = {}) {
    this.desired = { ...desiredExample, restart: { ...desiredExample.restart, initialMs: 1000 }, ...change };
  }

  look(): Decision {
    const observed: DecideInput['observed'] = this.unknown
      ? { kind: 'unknown', reason: 'unreachable' }
      : { kind: 'seen', sightings: this.things };
    const decision = decide({
      id: desiredExample.id,
      desired: this.desired,
      observed,
      snapshot: this.snapshot,
      now: this.now,
      ...(this.since !== undefined && { since: this.since }),
    });
    this.snapshot = decision.snapshot;
    return decision;
  }

  /** Looks, and carries out what is asked. */
  pass(): readonly string[] {
    const { effects } = this.look();
    for (const effect of effects) {
      if (effect.type === 'start')
        this.things = [
          ...this.others(effect.place),
          {
            place: effect.place,
            incarnation: effect.incarnation,
            launchHash: effect.desired.launchHash,
            state: 'running',
            session: 'web',
            startedAt: this.now,
          },
        ];
      if (effect.type === 'remove') this.things = this.others(effect.place);
    }
    return effects.map(({ type }) => type);
  }

  /** Passes until the phase stays. */
  settle(): string {
    for (let n = 0; n < 10; n++) {
      this.now += 10;
      if (this.pass().length === 0 && this.snapshot.memory.doubtedAt === undefined) break;
    }
    return this.snapshot.phase;
  }

  ends(exit: NonNullable<PlacedSighting['exit']>): void {
    this.things = this.things.map((thing) => ({ ...thing, state: 'exited', exit: { ...exit, at: this.now } }));
  }

  private others(place: Place): PlacedSighting[] {
    return this.things.filter((thing) => thing.place.runtime !== place.runtime);
  }
}

const running = (change: Partial<DesiredInstance> = {}): Story => {
  const story = new Story(change);
  expect(story.settle()).toBe('Running');
  return story;
};

describe('an agent that was declared', () => {
  it('is started once, and then left alone', () => {
    const story = new Story();
    expect(story.pass()).toEqual(['start']);
    expect(story.pass()).toEqual([]);
    expect(story.snapshot.phase).toBe('Running');
    const before = story.snapshot;
    for (let n = 0; n < 10; n++) expect(story.pass()).toEqual([]);
    expect(story.snapshot).toBe(before);
  });

  it('is asked for again, as the same incarnation, for as long as it is not seen: a crash after the save loses nothing', () => {
    const story = new Story();
    const [first] = story.look().effects;
    story.now += 50;
    const [second] = story.look().effects;
    expect(second).toEqual(first);
  });

  it('that is found running is adopted', () => {
    const story = running();
    story.snapshot = NEW_SNAPSHOT;
    expect(story.settle()).toBe('Running');
    expect(story.things).toHaveLength(1);
  });

  it('waits without a place, and says so', () => {
    const { place: _, ...rest } = desiredExample;
    const story = new Story();
    story.desired = { ...rest, unplaced: 'tmux is missing.' };
    expect(story.look()).toMatchObject({ effects: [], snapshot: { phase: 'Pending' } });
    expect(story.snapshot.conditions.find(({ type }) => type === 'Placed')).toMatchObject({
      status: 'False',
      message: 'tmux is missing.',
    });
  });

  it('is ready only after it has been up for minReadySeconds', () => {
    const story = new Story({ minReadyMs: 1000 });
    story.pass();
    const { wakeAt } = story.look();
    expect(story.snapshot.memory.readySince).toBeUndefined();
    expect(wakeAt).toBe(story.now + 1000);
    story.now += 1000;
    expect(story.look().events.map(({ reason }) => reason)).toContain('Ready');
  });
});

describe('an unknown world', () => {
  it.each(PHASES)('starts nothing, stops nothing and changes nothing in phase %s', (phase) => {
    const story = new Story();
    story.snapshot = { ...NEW_SNAPSHOT, phase };
    story.unknown = true;
    const before = story.snapshot;
    for (const want of ['run', 'rest', 'gone'] as const) {
      story.desired = { ...desiredExample, want };
      expect(story.look().effects).toEqual([]);
      expect(story.snapshot).toBe(before);
    }
  });
});

describe('one look that contradicts what is known', () => {
  it('does not start a second one', () => {
    const story = running();
    const { things } = story;
    story.things = [];
    expect(story.look()).toMatchObject({ effects: [], lookAgain: true });
    story.things = things;
    story.now += 10;
    expect(story.look().effects).toEqual([]);
    expect(story.snapshot).toMatchObject({ phase: 'Running', memory: { attempts: 0, restarts: 0 } });
    expect(story.snapshot.memory.doubtedAt).toBeUndefined();
  });

  it('does not forget one that is to be deleted', () => {
    const story = running();
    story.things = [];
    story.desired = { ...desiredExample, want: 'gone' };
    expect(story.look().effects).toEqual([]);
  });

  it('is believed when the next one says the same', () => {
    const story = running();
    story.things = [];
    story.look();
    story.now += 10;
    expect(story.look().snapshot.memory.lastExit?.reason).toBe('Vanished');
    expect(story.snapshot.phase).toBe('Backoff');
  });

  it('showing what is known to be dead is not acted on; shown again, it is a late start and is dealt with', () => {
    const story = running();
    story.ends({ code: 0 });
    story.look();
    expect(story.snapshot.phase).toBe('Succeeded');
    story.things = story.things.map(({ exit: _, ...thing }) => ({ ...thing, state: 'running' }));
    story.now += 10;
    expect(story.look()).toMatchObject({ effects: [], lookAgain: true });
    story.now += 10;
    expect(story.look().snapshot.phase).toBe('Running');
  });
});

describe('an agent that ended by itself', () => {
  const ended = (policy: DesiredInstance['restart']['policy'], exit: NonNullable<PlacedSighting['exit']>): Story => {
    const story = running({ restart: { ...desiredExample.restart, policy } });
    story.ends(exit);
    story.look();
    return story;
  };

  it.each([
    ['never', { code: 0 }, 'Succeeded'],
    ['never', { code: 1 }, 'Failed'],
    ['on-failure', { code: 0 }, 'Succeeded'],
    ['on-failure', { code: 1 }, 'Backoff'],
    ['on-failure', { signal: 'SIGKILL' }, 'Backoff'],
    ['on-failure', {}, 'Backoff'],
    ['on-failure', { code: 0, cause: 'Preempted' }, 'Backoff'],
    ['never', { code: 0, cause: 'TimedOut' }, 'Failed'],
    ['always', { code: 0 }, 'Backoff'],
    ['always', { code: 1 }, 'Backoff'],
  ] as const)('with policy %s and exit %o is %s', (policy, exit, phase) => {
    expect(ended(policy, exit).snapshot.phase).toBe(phase);
  });

  it('because its CLI is of another version is told so until a start got further', () => {
    const launch = { ...desiredExample.launch, cliVersion: '2.1.x' };
    const story = running({ launch });
    const told = () => story.snapshot.conditions.find(({ type }) => type === 'VersionMismatch');
    expect(told()).toMatchObject({ status: 'False' });
    story.ends({ code: 79 });
    story.look();
    expect(story.snapshot.phase).toBe('Backoff');
    expect(told()).toMatchObject({ status: 'True', message: expect.stringContaining('2.1.x') });
    // Without a version asked for, the code is the agent's own.
    expect(ended('on-failure', { code: 79 }).snapshot.conditions.map(({ type }) => type)).not.toContain(
      'VersionMismatch',
    );
  });

  it('waits out its backoff across a controller restart', () => {
    const story = ended('always', { code: 1 });
    const { notBefore = 0 } = story.snapshot.memory;
    story.snapshot = JSON.parse(JSON.stringify(story.snapshot));
    story.now = notBefore - 1;
    expect(story.look()).toMatchObject({ effects: [], wakeAt: notBefore });
    story.now = notBefore;
    expect(story.look().effects.map(({ type }) => type)).toEqual(['start']);
  });

  it('is tried maxRetries times, then Failed with reason CrashLoop; a changed spec starts anew', () => {
    const story = running({ restart: { ...desiredExample.restart, policy: 'always', maxRetries: 2 } });
    let starts = 1;
    for (let n = 0; n < 10; n++) {
      story.ends({ code: 1 });
      story.look();
      story.now += 100_000;
      if (story.pass().includes('start')) starts++;
      story.pass();
    }
    expect(starts).toBe(3);
    expect(story.snapshot).toMatchObject({ phase: 'Failed', memory: { finalReason: 'CrashLoop', attempts: 2 } });
    if (story.desired) story.desired = { ...story.desired, generation: 2 };
    expect(story.pass()).toEqual(['start']);
    expect(story.snapshot.memory.attempts).toBe(0);
  });

  it('is forgiven its retries by how long it stayed ready, not by when we looked', () => {
    const policy = { ...desiredExample.restart, policy: 'always', maxMs: 60_000 } as const;
    const story = running({ restart: policy });
    story.ends({ code: 1 });
    story.look();
    story.now += 5_000;
    story.settle();
    story.now += 1_000;
    story.ends({ code: 1 });
    // The hint was lost: we look an hour later.
    story.now += 3_600_000;
    story.look();
    expect(story.snapshot.memory.attempts).toBe(2);
  });

  it('is forgiven its retries after it stayed ready for backoff.max', () => {
    const story = running({ restart: { ...desiredExample.restart, policy: 'always', maxMs: 60_000 } });
    story.ends({ code: 1 });
    story.look();
    story.now += 5_000;
    story.settle();
    story.now += 61_000;
    story.ends({ code: 1 });
    story.look();
    expect(story.snapshot.memory.attempts).toBe(1);
  });

  it('and is asked to restart before we saw the end, is started at once', () => {
    const story = running({ restart: { ...desiredExample.restart, policy: 'never' } });
    story.now += 100;
    if (story.desired) story.desired = { ...story.desired, restartAt: story.now };
    story.ends({ code: 1 });
    story.now += 10;
    expect(story.pass()).toEqual(['start']);
  });

  it('stays as it is when a stray of an older start has to be stopped', () => {
    const story = running();
    story.ends({ code: 0 });
    story.look();
    expect(story.snapshot.phase).toBe('Succeeded');
    story.things = [
      ...story.things,
      { place: PROCESS, incarnation: story.now - 900_000, launchHash: 'old', state: 'running', session: 'web' },
    ];
    story.look();
    story.now += 10;
    expect(story.look().effects.map(({ type }) => type)).toEqual(['term']);
    story.things = story.things.slice(0, 1);
    expect(story.settle()).toBe('Succeeded');
  });
});

describe('an edit', () => {
  it("that changes the launch replaces the agent: asked to leave, then the new one, at nobody's cost", () => {
    const story = running();
    story.desired = {
      ...desiredExample,
      generation: 2,
      launchHash: 'new',
      update: { strategy: 'Immediate', maxWaitMs: 0 },
    };
    story.now += 10;
    expect(story.pass()).toEqual(['term']);
    story.ends({ code: 0 });
    story.now += 10;
    expect(story.pass()).toEqual(['start']);
    expect(story.snapshot.memory).toMatchObject({ attempts: 0, restarts: 0 });
    expect(story.things[0]?.launchHash).toBe('new');
  });

  it('met by an agent that ended by itself is a restart of it, at no cost', () => {
    const story = running();
    story.desired = { ...desiredExample, generation: 2, launchHash: 'new' };
    story.ends({ code: 1 });
    story.now += 10;
    expect(story.pass()).toEqual(['start']);
    expect(story.snapshot.memory).toMatchObject({ attempts: 0, restarts: 1 });
  });

  it('waits for idle, at most maxWait', () => {
    const story = running();
    story.desired = {
      ...desiredExample,
      generation: 2,
      launchHash: 'new',
      update: { strategy: 'OnIdle', maxWaitMs: 5_000 },
    };
    story.things = story.things.map((thing) => ({ ...thing, activity: 'working' }));
    const { effects, wakeAt } = story.look();
    expect(effects).toEqual([]);
    expect(wakeAt).toBe(story.now + 5_000);
    story.now += 5_000;
    expect(story.look().effects.map(({ type }) => type)).toEqual(['term']);
  });

  it('with strategy OnDelete waits for ever, and A -> B -> A is as if nothing had been', () => {
    const story = running();
    const before = story.things;
    story.desired = {
      ...desiredExample,
      generation: 2,
      launchHash: 'new',
      update: { strategy: 'OnDelete', maxWaitMs: 0 },
    };
    story.now += 1e9;
    expect(story.look()).toMatchObject({ effects: [] });
    expect(story.snapshot.conditions.find(({ type }) => type === 'UpToDate')?.status).toBe('False');
    story.desired = { ...desiredExample, generation: 3 };
    story.settle();
    expect(story.things).toBe(before);
    expect(story.snapshot.conditions.find(({ type }) => type === 'UpToDate')?.status).toBe('True');
  });

  it('that moves it stops the old one before the new one starts', () => {
    const story = running();
    story.desired = { ...desiredExample, generation: 2, place: PROCESS, launchHash: 'moved' };
    story.now += 10;
    expect(story.pass()).toEqual(['term']);
    story.now += 10;
    expect(story.pass()).toEqual([]);
    story.ends({ code: 0 });
    story.settle();
    expect(story.things.map(({ place, state }) => [place.runtime, state])).toEqual([['process', 'running']]);
    expect(story.snapshot.memory.restarts).toBe(0);
  });
});

describe('an agent that has to go', () => {
  it('is given its time anew, once, when the controller that was to ask it has ended', () => {
    const story = running({ graceMs: 1_500 });
    story.desired = { ...desiredExample, graceMs: 1_500, want: 'gone' };
    story.now += 10;
    expect(story.pass()).toEqual(['term']);
    // Just after its time, where a controller that is only slow would kill.
    story.now += 1_501;
    story.since = story.now - 100;
    expect(story.pass()).toEqual(['term']);
    story.since = story.now + 1_000;
    story.now += 1_501;
    expect(story.pass()).toEqual(['kill']);
  });

  it('is asked, asked again, then killed after its grace period, cleared away and released', () => {
    const story = running({ graceMs: 5_000 });
    story.desired = { ...desiredExample, graceMs: 5_000, want: 'gone' };
    story.now += 10;
    const began = story.now;
    const asked: string[] = [];
    for (let n = 0; n < 8; n++) {
      const { effects, wakeAt } = story.look();
      asked.push(...effects.map(({ type }) => `${type}@${story.now - began}`));
      story.now = wakeAt ?? story.now + 1;
    }
    expect(asked.slice(0, 4)).toEqual(['term@0', 'term@3000', 'kill@5000', 'kill@6000']);
    story.ends({ signal: 'SIGKILL' });
    expect(story.pass()).toEqual(['remove']);
    story.now += 10;
    expect(story.look()).toMatchObject({ effects: [], lookAgain: true });
    story.now += 10;
    expect(story.pass()).toEqual(['release']);
  });

  it('and does not, however often it is killed, is told once, with what its place says', () => {
    const story = running({ graceMs: 5_000 });
    story.desired = { ...desiredExample, graceMs: 5_000, want: 'gone' };
    story.things = story.things.map((thing) => ({ ...thing, detail: 'It is said to be ending.' }));
    const told = () => story.snapshot.conditions.find(({ type }) => type === 'Started');
    const events: string[] = [];
    const began = story.now;
    while (story.now < began + 60_000) {
      const look = story.look();
      events.push(...look.events.map(({ type, reason }) => `${type} ${reason}`));
      if (story.now < began + 34_000) expect(told()?.reason).toBe('Stopping');
      story.now = look.wakeAt ?? story.now + 1;
    }
    expect(story.snapshot.phase).toBe('Stopping');
    expect(told()).toMatchObject({
      reason: 'NotEnding',
      message: 'Killed for 30 s, and it has not ended (delete). It is said to be ending. It goes on being tried.',
    });
    expect(events).toEqual(['Normal Stopping', 'Warning NotEnding']);
    story.ends({ signal: 'SIGKILL' });
    expect(story.pass()).toEqual(['remove']);
  });

  it('is asked and given its time once more when nobody was there to ask in time, and only once', () => {
    const story = running({ graceMs: 5_000 });
    story.desired = { ...desiredExample, graceMs: 5_000, want: 'gone' };
    story.now += 10;
    expect(story.pass()).toEqual(['term']);
    story.now += 60_000;
    expect(story.pass()).toEqual(['term']);
    story.now += 60_000;
    expect(story.pass()).toEqual(['kill']);
  });

  it('and is only suspended, is remembered', () => {
    const story = running();
    story.desired = { ...desiredExample, want: 'rest' };
    story.now += 10;
    story.pass();
    story.ends({ code: 0 });
    expect(story.settle()).toBe('Stopped');
    story.desired = desiredExample;
    expect(story.settle()).toBe('Running');
  });

  it('is not given up while a start of it may still arrive', () => {
    const story = new Story();
    story.look();
    story.desired = { ...desiredExample, want: 'gone' };
    story.now += 10;
    const { effects, wakeAt = 0 } = story.look();
    expect(effects).toEqual([]);
    expect(wakeAt).toBeGreaterThan(story.now + 1_000);
    story.now = wakeAt;
    expect(story.look().effects.map(({ type }) => type)).toEqual(['release']);
  });
});

describe('what may be swept away', () => {
  const memory: Memory = {
    attempts: 0,
    restarts: 0,
    observedGeneration: 1,
    incarnation: 7,
    lastExit: { at: 9, reason: 'Error', incarnation: 5 },
  };
  it.each<[string, Memory, number | undefined]>([
    ['nothing before anything ended', { attempts: 0, restarts: 0, observedGeneration: 1, incarnation: 7 }, undefined],
    ['what ended and all before it', memory, 5],
    ['also while a newer one lives', { ...memory, liveSince: 8 }, 5],
    [
      'nothing whose end was concluded from absence',
      { ...memory, lastExit: { at: 9, reason: 'Vanished', incarnation: 5 } },
      undefined,
    ],
    ['nothing when a late start of an older one lives', { ...memory, incarnation: 4, liveSince: 10 }, undefined],
  ])('%s', (_, memory, over) => expect(knownOver(memory)).toBe(over));
});

describe('what a version does not know', () => {
  it('a stored phase of another version begins anew', () => {
    const story = running();
    story.snapshot = JSON.parse(JSON.stringify({ ...story.snapshot, phase: 'Dreaming' }));
    expect(story.settle()).toBe('Running');
  });
});

describe('every phase and gap', () => {
  it.each(PHASES.flatMap((phase) => GAP_TYPES.map((gap) => [phase, gap] as const)))(
    '%s x %s: the same input gives the same decision, and only an incarnation that is named is touched',
    (phase, gap) => {
      const once = decideIn(phase, gap);
      if (!once) return;
      expect(decideIn(phase, gap)).toEqual(once);
      for (const effect of once.decision.effects)
        if (effect.type !== 'release') expect(effect.incarnation).toBeGreaterThan(0);
    },
  );
});

describe('any world', () => {
  const incarnation = fc.integer({ min: 1, max: 5 }).map((n) => n * 1000);
  const sighting: fc.Arbitrary<PlacedSighting> = fc.record({
    place: fc.constantFrom(TMUX, PROCESS),
    incarnation,
    launchHash: fc.constantFrom('declared', 'other'),
    state: fc.constantFrom('queued' as const, 'running' as const, 'exited' as const),
    session: fc.constant('web'),
  });
  const memory: fc.Arbitrary<Memory> = fc
    .record(
      {
        attempts: fc.nat(4),
        restarts: fc.nat(4),
        observedGeneration: fc.nat(3),
        incarnation,
        notBefore: fc.nat(9000),
        liveSince: fc.nat(9000),
        finalFor: fc.nat(3),
        doubtedAt: fc.nat(6000),
      },
      { requiredKeys: ['attempts', 'restarts', 'observedGeneration'] },
    )
    .map((some) => ({ ...some, place: TMUX }));
  const input = fc.record({
    phase: fc.constantFrom(...PHASES),
    memory,
    sightings: fc.uniqueArray(sighting, { maxLength: 2, selector: ({ place }) => place.runtime }),
    want: fc.constantFrom('run' as const, 'rest' as const, 'gone' as const, undefined),
    place: fc.constantFrom(TMUX, PROCESS),
    policy: fc.constantFrom('never' as const, 'on-failure' as const, 'always' as const),
    generation: fc.nat(3),
  });
  const NOW = 7000;

  it('gives a decision; starts only what is wanted and not seen to live; touches only what was seen', () => {
    fc.assert(
      fc.property(input, ({ phase, memory, sightings, want, place, policy, generation }) => {
        const desired = want && {
          ...desiredExample,
          want,
          place,
          generation,
          restart: { ...desiredExample.restart, policy },
        };
        const { effects } = decide({
          id: desiredExample.id,
          desired,
          observed: { kind: 'seen', sightings },
          snapshot: { phase, memory, conditions: [] },
          now: NOW,
        });
        for (const effect of effects) {
          switch (effect.type) {
            case 'start':
              expect(want).toBe('run');
              expect(sightings.filter(({ state }) => state !== 'exited')).toEqual([]);
              for (const seen of sightings)
                expect(effect.incarnation).toBeGreaterThanOrEqual(
                  seen.place.runtime === effect.place.runtime ? seen.incarnation : 0,
                );
              break;
            case 'term':
            case 'kill':
              expect(sightings.some((seen) => seen.incarnation === effect.incarnation && seen.state !== 'exited')).toBe(
                true,
              );
              break;
            case 'remove':
              expect(sightings.some((seen) => seen.incarnation === effect.incarnation && seen.state === 'exited')).toBe(
                true,
              );
              break;
            case 'release':
              expect(sightings).toEqual([]);
              expect(want).not.toBe('run');
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('comes to rest: a decision that asks for nothing and sets no alarm changes nothing when made again', () => {
    fc.assert(
      fc.property(input, ({ phase, memory, sightings, want, place, policy, generation }) => {
        const desired = want && {
          ...desiredExample,
          want,
          place,
          generation,
          restart: { ...desiredExample.restart, policy },
        };
        const again = (snapshot: MachineSnapshot) =>
          decide({ id: desiredExample.id, desired, observed: { kind: 'seen', sightings }, snapshot, now: NOW });
        const first = again({ phase, memory, conditions: [] });
        if (first.effects.length > 0 || first.wakeAt !== undefined || first.lookAgain) return;
        const second = again(first.snapshot);
        expect(second.effects).toEqual([]);
        expect(second.snapshot).toEqual(first.snapshot);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('backoff', () => {
  const policy = fc.record({
    initialMs: fc.nat(10_000),
    maxMs: fc.integer({ min: 1, max: 600_000 }),
    multiplier: fc.double({ min: 1, max: 10, noNaN: true }),
  });
  it('is initial x multiplier^attempt, at most max, plus at most 10 %', () => {
    fc.assert(
      fc.property(policy, fc.nat(200), (policy, attempt) => {
        const base = Math.min(policy.maxMs, policy.initialMs * policy.multiplier ** Math.min(attempt, 64));
        const wait = backoffMs(policy, desiredExample.id, attempt);
        expect(wait).toBeGreaterThanOrEqual(Math.floor(base));
        expect(wait).toBeLessThanOrEqual(Math.ceil(base * (1 + JITTER)));
        expect(backoffMs(policy, desiredExample.id, attempt)).toBe(wait);
      }),
    );
  });
});

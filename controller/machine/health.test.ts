import { expect, it } from 'vitest';
import type { DesiredInstance } from '../plan/desired-instance.ts';
import { decide } from './decide.ts';
import type { HealthReading } from './health.ts';
import { NEW_SNAPSHOT, type PlacedSighting } from './snapshot.ts';
import { desiredExample } from './status/phase-table.ts';

const HEALTH = { argv: ['check'], cwd: '/w', intervalMs: 1_000, timeoutMs: 100, failureThreshold: 2 };
type Result = NonNullable<HealthReading['last']>['result'];

/** One instance that is checked, on virtual time. */
class Life {
  now = 1_000_000;
  snapshot = NEW_SNAPSHOT;
  things: PlacedSighting[] = [];
  health: HealthReading | undefined;
  readonly events: string[] = [];
  readonly asked: string[] = [];
  result: Result = 'ok';
  desired: DesiredInstance;

  constructor(change: Partial<DesiredInstance> = {}) {
    this.desired = {
      ...desiredExample,
      health: HEALTH,
      restart: { policy: 'on-failure', maxRetries: 2, initialMs: 100, maxMs: 60_000, multiplier: 1 },
      ...change,
    };
  }

  /** One pass; what is asked for is carried out, a check by the next pass. */
  pass(): void {
    const { id } = desiredExample;
    const observed = { kind: 'seen', sightings: this.things } as const;
    const { health, now, snapshot, desired } = this;
    const decision = decide({ id, desired, observed, snapshot, health, now });
    this.snapshot = JSON.parse(JSON.stringify(decision.snapshot));
    this.events.push(...decision.events.map(({ reason }) => reason));
    if (health?.pending)
      this.health = {
        ...health,
        pending: false,
        last: { at: now, generation: desired.generation, result: this.result, message: 'it said so' },
      };
    for (const effect of decision.effects) {
      this.asked.push(effect.type);
      if (effect.type === 'start')
        this.things = [
          {
            place: effect.place,
            incarnation: effect.incarnation,
            launchHash: effect.desired.launchHash,
            state: 'running',
            session: 's',
          },
        ];
      // It leaves politely.
      if (effect.type === 'term')
        this.things = this.things.map((thing) => ({ ...thing, state: 'exited', exit: { code: 0, at: now } }));
      if (effect.type === 'check')
        this.health = { incarnation: effect.incarnation, askedAt: now, pending: true, ...kept(health) };
    }
  }
  run(ms: number): this {
    for (const end = this.now + ms; this.now < end; this.now += 50) this.pass();
    return this;
  }
  healthy() {
    const found = this.snapshot.conditions.find(({ type }) => type === 'Healthy');
    return found && [found.status, found.reason];
  }
  count = (what: string): number => this.asked.filter((type) => type === what).length;
}
const kept = (health: HealthReading | undefined) => (health?.last ? { last: health.last } : {});

it('is checked once an interval from when it is ready, and what is well is not written down again', () => {
  const life = new Life();
  life.run(900);
  expect([life.count('check'), life.healthy()]).toEqual([0, ['Unknown', 'NotCheckedYet']]);
  life.run(300);
  expect([life.count('check'), life.healthy()]).toEqual([1, ['True', 'CheckPassed']]);
  const { snapshot } = life;
  life.run(10_000);
  expect(life.count('check')).toBe(11);
  expect(life.snapshot).toEqual(snapshot);
});

it('remembers by which declaration one passed, once', () => {
  const life = new Life();
  life.run(2_500);
  const { incarnation } = life.snapshot.memory;
  expect(life.snapshot.memory.passed).toEqual({ incarnation, generation: life.desired.generation });
  life.desired = { ...life.desired, generation: life.desired.generation + 1 };
  life.result = 'failed';
  life.run(1_500);
  expect(life.snapshot.memory.passed?.generation).toBe(life.desired.generation - 1);
  life.result = 'ok';
  life.run(1_500);
  expect(life.snapshot.memory.passed).toEqual({ incarnation, generation: life.desired.generation });
});

it('that failed as often as it may is restarted after a backoff, counted like a crash, and given up in the end', () => {
  const life = new Life();
  life.result = 'failed';
  life.run(1_500);
  // One of two.
  expect([life.healthy(), life.count('term')]).toEqual([['Unknown', 'NotCheckedYet'], 0]);
  life.run(1_000);
  expect(life.count('term')).toBe(1);
  expect(life.snapshot.memory).toMatchObject({ attempts: 1, restarts: 1, lastExit: { reason: 'Unhealthy' } });
  // Leaving politely was no success.
  expect(life.snapshot.memory.lastExit).not.toHaveProperty('code');
  expect(life.events).toEqual(expect.arrayContaining(['Restarting', 'Exited', 'BackOff']));
  life.run(20_000);
  expect([life.snapshot.phase, life.snapshot.memory.finalReason]).toEqual(['Failed', 'CrashLoop']);
  expect([life.count('start'), life.count('term')]).toEqual([3, 3]);
});

it('that failed and is well again in time is left alone', () => {
  const life = new Life();
  for (const result of ['failed', 'ok', 'failed', 'ok', 'failed', 'unknown'] as const) {
    life.result = result;
    life.run(1_000);
  }
  life.result = 'ok';
  life.run(3_000);
  expect([life.count('term'), life.healthy()]).toEqual([0, ['True', 'CheckPassed']]);
});

it('with policy never is only told, once, and told when it is over', () => {
  const life = new Life({ restart: { ...desiredExample.restart, policy: 'never' } });
  life.result = 'failed';
  life.run(10_000);
  expect([life.count('term'), life.healthy()]).toEqual([0, ['False', 'CheckFailed']]);
  expect(life.events.filter((reason) => reason === 'Unhealthy')).toHaveLength(1);
  const { snapshot } = life;
  life.run(5_000);
  expect(life.snapshot).toEqual(snapshot);
  life.result = 'ok';
  life.run(2_000);
  expect(life.healthy()).toEqual(['True', 'CheckPassed']);
  expect(life.events.at(-1)).toBe('Healthy');
});

it('a check that could not be asked says nothing; neither does a check of an earlier incarnation', () => {
  const life = new Life();
  life.result = 'unknown';
  life.run(20_000);
  expect([life.count('term'), life.healthy()]).toEqual([0, ['Unknown', 'NotCheckedYet']]);
  const stale = { incarnation: 5, askedAt: life.now, pending: false };
  for (let n = 0; n < 9; n++) {
    life.health = { ...stale, last: { at: life.now, generation: 1, result: 'failed', message: '' } };
    life.pass();
  }
  expect(life.snapshot.memory.unhealthy).toBeUndefined();
});

it('a spec that changed meanwhile is started at once: what left was of the old one', () => {
  const life = new Life();
  life.result = 'failed';
  while (life.count('term') === 0) life.run(50);
  life.desired = { ...life.desired, generation: 2, launchHash: 'new' };
  life.run(100);
  expect(life.count('start')).toBe(2);
});

it('without a check to run, failures are forgotten', () => {
  const life = new Life();
  life.result = 'failed';
  life.run(1_500);
  expect(life.snapshot.memory.unhealthy?.failures).toBe(1);
  const { health: _, ...rest } = life.desired;
  life.desired = rest;
  life.run(200);
  expect([life.snapshot.memory.unhealthy, life.healthy()]).toEqual([undefined, undefined]);
});

/** Schedules, decided pass by pass: a place of one thing, and a clock that is put where it is wanted. */
import { describe, expect, it } from 'vitest';
import { scheduleSchema } from '../../api/resources/agent/schedule.ts';
import { LOCAL_HOST } from '../../api/resources/names.ts';
import type { DesiredInstance, Place } from '../plan/desired-instance.ts';
import { planSchedule } from '../plan/timing.ts';
import { decide } from './decide.ts';
import { type Decision, type MachineSnapshot, NEW_SNAPSHOT, type PlacedSighting } from './snapshot.ts';
import { desiredExample } from './status/phase-table.ts';
import { instanceStatus } from './status/status.ts';

const PLACE: Place = { host: LOCAL_HOST, runtime: 'tmux' };
const iso = (time: number) => new Date(time).toISOString().slice(0, 16);

class Story {
  now: number;
  snapshot: MachineSnapshot = NEW_SNAPSHOT;
  thing: PlacedSighting | undefined;
  desired: DesiredInstance;
  readonly events: string[] = [];
  readonly starts: string[] = [];
  wakeAt: number | undefined;

  constructor(schedule: object, from: string, change: Partial<DesiredInstance> = {}) {
    const parsed = scheduleSchema.parse(schedule);
    if (!parsed) throw new Error('no schedule');
    this.now = Date.parse(from);
    this.desired = { ...desiredExample, place: PLACE, minReadyMs: 0, schedule: planSchedule(parsed), ...change };
  }

  #once(): Decision {
    const { desired, snapshot, now, thing } = this;
    const observed = { kind: 'seen' as const, sightings: thing ? [thing] : [] };
    const decision = decide({ id: desired.id, desired, observed, snapshot, now });
    this.snapshot = decision.snapshot;
    this.wakeAt = decision.wakeAt;
    for (const { reason } of decision.events) this.events.push(reason);
    for (const effect of decision.effects) {
      if (effect.type === 'start') {
        this.starts.push(iso(effect.incarnation));
        const { incarnation } = effect;
        this.thing = {
          place: PLACE,
          incarnation,
          launchHash: effect.desired.launchHash,
          state: 'running',
          session: 'x',
        };
      }
      if ((effect.type === 'term' || effect.type === 'kill') && this.thing) this.end(143);
      if (effect.type === 'remove') this.thing = undefined;
    }
    return decision;
  }

  end(code: number): void {
    if (this.thing) this.thing = { ...this.thing, state: 'exited', exit: { code, at: this.now } };
  }

  /** Until nothing is to be done, waking a second later for what was asked for soon. */
  at(time: string): this {
    this.now = Date.parse(time);
    for (let pass = 0; pass < 20; pass++) {
      const { effects, lookAgain } = this.#once();
      if (effects.length === 0 && !lookAgain && !(this.wakeAt !== undefined && this.wakeAt < this.now + 30_000)) break;
      this.now += 1;
    }
    return this;
  }

  get phase() {
    return this.snapshot.phase;
  }
  get scheduled() {
    return this.snapshot.conditions.find(({ type }) => type === 'Scheduled');
  }
  get nextStart() {
    return instanceStatus({ name: 'x', snapshot: this.snapshot }).nextStart;
  }
}

const OFFICE = { start: '0 9 * * *', stop: '0 18 * * *' };
const NIGHTLY = { cron: '0 3 * * *' };

describe('a window', () => {
  it('runs inside, rests outside, and asks to be woken at the edge', () => {
    const story = new Story(OFFICE, '2026-11-20T08:00Z').at('2026-11-20T08:00Z');
    expect(story).toMatchObject({ phase: 'Stopped', starts: [], nextStart: '2026-11-20T09:00:00.000Z' });
    expect(story.scheduled).toMatchObject({ status: 'False', reason: 'OutsideWindow' });
    expect(iso(story.wakeAt ?? 0)).toBe('2026-11-20T09:00');
    story.at('2026-11-20T09:00Z');
    expect(story).toMatchObject({ phase: 'Running', starts: ['2026-11-20T09:00'] });
    expect(iso(story.wakeAt ?? 0)).toBe('2026-11-20T18:00');
    story.at('2026-11-20T17:59Z');
    expect(story.phase).toBe('Running');
    story.at('2026-11-20T18:00Z');
    expect(story).toMatchObject({ phase: 'Stopped', thing: undefined });
    story.at('2026-11-21T10:30Z');
    expect(story.starts).toEqual(['2026-11-20T09:00', '2026-11-21T10:30']);
  });

  it('what has finished stays so until the window opens again', () => {
    const story = new Story(OFFICE, '2026-11-20T10:00Z').at('2026-11-20T10:00Z');
    story.end(0);
    expect(story.at('2026-11-20T11:00Z').phase).toBe('Succeeded');
    expect(story.at('2026-11-20T17:00Z').starts).toHaveLength(1);
    expect(story.at('2026-11-20T19:00Z').phase).toBe('Stopped');
    expect(story.at('2026-11-21T09:00Z').starts).toHaveLength(2);
  });
});

describe('runs', () => {
  it('are begun by the clock alone, once each; in between the last result is shown', () => {
    const story = new Story(NIGHTLY, '2026-11-20T12:00Z').at('2026-11-20T12:00Z');
    expect(story).toMatchObject({ phase: 'Stopped', starts: [], nextStart: '2026-11-21T03:00:00.000Z' });
    story.at('2026-11-21T03:00Z');
    expect(story.phase).toBe('Running');
    story.end(0);
    story.at('2026-11-21T04:00Z').at('2026-11-21T20:00Z');
    expect(story).toMatchObject({ phase: 'Succeeded', starts: ['2026-11-21T03:00'] });
    expect(story.scheduled?.reason).toBe('Waiting');
    story.at('2026-11-22T03:00Z');
    expect(story.starts).toEqual(['2026-11-21T03:00', '2026-11-22T03:00']);
  });

  it('a changed manifest starts nothing, neither after a run nor in it', () => {
    const story = new Story(NIGHTLY, '2026-11-20T12:00Z').at('2026-11-20T12:00Z').at('2026-11-21T03:00Z');
    story.desired = {
      ...story.desired,
      generation: 2,
      launchHash: 'other',
      update: { strategy: 'OnDelete', maxWaitMs: 0 },
    };
    story.at('2026-11-21T03:10Z');
    expect(story).toMatchObject({ phase: 'Running', starts: ['2026-11-21T03:00'] });
    story.end(0);
    story.at('2026-11-21T03:20Z');
    story.desired = { ...story.desired, generation: 3, launchHash: 'third' };
    story.at('2026-11-21T03:30Z');
    expect(story).toMatchObject({ phase: 'Succeeded', starts: ['2026-11-21T03:00'] });
    expect(story.at('2026-11-22T03:00Z').starts).toHaveLength(2);
  });

  it('away for days: the last start is made up for, once', () => {
    const story = new Story(NIGHTLY, '2026-11-20T12:00Z').at('2026-11-20T12:00Z').at('2026-11-25T10:00Z');
    expect(story.starts).toEqual(['2026-11-25T10:00']);
  });

  it.each([
    ['nightly', NIGHTLY, '2026-11-21T03:10'],
    ['every minute', { cron: '* * * * *' }, '2026-11-20T12:11'],
  ])(
    'without a deadline, what cannot run is told after ten minutes, once, and made up for: %s',
    (_, schedule, told) => {
      const story = new Story(schedule, '2026-11-20T12:00Z');
      const { place: _place, ...nowhere } = story.desired;
      const { desired } = story;
      story.desired = nowhere;
      story.at('2026-11-20T12:00Z');
      const early = new Date(Date.parse(`${told}Z`) - 60_000).toISOString();
      expect(story.at(early).scheduled?.reason).toBe('Due');
      for (const time of [`${told}Z`, '2026-11-21T09:00Z', '2026-11-23T09:00Z']) story.at(time);
      expect(story.scheduled).toMatchObject({
        reason: 'Overdue',
        message: expect.stringContaining('2026-11-20T12:00'),
      });
      expect(story.events.filter((reason) => reason === 'Overdue')).toHaveLength(1);
      expect(story.starts).toEqual([]);
      story.desired = desired;
      expect(story.at('2026-11-23T10:00Z').starts).toHaveLength(1);
    },
  );

  it('with a deadline, a start that is too late is told as missed, and left out', () => {
    const story = new Story({ ...NIGHTLY, startingDeadlineSeconds: 600 }, '2026-11-20T12:00Z').at('2026-11-20T12:00Z');
    story.at('2026-11-21T03:11Z').at('2026-11-21T03:12Z');
    expect(story.starts).toEqual([]);
    expect(story.scheduled).toMatchObject({ reason: 'MissedStart', status: 'False' });
    expect(story.events.filter((reason) => reason === 'MissedStart')).toHaveLength(1);
    expect(story.at('2026-11-22T03:09Z').starts).toEqual(['2026-11-22T03:09']);
  });

  it('Forbid: a start waits for the run before it; Replace: it ends it', () => {
    const HOURLY = { cron: '0 * * * *' };
    const forbid = new Story(HOURLY, '2026-11-20T11:30Z').at('2026-11-20T11:30Z').at('2026-11-20T12:00Z');
    forbid.at('2026-11-20T13:00Z');
    expect(forbid).toMatchObject({ phase: 'Running', starts: ['2026-11-20T12:00'] });
    expect(forbid.scheduled?.reason).toBe('StillRunning');
    forbid.end(0);
    forbid.at('2026-11-20T13:10Z');
    expect(forbid.starts).toEqual(['2026-11-20T12:00', '2026-11-20T13:10']);

    const replace = new Story({ ...HOURLY, concurrencyPolicy: 'Replace' }, '2026-11-20T11:30Z').at('2026-11-20T11:30Z');
    replace.at('2026-11-20T12:00Z').at('2026-11-20T13:00Z');
    expect(replace).toMatchObject({ phase: 'Running', starts: ['2026-11-20T12:00', '2026-11-20T13:00'] });
  });

  it('a run that fails is tried again by the restart policy, and failed for good only until the next', () => {
    const restart = {
      ...desiredExample.restart,
      policy: 'on-failure' as const,
      maxRetries: 1,
      initialMs: 1_000,
      maxMs: 86_400_000,
    };
    const story = new Story(NIGHTLY, '2026-11-20T12:00Z', { restart }).at('2026-11-20T12:00Z').at('2026-11-21T03:00Z');
    story.end(1);
    story.at('2026-11-21T03:05Z').at('2026-11-21T03:10Z');
    expect(story.starts).toHaveLength(2);
    story.end(1);
    story.at('2026-11-21T03:20Z');
    expect(story.phase).toBe('Failed');
    expect(story.at('2026-11-22T03:00Z')).toMatchObject({ phase: 'Running' });
  });

  it('`sac restart` is a run of its own; suspended, nothing is planned', () => {
    const story = new Story(NIGHTLY, '2026-11-20T12:00Z').at('2026-11-20T12:00Z');
    story.desired = { ...story.desired, restartAt: Date.parse('2026-11-20T14:00Z') };
    story.at('2026-11-20T14:00Z');
    story.end(0);
    story.at('2026-11-20T15:00Z').at('2026-11-20T16:00Z');
    expect(story).toMatchObject({ phase: 'Succeeded', starts: ['2026-11-20T14:00'] });
    story.desired = { ...story.desired, want: 'rest' };
    story.at('2026-11-21T05:00Z');
    expect(story).toMatchObject({ phase: 'Stopped', nextStart: undefined });
    expect(story.scheduled?.reason).toBe('Suspended');
  });

  it('the database is lost: what lives is left alone, what lies there done is not done again', () => {
    const story = new Story(NIGHTLY, '2026-11-20T12:00Z').at('2026-11-20T12:00Z').at('2026-11-21T03:00Z');
    story.snapshot = NEW_SNAPSHOT;
    story.at('2026-11-21T03:30Z');
    expect(story).toMatchObject({ phase: 'Running', starts: ['2026-11-21T03:00'] });
    story.end(0);
    story.snapshot = NEW_SNAPSHOT;
    story.at('2026-11-21T04:00Z').at('2026-11-21T04:01Z');
    expect(story).toMatchObject({ phase: 'Succeeded', starts: ['2026-11-21T03:00'] });
  });
});

import { describe, expect, it } from 'vitest';
import type { OnboardingPlan } from '../plan/desired-instance.ts';
import { type OnboardingMemory, onboard, type Reading } from './onboarding.ts';

const T = 1_000_000;
const plan: OnboardingPlan = {
  answers: [{ name: 'trust', press: ['1'] }],
  idleMs: 500,
  timeoutMs: 60_000,
  onTimeout: 'fail',
  submit: [],
};
const memory: OnboardingMemory = { incarnation: T, since: T };
const reading = (activity: Reading['activity'], over: Partial<Reading> = {}): Reading => ({
  at: T + 1_000,
  since: T + 1_000,
  activity,
  reason: `it is ${activity}`,
  matchesReady: true,
  ...over,
});
const dialog = (name: string, over: Partial<Reading> = {}): Reading =>
  reading('dialog', { dialog: { name, text: 'Sure?', selector: 'radio', options: [] }, ...over });
const look = (over: Partial<Parameters<typeof onboard>[0]> = {}) =>
  onboard({ plan, memory, reading: undefined, submitted: 0, now: T + 2_000, ...over });

describe('a dialog', () => {
  it('that is known is answered, and the keystroke is remembered before it is made', () => {
    const { step, memory: after } = look({ reading: dialog('trust') });
    expect(step).toEqual({ type: 'answer', answer: plan.answers[0] });
    expect(after.last).toEqual({ what: 'dialog trust', at: T + 2_000, times: 1 });
  });

  it('is not answered on a look that is older than the last keystroke', () => {
    const last = { what: 'dialog trust', at: T + 1_500, times: 1 };
    expect(look({ reading: dialog('trust'), memory: { ...memory, last } }).step).toBeUndefined();
  });

  it('that stands for long after an answer is answered again, ever later, three times at most, and then a person is asked', () => {
    const at = T + 1_500;
    const stands = (times: number, now: number) =>
      look({
        reading: dialog('trust', { at: now, since: T + 1_000 }),
        memory: { ...memory, last: { what: 'dialog trust', at, times } },
        now,
      });
    expect(stands(1, at + 9_000).step).toBeUndefined();
    expect(stands(1, at + 11_000).step?.type).toBe('answer');
    expect(stands(2, at + 11_000).step).toBeUndefined();
    expect(stands(2, at + 21_000).step?.type).toBe('answer');
    expect(stands(3, at + 31_000)).toMatchObject({
      memory: { stuck: { reason: 'DialogStuck', message: expect.stringContaining('Sure?') } },
    });
    expect(stands(3, at + 31_000).step).toBeUndefined();
  });

  it.each([
    ['nothing was read', undefined],
    ['a dialog stands', dialog('trust')],
    ['a dialog waits for a person', dialog('unknown')],
    ['it starts', reading('starting')],
    ['it works', reading('working')],
    ['time is over', reading('starting')],
  ])('and anything else on the way is looked at again before long, without a hint: %s', (why, seen) => {
    const now = why === 'time is over' ? T + 90_000 : T + 2_000;
    const left = { ...plan, submit: [{ text: 'hello', delayMs: 0 }] };
    expect(look({ plan: left, reading: seen, now }).wakeAt).toBeLessThanOrEqual(now + 10_000);
  });

  it('that nobody described is never answered; it is told', () => {
    const { step, memory: after } = look({ reading: dialog('unknown') });
    expect(step).toBeUndefined();
    expect(after.stuck).toMatchObject({ reason: 'Dialog', message: expect.stringContaining('Sure?') });
  });

  it('that a person answered leaves nothing behind', () => {
    const stuck = { reason: 'Dialog', message: 'x' };
    const { memory: after } = look({
      reading: reading('idle', { since: T }),
      memory: { ...memory, stuck },
    });
    expect(after.stuck).toBeUndefined();
    expect(after.done).toBe(T + 2_000);
  });
});

describe('the prompt', () => {
  it('counts when it stood for the ticks that were asked for', () => {
    expect(look({ reading: reading('idle'), now: T + 1_400 }).memory.done).toBeUndefined();
    expect(look({ reading: reading('idle'), now: T + 1_400 }).wakeAt).toBe(T + 1_500);
    expect(look({ reading: reading('idle'), now: T + 1_500 }).memory.done).toBe(T + 1_500);
  });

  it('does not count before what the manifest waits for is on the screen', () => {
    expect(look({ reading: reading('idle', { matchesReady: false }) }).memory.done).toBeUndefined();
  });

  it.each(['unknown', 'starting', 'exited'] as const)('is not seen on a screen that reads %s', (activity) => {
    const result = look({ reading: reading(activity) });
    expect(result.memory).toEqual(memory);
    expect(result.step).toBeUndefined();
  });

  it('is known to have been passed by an agent found at work, for instance after the database was lost', () => {
    expect(look({ reading: reading('working') }).memory.done).toBe(T + 2_000);
  });
});

describe('startup texts', () => {
  const submit = [
    { text: '/model opus', delayMs: 0 },
    { text: 'hello', delayMs: 3_000 },
  ];
  const withTexts = { ...plan, submit };

  it('are submitted one after the other, by what the thing itself says was submitted', () => {
    const idle = reading('idle', { since: T });
    expect(look({ plan: withTexts, reading: idle }).step).toEqual({ type: 'submit', index: 0, text: '/model opus' });
    expect(look({ plan: withTexts, reading: idle, submitted: 1, now: T + 3_000 }).step).toMatchObject({ index: 1 });
    expect(look({ plan: withTexts, reading: idle, submitted: 2 }).memory.done).toBe(T + 2_000);
  });

  it('wait for their delay', () => {
    const result = look({ plan: withTexts, reading: reading('idle'), submitted: 1 });
    expect(result.step).toBeUndefined();
    expect(result.wakeAt).toBe(T + 4_000);
  });

  it('wait while the agent works, and it is not ready before the last', () => {
    const result = look({ plan: withTexts, reading: reading('working'), submitted: 1 });
    expect(result.step).toBeUndefined();
    expect(result.memory.done).toBeUndefined();
  });

  it('that was pasted before we were killed is sent, not pasted again by us', () => {
    expect(look({ plan: withTexts, reading: reading('compose_pending', { since: T }) }).step).toMatchObject({
      type: 'submit',
      index: 0,
    });
  });

  it('whose Enter was not heard are sent again, and are a person’s after three tries', () => {
    const seen = {
      plan: withTexts,
      reading: reading('compose_pending', { since: T, at: T + 9_000 }),
      submitted: 2,
      now: T + 9_000,
    };
    expect(look(seen).step).toEqual({ type: 'submit', index: 2, sent: 'hello' });
    const last = { what: 'send 2', at: T + 8_500, times: 1 };
    const waits = look({ ...seen, memory: { ...memory, last }, now: T + 9_000 });
    expect([waits.step, waits.memory.done, waits.wakeAt]).toEqual([undefined, undefined, T + 18_500]);
    expect(look({ ...seen, memory: { ...memory, last: { ...last, times: 3 } } }).memory.done).toBe(T + 9_000);
    // Where nothing was submitted, whatever stands there is a person's.
    expect(look({ ...seen, plan }).memory.done).toBe(T + 9_000);
    // On the way to the next one both are told apart by who looks.
    expect(look({ ...seen, submitted: 1 }).step).toEqual({
      type: 'submit',
      index: 1,
      text: 'hello',
      sent: '/model opus',
    });
  });

  it('that does not arrive is told after three tries', () => {
    const last = { what: 'submit 0', at: T + 500, times: 3 };
    const result = look({ plan: withTexts, memory: { ...memory, last }, reading: reading('idle'), now: T + 9_000 });
    expect(result.step).toBeUndefined();
    expect(result.memory.stuck?.reason).toBe('NotSubmitted');
  });
});

describe('when the time is over', () => {
  const late = { now: T + 60_000, reading: reading('starting') };
  const texts = [
    { text: '/model opus', delayMs: 0 },
    { text: 'hello', delayMs: 0 },
  ];
  const withTexts = { ...plan, submit: texts };

  it('fail: says so, and still takes a prompt that comes later', () => {
    expect(look(late).memory.stuck?.reason).toBe('StartupTimeout');
    expect(look({ ...late, reading: reading('idle') }).memory.done).toBe(T + 60_000);
  });
  it('fail: what a person answered late is gone on with: known dialogs, startup texts, and only then it is ready', () => {
    const stuck = { reason: 'Dialog', message: 'An unknown dialog' };
    const helped = { plan: withTexts, memory: { ...memory, stuck }, now: T + 90_000 };
    const answered = look({ ...helped, reading: dialog('trust') });
    expect(answered.step?.type).toBe('answer');
    expect(answered.memory.stuck).toMatchObject({
      reason: 'StartupTimeout',
      message: expect.stringContaining('90 s after its start'),
    });
    // What was said of it stays as it was said, until it is over.
    const later = { ...helped, memory: answered.memory, now: T + 95_000 };
    const submits = look({ ...later, reading: reading('idle', { at: T + 94_000, since: T + 92_000 }) });
    expect(submits.step).toMatchObject({ type: 'submit', index: 0 });
    expect(submits.memory.stuck).toEqual(answered.memory.stuck);
    const done = look({ ...later, submitted: 2, reading: reading('idle', { at: T + 94_000, since: T + 92_000 }) });
    expect(done.memory).toMatchObject({ done: T + 95_000 });
    expect(done.memory.stuck).toBeUndefined();
  });
  it('fail: a dialog that nobody described still waits for a person, with its text', () => {
    expect(look({ ...late, reading: dialog('unknown') }).memory.stuck?.reason).toBe('Dialog');
  });
  it.each([dialog('trust'), reading('idle'), reading('starting'), undefined])(
    'fail: it is looked at again, and not at once: %j',
    (seen) => {
      const { wakeAt, memory: after } = look({ ...late, plan: withTexts, now: T + 90_000, reading: seen });
      expect(after.done).toBeUndefined();
      expect(wakeAt).toBeGreaterThan(T + 90_000);
      expect(wakeAt).toBeLessThanOrEqual(T + 100_000);
    },
  );
  it('continue: counts as ready', () => {
    expect(look({ ...late, plan: { ...plan, onTimeout: 'continue' } }).memory.done).toBe(T + 60_000);
  });
  it('restart: ends it, and the restart policy decides', () => {
    expect(look({ ...late, plan: { ...plan, onTimeout: 'restart' } }).step).toEqual({ type: 'kill' });
  });
});

import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

/** Time that passes only when somebody waits. */
class Waits {
  at = 0;
  now = () => this.at;
  after = (delayMs: number, run: () => void) => {
    this.at += delayMs;
    queueMicrotask(run);
    return () => undefined;
  };
}
const never = new Promise<never>(() => undefined);

test('alone, nothing waits', async () => {
  const time = new Waits();
  await new Turns(time).during(async ({ breathe }) => {
    for (let i = 0; i < 50; i++) await breathe();
  });
  expect(time.at).toBe(0);
});

test('a large commit stands back while another source syncs, a small one does not, and neither for long', async () => {
  const time = new Waits();
  const turns = new Turns(time);
  void turns.during(() => never);
  await turns.during(async ({ breathe }) => {
    for (let i = 0; i < 10; i++) await breathe();
  });
  expect(time.at).toBe(0);
  await turns.during(async ({ breathe }) => {
    for (let i = 0; i < 50; i++) await breathe();
  });
  expect(time.at).toBe(3_000);
});

test('it goes on as soon as the others have ended', async () => {
  const time = new Waits();
  const turns = new Turns(time);
  let end = (): void => undefined;
  const other = turns.during(() => new Promise<void>((done) => (end = done)));
  const after = time.after;
  time.after = (delayMs, run) => {
    end();
    return after(delayMs, run);
  };
  await turns.during(async ({ breathe }) => {
    for (let i = 0; i < 50; i++) await breathe();
  });
  await other;
  expect(time.at).toBe(20);
});

test('nobody stands back for a source that hangs', async () => {
  const time = new Waits();
  const turns = new Turns(time);
  void turns.during(() => never);
  time.at += 5_000;
  await turns.during(async ({ breathe }) => {
    for (let i = 0; i < 50; i++) await breathe();
  });
  expect(time.at).toBe(5_000);
});

test('a weighty source stands back before it fetches, for two seconds, and others do not', async () => {
  const time = new Waits();
  const turns = new Turns(time);
  void turns.during(() => never);
  await turns.during(({ giveWay }) => giveWay());
  expect(time.at).toBe(0);
  await turns.during(({ giveWay }) => giveWay(), true);
  expect(time.at).toBe(2_000);
});

test('a source that turns out to bring much stands back for two seconds before it is read, once', async () => {
  const time = new Waits();
  const turns = new Turns(time);
  void turns.during(() => never);
  await turns.during(({ much }) => much());
  expect(time.at).toBe(2_000);
  await turns.during(async ({ giveWay, much }) => {
    await giveWay();
    await much();
  }, true);
  expect(time.at).toBe(4_000);
});

test('of two that would stand back for each other one goes on', async () => {
  const time = new Waits();
  const turns = new Turns(time);
  const ends: string[] = [];
  const weighty = (name: string) =>
    turns.during(async ({ giveWay }) => {
      await Promise.resolve();
      await giveWay();
      ends.push(name);
    }, true);
  await Promise.all([weighty('a'), weighty('b')]);
  // b sees nobody but a, who waits; a sees that b has ended.
  expect(ends).toEqual(['b', 'a']);
  expect(time.at).toBeLessThan(1_000);
});

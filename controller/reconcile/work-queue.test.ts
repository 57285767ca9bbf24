import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualTime } from '../../sim/world/virtual-time.ts';
import { WorkQueue } from './work-queue.ts';

/** A queue whose work ends when the test says so. */
function rig(concurrency = 10) {
  const time = new VirtualTime(0);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  let most = 0;
  const queue = new WorkQueue<string>({
    timers: time,
    concurrency,
    work: (key) => {
      if (ends.has(key)) throw new Error(`${key} is worked on twice at once`);
      begun.push(key);
      return new Promise<void>((resolve) => {
        ends.set(key, () => {
          ends.delete(key);
          resolve();
        });
        most = Math.max(most, ends.size);
      });
    },
  });
  const end = async (key: string) => {
    ends.get(key)?.();
    await time.settle();
  };
  return { time, queue, begun, end, ends, most: () => most };
}

describe('a work queue', () => {
  it('works a key once however often it was added while it waited', async () => {
    const { queue, begun, end } = rig(1);
    queue.add('busy');
    queue.add('a');
    queue.add('a');
    queue.add('a');
    await end('busy');
    await end('a');
    expect(begun).toEqual(['busy', 'a']);
  });

  it('works a key exactly once more when it was added while being worked on, and never twice at once', async () => {
    const { queue, begun, end } = rig();
    queue.add('a');
    queue.add('a');
    queue.add('a');
    expect(begun).toEqual(['a']);
    await end('a');
    expect(begun).toEqual(['a', 'a']);
    await end('a');
    expect(begun).toEqual(['a', 'a']);
  });

  it('works at most so many keys at once, in the order they were added', async () => {
    const { queue, begun, end, most } = rig(2);
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    expect(begun).toEqual(['a', 'b']);
    await end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    expect(most()).toBe(2);
  });

  it('waits 5 ms x 2^n after the n-th failure, at most 1000 s, and begins anew after success', async () => {
    const { queue, time, begun, end } = rig();
    const waits: number[] = [];
    for (let n = 0; n < 20; n++) {
      const from = time.now();
      queue.addRateLimited('a');
      await time.step();
      waits.push(time.now() - from);
      await end('a');
    }
    expect(waits.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(waits.at(-1)).toBe(1_000_000);
    expect(begun).toHaveLength(20);
    queue.forget('a');
    queue.addRateLimited('a');
    expect(time.nextAt).toBe(time.now() + 5);
  });

  it('of several alarms keeps the earliest', async () => {
    const { queue, time, begun, end } = rig();
    queue.addAt('a', 100);
    queue.addAt('a', 50);
    queue.addAt('a', 70);
    await time.runUntil(60);
    expect(begun).toEqual(['a']);
    await end('a');
    await time.runUntil(1000);
    expect(begun).toEqual(['a']);
  });

  it('works on after work that threw, and tries that again', async () => {
    const time = new VirtualTime(0);
    const seen: string[] = [];
    const queue = new WorkQueue<string>({
      timers: time,
      concurrency: 1,
      work: async (key) => {
        seen.push(key);
        if (key === 'bad') throw new Error('broken');
      },
    });
    queue.add('bad');
    queue.add('good');
    await time.settle();
    expect(seen).toEqual(['bad', 'good']);
    await time.step();
    expect(seen).toEqual(['bad', 'good', 'bad']);
    expect(time.now()).toBe(5);
  });

  it('drains: takes no more, drops what waits, and is done when the last worker is', async () => {
    const { queue, time, begun, end } = rig(1);
    queue.add('a');
    queue.add('b');
    queue.addAt('c', 10);
    let drained = false;
    const draining = queue.drain().then(() => {
      drained = true;
    });
    queue.add('d');
    await time.runUntil(100);
    expect(drained).toBe(false);
    await end('a');
    await draining;
    expect(begun).toEqual(['a']);
  });

  it('loses no key: whatever the order of adds and ends, a key added is worked on after it was added', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('add' as const), key: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ do: fc.constant('end' as const), key: fc.constantFrom('a', 'b', 'c') }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        async (steps, concurrency) => {
          const { queue, begun, end, ends, most } = rig(concurrency);
          const owed = new Set<string>();
          let seen = 0;
          const pay = () => {
            for (const key of begun.slice(seen)) owed.delete(key);
            seen = begun.length;
          };
          for (const { do: what, key } of steps) {
            if (what === 'add') {
              owed.add(key);
              queue.add(key);
            } else await end(key);
            pay();
          }
          while (ends.size > 0) {
            for (const key of [...ends.keys()]) await end(key);
            pay();
          }
          expect([...owed]).toEqual([]);
          expect(most()).toBeLessThanOrEqual(concurrency);
          expect(queue.depth).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});

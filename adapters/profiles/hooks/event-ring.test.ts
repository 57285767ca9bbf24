import { expect, test } from 'vitest';
import { EventRing } from './event-ring.ts';

test('the ring keeps the last 500 in order', () => {
  const ring = new EventRing();
  const event = (at: number) => ({ kind: 'other' as const, at, payload: {}, cut: false });
  for (let at = 0; at < 600; at += 2) ring.add([event(at + 1), event(at)]);
  expect(ring.events.map(({ at }) => at)).toEqual(Array.from({ length: 500 }, (_, index) => index + 100));
  ring.forgetBefore(598);
  expect(ring.events.map(({ at }) => at)).toEqual([598, 599]);
});

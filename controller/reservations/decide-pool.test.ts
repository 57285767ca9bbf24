import { describe, expect, it } from 'vitest';
import type { PoolJob } from '../../adapters/runtimes/pool.ts';
import { reservationSpecSchema } from '../../api/resources/kinds/reservation.ts';
import { decidePool, type PoolLook } from './decide-pool.ts';

const HOUR = 3_600_000;
const spec = reservationSpecSchema.parse({ renewBefore: '1h' });
const job = (number: number, more: Partial<PoolJob> = {}): PoolJob => ({
  job: number,
  reservation: 'lab',
  specHash: 'a',
  state: 'running',
  up: true,
  startedAt: 0,
  endsAt: 24 * HOUR,
  detail: '',
  socket: '',
  ...more,
});
const waiting = (number: number, more: Partial<PoolJob> = {}) => job(number, { state: 'waiting', up: false, ...more });
const decide = (jobs: readonly PoolJob[], more: Partial<PoolLook> = {}) => {
  const { current, next, submit, cancel } = decidePool({
    spec,
    specHash: 'a',
    jobs,
    living: new Map(),
    wanted: true,
    now: HOUR,
    ...more,
  });
  return { current: current?.job, next: next?.job, submit, cancel };
};

describe('the allocations of a reservation', () => {
  it.each<[string, ReturnType<typeof decide>, Partial<ReturnType<typeof decide>>]>([
    ['none: one is asked for', decide([]), { submit: true, cancel: [] }],
    ['asked for: it is waited for', decide([waiting(1)]), { next: 1, submit: false, cancel: [] }],
    ['ending: another is asked for', decide([job(1, { state: 'ending', up: false })]), { submit: true, cancel: [] }],
    ['up: that is enough', decide([job(1)]), { current: 1, submit: false, cancel: [] }],
    ['near its end: the next', decide([job(1)], { now: 23.5 * HOUR }), { current: 1, submit: true, cancel: [] }],
    [
      'the next is waited for',
      decide([job(1), waiting(2)], { now: 23.5 * HOUR }),
      { current: 1, next: 2, submit: false, cancel: [] },
    ],
    [
      'the old stays while somebody lives in it',
      decide([job(1), job(2)], { living: new Map([[1, 1]]) }),
      { current: 2, submit: false, cancel: [] },
    ],
    ['and goes then', decide([job(1), job(2)]), { current: 2, submit: false, cancel: [1] }],
    [
      'two were asked for: one is taken back',
      decide([waiting(1), waiting(2)]),
      { next: 1, submit: false, cancel: [2] },
    ],
    ['another spec: another allocation', decide([job(1)], { specHash: 'b' }), { current: 1, submit: true, cancel: [] }],
    [
      'what was asked for by another spec is taken back',
      decide([waiting(1)], { specHash: 'b' }),
      { submit: true, cancel: [1] },
    ],
    [
      'not wanted: all is given back',
      decide([job(1), waiting(2)], { wanted: false }),
      { submit: false, cancel: [2, 1] },
    ],
    [
      'a short one is not renewed from its beginning on',
      decide([job(1, { endsAt: HOUR / 2 })], { now: 60_000 }),
      { current: 1, submit: false },
    ],
    [
      'without a limit there is no renewal',
      decide([{ ...job(1), endsAt: HOUR }].map(({ endsAt: _, ...rest }) => rest)),
      { current: 1, submit: false },
    ],
  ])('%s', (_what, decided, expected) => {
    expect(decided).toMatchObject(expected);
  });
});

import { describe, expect, it } from 'vitest';
import type { FleetId } from '../../../api/resources/names.ts';
import { parseListing } from './listing.ts';

const FLEET = 'f1ee7000' as FleetId;
const MARK = 'sac/1:f1ee7000.web:1000:abc';
const claim = (jobs = ',7', released = ',7') => `claim web f1ee7000.web 1000 abc ${jobs} ${released}`;
const job = (id: number, state: string, reason = 'None', start = '1700000000', end = '1700000100') =>
  `job ${id}|${state}|${start}|1700000000|${end}|n1|${reason}|${MARK}`;
const NOW = 'now 1700000200';
const read = (...lines: readonly string[]) => parseListing([...lines, NOW].join('\n'), FLEET);
const only = (...lines: readonly string[]) => {
  const { sightings } = read(...lines);
  expect(sightings).toHaveLength(1);
  return sightings[0];
};

describe('the listing of a cluster', () => {
  it('tells what runs once the agent is there', () => {
    expect(only(claim(), job(7, 'RUNNING'))).toMatchObject({ state: 'queued', detail: 'SLURM job 7 begins on n1.' });
    expect(only(claim(), job(7, 'RUNNING'), 'child web 7 4711')).toEqual({
      id: 'f1ee7000.web',
      incarnation: 1000,
      launchHash: 'abc',
      session: 'web',
      state: 'running',
      pid: 4711,
      startedAt: 1_700_000_000_000,
    });
  });

  it('tells why a job waits, and until when SLURM expects it to', () => {
    expect(only(claim(), job(7, 'PENDING', 'Resources'))?.detail).toBe(
      'SLURM job 7 waits: Resources. Expected start: 2023-11-14T22:13:20.000Z.',
    );
    expect(only(claim(), job(7, 'PENDING', 'Licenses', 'N/A'))?.detail).toBe('SLURM job 7 waits: Licenses.');
  });

  it('does not take a job that was submitted and never released for a start', () => {
    for (const lines of [[claim(',', ',')], [claim(',7', ','), job(7, 'PENDING', 'JobHeldUser')]]) {
      const { sightings, unfinished } = read(...lines);
      expect(sightings).toEqual([]);
      expect([...unfinished.keys()]).toEqual(['f1ee7000.web']);
    }
    // Held by the user: it was released before.
    expect(only(claim(), job(7, 'PENDING', 'JobHeldUser'))?.state).toBe('queued');
  });

  it('is one agent, whose first job runs while its successor waits, and which is not over between the two', () => {
    const both = [claim(',7,8', ',7,8'), job(8, 'PENDING', 'Dependency', 'N/A')];
    expect(only(...both, job(7, 'RUNNING'), 'child web 7 4711')).toMatchObject({ state: 'running', pid: 4711 });
    expect(only(...both, job(7, 'TIMEOUT'), 'child web 7 4711')).toMatchObject({ state: 'queued' });
    expect(only(claim(',7,8', ',7,8'), job(7, 'TIMEOUT'), job(8, 'RUNNING'), 'child web 7 4711')?.state).toBe('queued');
  });

  it.each([
    ['PREEMPTED', 'Preempted'],
    ['TIMEOUT', 'TimedOut'],
    ['NODE_FAIL', 'NodeFailed'],
    ['CANCELLED', 'Cancelled'],
    ['OUT_OF_MEMORY', 'OOMKilled'],
  ])('tells %s as %s, with and without a record of the job', (state, cause) => {
    expect(only(claim(), job(7, state))?.exit).toMatchObject({ cause });
    expect(only(claim(), job(7, state), 'exit web 1000 143 1700000090 TERM')?.exit).toEqual({
      signal: 'SIGTERM',
      at: 1_700_000_090_000,
      cause,
    });
  });

  it('waits for the last word about a job that was told to end', () => {
    const ending = read(claim(), job(7, 'COMPLETING'), 'child web 7 4711', 'exit web 1000 143 1700000090 TERM');
    expect(ending.sightings[0]).toMatchObject({
      state: 'running',
      detail: expect.stringMatching(/^SLURM job 7 is COMPLETING on \S+: the node does not answer/),
    });
    expect(ending.unsettled).toEqual(['f1ee7000.web']);
  });

  it('believes the record when SLURM has forgotten the job', () => {
    expect(only(claim(), 'exit web 1000 3 1700000090 -')).toMatchObject({ state: 'exited', exit: { code: 3 } });
    expect(only(claim(), 'exit web 1000 143 1700000090 TERM')?.exit).toMatchObject({ cause: 'Cancelled' });
    expect(only(claim(), 'exit web 1000 - 1700000090 STOPPED')?.exit).toEqual({ at: 1_700_000_090_000 });
    expect(only(claim())).toMatchObject({ state: 'exited', exit: {} });
    // A record of an incarnation before tells nothing of this one.
    expect(only(claim(), job(7, 'RUNNING'), 'child web 7 1', 'exit web 999 0 1 -')?.state).toBe('running');
  });

  it('gives the record of an end the time to arrive', () => {
    const late = read(claim(), job(7, 'COMPLETED', 'None', '1700000000', '1700000199'));
    expect(late.sightings[0]?.state).toBe('running');
    expect(late.unsettled).toEqual(['f1ee7000.web']);
    expect(only(claim(), job(7, 'COMPLETED'))).toMatchObject({ state: 'exited' });
  });

  it('finds a job whose files are lost, and leaves jobs of others alone', () => {
    expect(only(job(7, 'RUNNING'))).toMatchObject({ state: 'running', incarnation: 1000 });
    for (const comment of ['', 'mine', 'sac/1:deadbeef.web:1000:abc', 'sac/1:f1ee7000.We|b:1:abc', `${MARK}x y`])
      expect(read(job(7, 'RUNNING').replace(MARK, comment)).sightings).toEqual([]);
  });
});

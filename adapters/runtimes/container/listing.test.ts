import { describe, expect, it } from 'vitest';
import type { FleetId, InstanceId } from '../../../api/resources/names.ts';
import { containerName, idOfName, parseListing } from './listing.ts';

const FLEET = 'f1ee7000' as FleetId;
const ID = 'a'.repeat(64);
/** As LIST prints it: agent's pid, init's start, our note and the monitor's, then INSPECT_FORMAT. Docker writes the name with a slash, podman without. */
const line = (change: Readonly<Record<string, string>> = {}) =>
  Object.values({
    agent: '42',
    since: '777',
    note: '',
    noted: '',
    pid: '41',
    id: ID,
    name: '/sac-f1ee7000-web',
    incarnation: '1000',
    status: 'running',
    code: '0',
    oom: 'false',
    started: '"2026-11-21T07:46:54.368798015Z"',
    finished: '"0001-01-01T00:00:00Z"',
    fleet: FLEET,
    instance: `${FLEET}.web`,
    hash: 'abc',
    command: '["/.sac/init.sh","/.sac/launch.sh","120","40","2000"]',
    ...change,
  }).join('\t');
const seen = (change: Readonly<Record<string, string>>) => parseListing(line(change), FLEET)[0]?.sighting;
const gone = { status: 'exited', finished: '"2026-11-21T07:46:55.5Z"', pid: '0', agent: '0' };

describe('a listing of containers', () => {
  it('tells who runs, since when, and with which pid', () =>
    expect(parseListing(`${line()}\n`, FLEET)).toEqual([
      {
        containerId: ID,
        name: 'sac-f1ee7000-web',
        sighting: {
          id: 'f1ee7000.web',
          incarnation: 1000,
          launchHash: 'abc',
          state: 'running',
          session: 'web',
          pid: 42,
          startedAt: Date.parse('2026-11-21T07:46:54.368Z'),
        },
        init: { pid: 41, since: 777, columns: 120, rows: 40 },
      },
    ]));
  it('tells how many texts were submitted to this incarnation, and not to the one before', () => {
    expect(seen({ note: '1000 2' })?.submitted).toBe(2);
    expect(seen({ note: '999 2' })).not.toHaveProperty('submitted');
  });
  it.each([
    ['that ended', gone],
    ['that cannot be seen from here', { since: '' }],
    ['that was made otherwise', { command: '["/.sac/init.sh"]' }],
  ])('knows no terminal of one %s', (_what, change) =>
    expect(parseListing(line(change), FLEET)[0]).not.toHaveProperty('init'),
  );
  it('reads names with and without a slash alike', () => expect(seen({ name: 'sac-f1ee7000-web' })).toEqual(seen({})));
  it.each([
    ['an exit code', { code: '3' }, { code: 3 }],
    ['success', { code: '0' }, { code: 0 }],
    ['a signal', { code: '143' }, { signal: 'SIGTERM' }],
    ['too much memory', { code: '137', oom: 'true' }, { signal: 'SIGKILL', cause: 'OOMKilled' }],
    ['too much memory, as its monitor noted', { code: '137', noted: 'oom' }, { signal: 'SIGKILL', cause: 'OOMKilled' }],
    ['another process that took too much memory', { code: '1', oom: 'true' }, { code: 1 }],
    ['a kill', { code: '137' }, { signal: 'SIGKILL' }],
  ])('tells %s', (_what, change, exit) =>
    expect(seen({ ...gone, ...change })?.exit).toEqual({ ...exit, at: Date.parse('2026-11-21T07:46:55.500Z') }),
  );
  it('knows nothing of the end of one that never began', () =>
    expect(seen({ ...gone, status: 'created', started: '"0001-01-01T00:00:00Z"', code: '127' })).toMatchObject({
      state: 'exited',
      exit: {},
    }));
  it.each(['paused', 'restarting', 'stopping'])('takes one that is %s for alive', (status) =>
    expect(seen({ status })?.state).toBe('running'),
  );
  it.each([
    ['without labels', { fleet: '', instance: '', incarnation: '', hash: '' }],
    ['of another fleet', { fleet: '00000000' }],
    ['whose name is not its own', { name: '/sac-f1ee7000-other' }],
    ['without an incarnation', { incarnation: 'x' }],
  ])('does not take one %s for ours', (_what, change) => {
    const [container] = parseListing(line(change), FLEET);
    expect(container).toMatchObject({ containerId: ID });
    expect(container?.sighting).toBeUndefined();
  });
  it.each(['', 'unused', line().slice(3), line({ id: 'zz' }), `${line()}\textra`])('makes nothing of %j', (text) =>
    expect(parseListing(text, FLEET)).toEqual([]),
  );
});

it('names of containers lead back to their instances, and others nowhere', () => {
  const id = 'f1ee7000.web-1' as InstanceId;
  expect(idOfName(containerName(id), FLEET)).toBe(id);
  expect(idOfName('sac-00000000-web', FLEET)).toBeUndefined();
  expect(idOfName('web', FLEET)).toBeUndefined();
});

/** A revision that gets ready and dies again must not go round: real processes, a real controller, every start counted by itself. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';

const COUNT = 8;
const LIMIT = 2;
/** Fails the first time. */
const HEALS = '[ "$(grep -c heals "$SAC_MARKS/$SAC_ID")" = 1 ] && exit 1; exec sleep 1000';
let fleet: Fleet;
beforeAll(async () => {
  fleet = new Fleet({}, { calls: 'here' });
  fleet.write('marks/.keep', '');
  rmSync(join(fleet.dir, 'marks', '.keep'));
  await fleet.controller();
  await apply('one', 'exec sleep 1000', {}, ['--wait', '--timeout', '60s']);
});
afterAll(() => fleet[Symbol.asyncDispose]());

/** Each start writes its version: what ran is counted there, not asked of sac. */
const manifest = (version: string, then: string, update: object) =>
  execManifest('crew', ['sh', '-c', `echo ${version} >>"$SAC_MARKS/$SAC_ID"; ${then}`], {
    env: { SAC_MARKS: join(fleet.dir, 'marks') },
    replicas: COUNT,
    place: { runtime: 'process' },
    startup: { minReadySeconds: 0 },
    restart: { policy: 'always', maxRetries: 1_000_000, backoff: { initial: '50ms', max: '100ms' } },
    terminationGracePeriodSeconds: 1,
    update: { maxUnavailable: LIMIT, minHealthyTime: '1s', progressDeadline: '6s', onFailure: 'undo', ...update },
  });
const apply = (version: string, then: string, update: object = {}, more: readonly string[] = []) =>
  fleet.ok(['apply', '-f', '-', ...more], { stdin: manifest(version, then, update) });
const starts = (): readonly (readonly string[])[] =>
  readdirSync(join(fleet.dir, 'marks')).map((name) =>
    readFileSync(join(fleet.dir, 'marks', name), 'utf8')
      .trim()
      .split('\n'),
  );
const touched = (version: string) => starts().filter((versions) => versions.includes(version)).length;
const rollout = async () => (await fleet.json(['get', 'agent', 'crew'])).status.rollout;
const revision = async (): Promise<number> => (await rollout()).revision;
/** All stand, with so many revisions more than there were. */
const whole = (before: number, more: number) =>
  until(
    'all have it',
    async () => {
      const { state, revision: now, ready } = await rollout();
      return state === 'Complete' && now === before + more && ready === COUNT;
    },
    60_000,
  );

it('one that is ready at once and dies soon after stays at maxUnavailable, and is undone', async () => {
  const before = await revision();
  await apply('dies', 'sleep 0.3; exit 1');
  await until(
    'it dies again and again',
    () =>
      starts()
        .flat()
        .filter((version) => version === 'dies').length > 12,
    30_000,
  );
  expect(touched('dies')).toBe(LIMIT);
  await whole(before, 2);
  expect(touched('dies')).toBe(LIMIT);
  // Those that never had it were never started again.
  expect(starts().filter((versions) => versions.length === 1)).toHaveLength(COUNT - LIMIT);
  expect(await fleet.ok(['events'])).toMatch(/RolloutHalted.*did not stay ready within 6 s of being given revision \d/);
});

it('one that dies later than others are begun reaches no more than were begun until then, and is undone', async () => {
  const before = await revision();
  await apply('later', 'sleep 1.6; exit 1');
  await whole(before, 2);
  expect(touched('later')).toBeGreaterThanOrEqual(LIMIT);
  expect(touched('later')).toBeLessThanOrEqual(2 * LIMIT);
});

it('one whose every first start fails is let through, as it stands then', async () => {
  const before = await revision();
  await apply('heals', HEALS);
  await whole(before, 1);
  expect(touched('heals')).toBe(COUNT);
});

it('a check that no instance passes reaches maxUnavailable, although nothing is started anew for it', async () => {
  const before = await revision();
  const started = starts().flat().length;
  const health = {
    command: ['sh', '-c', 'echo $SAC_AGENT >>"$0"; exit 1', join(fleet.dir, 'checked')],
    interval: '1s',
  };
  const { spec: now } = JSON.parse(await fleet.ok(['get', 'agent', 'crew', '-o', 'json']));
  const spec = { ...now, health: { ...health, failureThreshold: 1 } };
  await fleet.ok(['apply', '-f', '-'], { stdin: execManifest('crew', spec.command, spec) });
  await whole(before, 2);
  const checked = new Set(readFileSync(join(fleet.dir, 'checked'), 'utf8').trim().split('\n'));
  expect(checked.size).toBe(LIMIT);
  expect(starts().flat().length).toBeGreaterThan(started);
});

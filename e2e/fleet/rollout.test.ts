/** A hundred instances and a change that is no good: it stops at maxUnavailable, whatever happens to the controller. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';

const COUNT = 100;
const LIMIT = 5;
let fleet: Fleet;
beforeAll(async () => {
  fleet = new Fleet({}, { calls: 'here' });
});
afterAll(() => fleet[Symbol.asyncDispose]());

/** Each instance writes the revision it was started with below `marks`: what ran is counted there, not asked of sac. */
const manifest = (version: string, good: boolean, update: object) =>
  execManifest('crew', ['sh', '-c', `echo ${version} >>"$SAC_MARKS/$SAC_ID"; ${good ? 'exec sleep 1000' : 'exit 1'}`], {
    env: { SAC_MARKS: join(fleet.dir, 'marks') },
    replicas: COUNT,
    place: { runtime: 'process' },
    startup: { minReadySeconds: 0.2 },
    restart: { policy: 'always', maxRetries: 1_000_000, backoff: { initial: '200ms', max: '1s' } },
    terminationGracePeriodSeconds: 1,
    update: { maxUnavailable: LIMIT, minHealthyTime: '1s', progressDeadline: '6s', ...update },
  });
const marks = (): ReadonlyMap<string, readonly string[]> =>
  new Map(
    readdirSync(join(fleet.dir, 'marks')).map((name) => [
      name,
      readFileSync(join(fleet.dir, 'marks', name), 'utf8')
        .trim()
        .split('\n'),
    ]),
  );
const touched = (version: string) => [...marks().values()].filter((versions) => versions.includes(version)).length;
const apply = (text: string, more: readonly string[] = []) => fleet.ok(['apply', '-f', '-', ...more], { stdin: text });
const crew = async () => (await fleet.json(['get', 'agent', 'crew'])).status;

it('a bad revision stops at maxUnavailable and undoes itself, also when the controller is killed in the middle', async () => {
  fleet.write('marks/.keep', '');
  rmSync(join(fleet.dir, 'marks', '.keep'));
  let controller = await fleet.controller();
  await apply(manifest('one', true, {}), ['--wait', '--timeout', '100s']);
  expect(touched('one')).toBe(COUNT);
  // What is Ready is what a bad one is undone to.
  await apply(manifest('bad', false, { onFailure: 'undo' }));
  await until('the bad revision is tried', () => touched('bad') === LIMIT, 90_000);
  controller.kill('SIGKILL');
  controller = await fleet.controller();
  const during = await crew();
  expect(during.readyInstances).toBeGreaterThanOrEqual(COUNT - LIMIT);
  await until(
    'the good one is back everywhere',
    async () => {
      const { rollout, ready } = await crew();
      return rollout.state === 'Complete' && rollout.revision === 3 && ready;
    },
    60_000,
  );
  expect(touched('bad')).toBe(LIMIT);
  // Those that never had it were never started again.
  expect([...marks().values()].filter((versions) => versions.length === 1)).toHaveLength(COUNT - LIMIT);
  const history = await fleet.ok(['rollout', 'history', 'crew']);
  expect(history).toMatch(/3 .*undo of 2 +100/);
  expect(await fleet.ok(['events'])).toContain('RolloutUndone');
  // Whoever waits for the change that was declared is not told that all is well.
  const told = await fleet.here(['rollout', 'status', 'crew']);
  expect(told).toMatchObject({ code: 6, stderr: expect.stringContaining('revision 2 did not become ready') });
});

it('a good revision reaches all, never with more than maxUnavailable down', async () => {
  await apply(manifest('two', true, {}));
  let least = COUNT;
  await until(
    'all have it',
    async () => {
      const { readyInstances, rollout } = await crew();
      least = Math.min(least, readyInstances);
      if (rollout.state === 'Complete') return true;
      throw new Error(`${rollout.state}: ${rollout.message}`);
    },
    // Twenty times five that stand for a second each: 53 s in one verify, more than 90 in another.
    240_000,
  );
  expect(touched('two')).toBe(COUNT);
  expect(least).toBeGreaterThanOrEqual(COUNT - LIMIT);
  expect((await fleet.here(['rollout', 'status', 'crew'])).code).toBe(0);
});

it('a change that is halted stays so; undo by hand takes it back', async () => {
  await apply(manifest('worse', false, {}));
  const { code, stdout } = await fleet.here(['rollout', 'status', 'crew'], { timeoutMs: 60_000 });
  expect(stdout).toContain('Halted');
  expect(code).toBe(6);
  expect(touched('worse')).toBe(LIMIT);
  await fleet.ok(['rollout', 'undo', 'crew']);
  await fleet.ok(['rollout', 'status', 'crew', '--timeout', '60s']);
  expect(touched('worse')).toBe(LIMIT);
  expect((await crew()).ready).toBe(true);
});

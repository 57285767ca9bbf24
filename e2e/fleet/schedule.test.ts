/** Schedules by the real clock: runs, a window, and a controller that is away in between. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';

let fleet: Fleet;
let controller: ChildProcess;
beforeAll(async () => {
  fleet = new Fleet();
  controller = await fleet.controller();
});
afterAll(() => fleet[Symbol.asyncDispose]());

const manifest = (name: string, schedule: object, command: readonly string[], more: object = {}) =>
  execManifest(name, [...command], {
    schedule,
    place: { runtime: 'process' },
    startup: { minReadySeconds: 0 },
    ...more,
  });
const apply = (stdin: string) => fleet.ok(['apply', '-f', '-'], { stdin });
const agent = (name: string) => fleet.json(['get', 'agent', name]);
const scheduled = async (name: string) =>
  (await agent(name)).status.conditions.find(({ type }: { type: string }) => type === 'Scheduled');
const startedAt = async (name: string): Promise<string | undefined> =>
  (await agent(name)).status.instances[0]?.lastExit?.startedAt;

it('is run anew at each match, also after the controller was away, and says when next', async () => {
  await apply(manifest('often', { cron: '*/2 * * * * *' }, ['true']));
  const first = await until('a first run', () => startedAt('often'));
  const second = await until('a second run', async () => {
    const now = await startedAt('often');
    return now !== undefined && now > first ? now : undefined;
  });
  expect(Date.parse(second) - Date.parse(first)).toBeGreaterThan(999);
  const { status } = await agent('often');
  expect(Date.parse(status.nextStart)).toBeGreaterThan(Date.parse(second));

  const gone = once(controller, 'exit');
  controller.kill('SIGKILL');
  await gone;
  controller = await fleet.controller();
  await until('a run after the controller came back', async () => ((await startedAt('often')) ?? '') > second);
  await fleet.ok(['delete', 'agent', 'often']);
});

it('a nightly agent is not started before its time; get and describe say when that is', async () => {
  await apply(manifest('nightly', { cron: '0 3 1 1 *', timeZone: 'Europe/Berlin' }, ['sleep', '1000']));
  await until('it waits', async () => (await scheduled('nightly'))?.reason === 'Waiting');
  expect((await agent('nightly')).status).toMatchObject({ phase: 'Stopped', desiredInstances: 0 });
  expect(await fleet.ok(['get', 'agents'])).toMatch(/nightly +0\/0 +Scheduled/);
  expect(await fleet.ok(['describe', 'agent', 'nightly'])).toMatch(
    /Next start: +(\d{4})-01-01T02:00:00\.000Z \(\1-01-01 03:00:00 GMT\+01:00, Europe\/Berlin\)/,
  );
  expect(await fleet.ok(['tree', 'nightly'])).toMatch(/agent\/nightly +0\/0 +Scheduled/);
  const changed = { cron: '0 3 1 1 *', timeZone: 'Europe/Berlin' };
  const diff = async (text: string) => (await fleet.here(['diff', '-f', '-'], { stdin: text })).stdout;
  expect(await diff(manifest('nightly', changed, ['sleep', '2000']))).toMatch(/^# restarts the agent if it runs$/m);
  const atRest = await diff(manifest('nightly', changed, ['sleep', '2000'], { suspend: true }));
  expect(atRest).toContain('+  suspend: true');
  expect(atRest).not.toContain('# restarts');

  await fleet.ok(['restart', 'nightly']);
  await fleet.ok(['wait', 'agent/nightly', '--for', 'condition=Ready', '--timeout', '30s']);
});

it('a window: open it runs, closed it is stopped', async () => {
  const open = { start: '* * * * * *', stop: '0 0 1 1 *' };
  await apply(manifest('office', open, ['sleep', '1000']));
  await fleet.ok(['wait', 'agent/office', '--for', 'condition=Ready', '--timeout', '30s']);
  await apply(manifest('office', { start: '0 0 1 1 *', stop: '* * * * * *' }, ['sleep', '1000']));
  await until('it is stopped', async () => (await agent('office')).status.phase === 'Stopped');
  expect(await scheduled('office')).toMatchObject({ status: 'False', reason: 'OutsideWindow' });
});

it('refuses Allow, with the reason', async () => {
  const { code, stderr } = await fleet.sac(['apply', '-f', '-'], {
    stdin: manifest('twice', { cron: '@hourly', concurrencyPolicy: 'Allow' }, ['true']),
  });
  expect(code).not.toBe(0);
  expect(stderr).toContain('Allow is not possible');
});

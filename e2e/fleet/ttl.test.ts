/** An agent that has finished is deleted after its time; one that a folder declares stays as it is. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = new Fleet({}, { calls: 'here' });
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
});
afterAll(() => fleet[Symbol.asyncDispose]());

const more = { place: { runtime: 'process' }, startup: { minReadySeconds: 0 } };
const manifest = (name: string, command: readonly string[], ttlSecondsAfterFinished: number) =>
  execManifest(name, [...command], { ...more, ttlSecondsAfterFinished, restart: { policy: 'never' } });

it('what was applied is deleted when it has finished, well or not, and what is not over is left alone', async () => {
  await fleet.ok(['apply', '-f', '-'], {
    stdin: [manifest('well', ['true'], 0), manifest('ill', ['false'], 1), manifest('busy', ['sleep', '1000'], 0)].join(
      '---\n',
    ),
  });
  await fleet.ok(['apply', '-f', '-'], { stdin: manifest('later', ['true'], 3600) });
  await until('both are gone', async () => {
    const { items } = await fleet.json(['get', 'agents']);
    const left: string[] = items.map(({ metadata }: { metadata: { name: string } }) => metadata.name).sort();
    return left.join(' ') === 'busy later';
  });
  const { items } = await fleet.json(['get', 'events']);
  const expired = items.filter(({ reason }: { reason: string }) => reason === 'Expired');
  expect(expired.map(({ regarding }: { regarding: { name: string } }) => regarding.name).sort()).toEqual([
    'ill',
    'well',
  ]);
});

it('what a folder declares stays, finished, and is not run again', async () => {
  fleet.write('agents/declared/spec.yaml', manifest('declared', ['true'], 0));
  await fleet.ok(['apply', '-f', '-'], { stdin: manifest('witness', ['true'], 2) });
  await until('it has finished', async () =>
    (await fleet.here(['get', 'agent', 'declared'])).stdout.includes('Succeeded'),
  );
  // What was applied at the same time and given longer is gone: so the time of the other is over too.
  await until('the other is gone', async () => (await fleet.here(['get', 'agent', 'witness'])).code !== 0);
  expect((await fleet.json(['get', 'agent', 'declared'])).status).toMatchObject({ phase: 'Succeeded', restarts: 0 });
});

it('does not go together with a schedule', async () => {
  const { code, stderr } = await fleet.here(['apply', '-f', '-'], {
    stdin: execManifest('both', ['true'], { ttlSecondsAfterFinished: 1, schedule: { cron: '@daily' } }),
  });
  expect(code).not.toBe(0);
  expect(stderr).toContain('does not go together with schedule');
});

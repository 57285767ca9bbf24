/** One agent is started when those it depends on are ready; a circle is refused by name. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = new Fleet({}, { calls: 'here' });
  await fleet.controller();
});
afterAll(() => fleet[Symbol.asyncDispose]());

const manifest = (name: string, dependsOn: readonly string[], command = ['sleep', '1000']) =>
  execManifest(name, command, { dependsOn, place: { runtime: 'process' }, startup: { minReadySeconds: 0.2 } });
const agent = (name: string) => fleet.json(['get', 'agent', name]);

it('waves: the last waits for the first, and says so', async () => {
  await fleet.ok(['apply', '-f', '-'], {
    stdin: `${manifest('top', ['middle'])}---\n${manifest('middle', ['bottom'])}`,
  });
  const placed = await until('top says that it waits', async () =>
    (await agent('top')).status.conditions.find(
      ({ type, reason }: { type: string; reason: string }) => type === 'Placed' && reason === 'WaitsForDependency',
    ),
  );
  expect(placed.message).toContain('"middle"');
  await fleet.ok(['apply', '-f', '-'], { stdin: manifest('bottom', []) });
  await fleet.ok(['wait', 'agent/top', '--for', 'condition=Ready', '--timeout', '30s']);
  const started = await Promise.all(
    ['bottom', 'middle', 'top'].map(async (name) => Date.parse((await agent(name)).status.instances[0].startedAt)),
  );
  expect(started).toEqual([...started].sort((a, b) => a - b));
});

it('a circle is refused with its name, nothing of it is applied', async () => {
  const { code, stderr } = await fleet.here(['apply', '-f', '-'], {
    stdin: `${manifest('a', ['b'])}---\n${manifest('b', ['a'])}`,
  });
  expect(code).not.toBe(0);
  expect(stderr).toContain('a → b → a');
  expect((await fleet.here(['get', 'agent', 'a'])).code).not.toBe(0);
});

/** What an operator looks at: `sac tree`, over agents of a directory, of `apply` and of a git repository. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Forge } from '../git/forge.ts';
import { execManifest, Fleet } from '../harness.ts';

let fleet: Fleet;
let forge: Forge;
const spec = { startup: { minReadySeconds: 0 }, place: { runtime: 'process' } };
let commit: string;
beforeAll(async () => {
  forge = new Forge();
  fleet = new Fleet({ SAC_GIT_ALLOW: 'file' });
  const repo = forge.repo();
  commit = repo.push({ 'sourced/spec.yaml': execManifest('sourced', ['sleep', '1000'], spec) });
  fleet.write('agents/filed/spec.yaml', execManifest('filed', ['sleep', '1000'], spec));
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await fleet.ok(['apply', '-f', '-'], {
    stdin: `${execManifest('hand', ['sleep', '1000'], { ...spec, replicas: 2 })}---\napiVersion: sac/v1\nkind: GitSource\nmetadata: {name: fleet}\nspec: {url: '${repo.url}', interval: 1h}\n`,
  });
  await fleet.ok(['wait', 'hand', 'filed', 'sourced', '--for=create', '--for=condition=Ready']);
  await fleet.ok(['sync', 'fleet', '--wait']);
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  await forge[Symbol.asyncDispose]();
});

it('a tree goes from source to agent to instance to place', async () => {
  const drawn = await fleet.ok(['tree']);
  const named = drawn.split('\n').map((line) => line.replace(/(?<=\S) {3,}.*$/, ''));
  expect(named).toEqual([
    'NAME',
    'source/fleet',
    '└─ agent/sourced',
    '   └─ instance/sourced',
    '      └─ local/process',
    `directory ${fleet.agentsDir}`,
    '└─ agent/filed',
    '   └─ instance/filed',
    '      └─ local/process',
    'apply cli',
    '└─ agent/hand',
    '   ├─ instance/hand',
    '   │  └─ local/process',
    '   └─ instance/hand-1',
    '      └─ local/process',
    '',
  ]);
  expect(drawn).toMatch(new RegExp(`^source/fleet +True +\\w+ ${commit.slice(0, 12)}`, 'm'));
  expect(drawn).toMatch(/agent\/hand +2\/2 +Running/);
  const { items } = await fleet.json(['tree', 'source/fleet']);
  expect(items).toMatchObject([
    {
      source: { kind: 'git', name: 'fleet', revision: commit },
      ready: true,
      agents: [
        { name: 'sourced', ready: true, instances: [{ place: { host: 'local', runtime: 'process', ready: true } }] },
      ],
    },
  ]);
  expect(items[0].agents[0].instances[0].place.pid).toBeGreaterThan(1);
});

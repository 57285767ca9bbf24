import { afterAll, beforeAll, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';
import { Forge } from './forge.ts';

let forge: Forge;
let fleet: Fleet;
beforeAll(() => {
  forge = new Forge();
  fleet = new Fleet();
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  await forge[Symbol.asyncDispose]();
});

it('a watched directory that is a git work tree shows its commit', async () => {
  fleet.write('agents/web/spec.yaml', execManifest('web', ['sleep', '1000'], { place: { runtime: 'process' } }));
  const git = (...args: string[]) => forge.git(fleet.agentsDir, args);
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-q', '-m', 'one');
  const commit = git('rev-parse', 'HEAD');
  await fleet.controller(['--agents-dir', fleet.agentsDir]);
  await until('it is applied', async () => (await fleet.sac(['get', 'agent', 'web'])).code === 0);
  expect((await fleet.json(['get', 'agent', 'web'])).metadata.source).toMatchObject({
    kind: 'directory',
    revision: commit,
  });
  expect(await fleet.ok(['describe', 'agent', 'web'])).toContain(`at ${commit}`);
  const deleted = await fleet.sac(['delete', 'agent', 'web', '--dry-run=server']);
  expect(deleted.stderr).toContain(`agent/web is declared in the watched directory ${fleet.agentsDir} and comes back`);
});

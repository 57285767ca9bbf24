/** A program that is installed while the controller runs is there for agents, without a restart. */
import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { execManifest, Fleet, until } from '../harness.ts';

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet();
});
afterEach(() => fleet[Symbol.asyncDispose]());

it('is found by `sac host check`, and what waited for it starts', { timeout: 240_000 }, async () => {
  const programs = join(fleet.dir, 'programs');
  mkdirSync(programs);
  const found = new Map<string, string>();
  for (const folder of (process.env['PATH'] ?? '/usr/bin:/bin').split(delimiter).reverse())
    for (const name of readable(folder)) found.set(name, join(folder, name));
  for (const [name, program] of found) symlinkSync(program, join(programs, name));
  rmSync(join(programs, 'screen'));
  Object.assign(fleet.env, { PATH: programs });

  await fleet.controller();
  await fleet.ok(['apply', '-f', '-'], {
    stdin: execManifest('web', ['sleep', '54321'], { place: { runtime: 'screen' }, startup: { minReadySeconds: 0 } }),
  });
  await until('it to wait for screen', async () =>
    (await fleet.ok(['describe', 'agent', 'web'])).includes('screen is not installed'),
  );
  symlinkSync(found.get('screen') ?? '', join(programs, 'screen'));
  expect(await fleet.ok(['host', 'check', 'local'])).toContain('screen');
  await until('it to run there', async () => {
    const { status } = await fleet.json(['get', 'agent', 'web']);
    if (status.ready) return true;
    throw new Error(JSON.stringify(status.conditions));
  });
  await fleet.ok(['delete', 'agent', 'web', '--force', '--wait']);
});

function readable(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

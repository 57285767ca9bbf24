import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FleetId, instanceId } from '../../../api/resources/names.ts';
import { createLocalTransport } from '../../transport/local/local-transport.ts';
import type { Transport } from '../../transport/transport.ts';
import { LaunchFiles, launchFilePath } from './launch-files.ts';

const FLEET = '0badcafe' as FleetId;
const id = (name: string) => instanceId(FLEET, name);
let dir: string;
let local: Transport;
/** Where files are reached by commands alone. */
let elsewhere: Transport;
let runs: (string | undefined)[];
const on = (where: string): Transport => (where === 'here' ? local : elsewhere);
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sac-launch-'));
  local = createLocalTransport(process.env);
  runs = [];
  const { readFolder: _, removeFiles: __, ...rest } = local;
  elsewhere = {
    ...rest,
    run: (argv, options) => {
      runs.push(argv[0]);
      return local.run(argv, options);
    },
  };
});
afterEach(async () => {
  await local[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});
const dirs = () => ({ run: join(dir, 'run'), logs: join(dir, 'logs') });
const put = (...names: string[]) => {
  mkdirSync(join(dir, 'run', 'launch'), { recursive: true });
  for (const name of names) writeFileSync(join(dir, 'run', 'launch', name), '');
};
const left = () => readdirSync(join(dir, 'run', 'launch')).sort();

it('names a file an incarnation', () => {
  const launch = { id: id('web'), incarnation: 1_700_000_000_123 };
  expect(launchFilePath(dirs(), launch)).toBe(join(dir, 'run', 'launch', 'web.1700000000123.sh'));
  expect(launchFilePath(dirs(), launch, 'inner')).toBe(join(dir, 'run', 'inner', 'web.1700000000123.sh'));
});

it.each(['here', 'elsewhere'])(
  'clears away all up to the incarnation that is over, of this name alone, and nothing else, %s',
  async (where) => {
    const others = ['web-1.5.sh', 'a.web.5.sh', 'web.x.sh', 'web.5.sh.0123456789ab.tmp', 'web.sh', "it's.5.sh"];
    put('web.999.sh', 'web.1000.sh', 'web.10000.sh', 'web.1700000000124.sh', ...others);
    await new LaunchFiles(on(where), dirs()).over(id('web'), 1_000);
    expect(left()).toEqual([...others, 'web.10000.sh', 'web.1700000000124.sh'].sort());
  },
);

it('clears for all who ask at the same time with one listing; of two that are over the later counts', async () => {
  put('a.1.sh', 'a.2.sh', 'a.3.sh', 'b.1.sh', 'c.1.sh');
  const files = new LaunchFiles(elsewhere, dirs());
  await Promise.all([
    files.over(id('a'), 2),
    files.over(id('a'), 1),
    files.allOver(
      new Map([
        [id('b'), 7],
        [id('never'), 7],
      ]),
    ),
  ]);
  expect(left()).toEqual(['a.3.sh', 'c.1.sh']);
  expect(runs).toEqual(['ls', 'rm']);
  await files.allOver(new Map());
  await files.over(id('c'), 0);
  expect(runs).toEqual(['ls', 'rm', 'ls']);
});

it.each(['here', 'elsewhere'])('clears any number, %s', async (where) => {
  put(...Array.from({ length: 1_500 }, (_, i) => `a.${i}.sh`));
  await new LaunchFiles(on(where), dirs()).over(id('a'), 1_498);
  expect(left()).toEqual(['a.1499.sh']);
});

it.each(['here', 'elsewhere'])('takes a folder that is not there for an empty one, %s', async (where) => {
  await new LaunchFiles(on(where), dirs()).over(id('web'), 1);
});

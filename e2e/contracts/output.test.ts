/** What `get` prints of every kind in every format. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PLURALS } from '../../api/protocol.ts';
import type { PlaceStatus } from '../../api/resources/kinds/host.ts';
import { Forge } from '../git/forge.ts';
import { execManifest, Fleet, until } from '../harness.ts';
import { golden, tidy, tidyTable } from './golden.ts';

const FORMATS = ['', 'wide', 'name', 'json', 'yaml'] as const;
const PROGRAMS =
  'sh env setsid dd sed wc mv rm mkdir mkfifo cat date tail grep tr sleep xargs awk kill git tmux ls cp ln stat find sort head cut';
/** What else is installed here, and so would be a place, is not to be told. */
function programs(dir: string): string {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  for (const program of PROGRAMS.split(' ')) {
    const from = ['/usr/bin', '/bin'].map((folder) => join(folder, program)).find((path) => existsSync(path));
    if (from !== undefined) symlinkSync(from, join(bin, program));
  }
  return bin;
}

let fleet: Fleet;
let forge: Forge;
const known: Record<string, string> = {};
beforeAll(async () => {
  forge = new Forge();
  fleet = new Fleet({ SAC_GIT_ALLOW: 'file', PATH: programs(forge.dir) });
  const repo = forge.repo();
  const spec = { startup: { minReadySeconds: 0 }, place: { runtime: 'process' } };
  const commit = repo.push({ 'sourced/spec.yaml': execManifest('sourced', ['sleep', '1000'], spec) });
  await fleet.controller();
  Object.assign(known, { fleet: fleet.fleetId, dir: fleet.dir, forge: forge.dir, commit, short: commit.slice(0, 12) });
  const labelled = { apiVersion: 'sac/v1', kind: 'Agent', metadata: { name: 'web', labels: { role: 'worker' } } };
  await fleet.ok(['apply', '-f', '-', '--wait'], {
    stdin: JSON.stringify({
      ...labelled,
      spec: { ...spec, profile: 'exec', command: ['sleep', '1000'], env: { A: 'b' } },
    }),
  });
  await fleet.here(['apply', '-f', '-', '--wait'], {
    stdin: execManifest('over', ['sh', '-c', 'exit 3'], { ...spec, restart: { policy: 'never' } }),
  });
  await fleet.ok(['apply', '-f', '-'], {
    stdin: `apiVersion: sac/v1\nkind: GitSource\nmetadata: {name: fleet}\nspec: {url: '${repo.url}', interval: 1h}\n`,
  });
  for (const object of [
    { kind: 'Budget', metadata: { name: 'small' }, spec: { window: 'day', agents: 50 } },
    { kind: 'Reservation', metadata: { name: 'lab' }, spec: { host: 'nowhere', time: '1:00:00' } },
    {
      kind: 'Notifier',
      metadata: { name: 'bell' },
      spec: { command: { argv: ['true'] }, conditions: [{ type: 'Blocked' }] },
    },
  ])
    await fleet.ok(['apply', '-f', '-'], { stdin: JSON.stringify({ apiVersion: 'sac/v1', ...object }) });
  await fleet.ok(['wait', 'sourced', '--for=condition=Ready', '--for=create']);
  await until('every place to be listed', async () => {
    const { agents, places } = (await fleet.json(['get', 'host', 'local'])).status;
    return agents === 3 && places.every((place: PlaceStatus) => !place.available || place.lastListedAt);
  });
  // Not signed and not suspended, so that this is all it comes to.
  await until('the source is told', async () =>
    (await fleet.json(['get', 'source', 'fleet'])).status.conditions?.some(
      ({ type, status }: { type: string; status: string }) => type === 'Ready' && status === 'True',
    ),
  );
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
  await forge[Symbol.asyncDispose]();
});

it.each(PLURALS)('%s', async (plural) => {
  const only = plural === 'events' ? ['--field-selector', 'regarding.name=web'] : [];
  const printed: string[] = [];
  for (const format of FORMATS) {
    const text = await fleet.ok(['get', plural, ...only, ...(format === '' ? [] : ['-o', format])]);
    expect(text).not.toBe('');
    const plain = format === '' || format === 'wide' ? tidyTable(text, known) : tidy(text, known);
    printed.push(`===== sac get ${plural}${format === '' ? '' : ` -o ${format}`}\n${plain}`);
  }
  await golden(`output/${plural}.txt`, printed.join('\n'));
});

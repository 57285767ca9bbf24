/** Two minutes of a long run; `npm run soak` takes its time. */
import { expect, it } from 'vitest';
import { bundleFaultyController } from '../faults/controller/bundle.ts';
import { judge } from './judge.ts';
import { type Figures, soak } from './soak.ts';

const AGENTS = 200;
const MINUTES = 2;

it('two hundred agents under kills, edits and controller restarts: nothing grows', async () => {
  const soaked = await soak({ program: await bundleFaultyController(), agents: AGENTS, minutes: MINUTES, seed: 1 });
  expect(judge(soaked, AGENTS), JSON.stringify(soaked)).toEqual([]);
  expect(soaked.kills).toBeGreaterThan(0);
  expect(soaked.edits).toBeGreaterThan(0);
  expect(soaked.restarts).toBeGreaterThan(0);
}, 900_000);

const FINE: Figures = { rssMiB: 100, fds: 30, unreaped: 0, events: 10, databaseMiB: 1, keepsAll: false };
it.each<[string, Partial<Figures>]>([
  ['memory', { rssMiB: 106 }],
  ['open files', { fds: 31 }],
  ['children', { unreaped: 1 }],
  ['events', { events: AGENTS * 100 + 1 }],
  ['database', { databaseMiB: 129 }],
  ['the history of changes', { keepsAll: true }],
])('growth of %s is found', (what, more) => {
  const soaked = { warm: FINE, kills: 1, edits: 1, restarts: 1, findings: [] };
  expect(judge({ ...soaked, end: FINE }, AGENTS)).toEqual([]);
  expect(judge({ ...soaked, end: { ...FINE, ...more } }, AGENTS).join()).toContain(what);
});

/** After Acto: every field changed by valid and invalid values; what is invalid has no effect, and a broken state heals. */
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allFieldPaths, explain } from '../../api/resources/schema.ts';
import { until } from '../harness.ts';
import { bundleFaultyController } from './controller/bundle.ts';
import { readJournal } from './controller/injector.ts';
import { isSettled } from './plans/scenario.ts';
import { SupervisedFleet } from './supervised-fleet.ts';

const SEED = 20_260_921;
const NAME = 'web';
let fleet: SupervisedFleet;

type Json = Record<string, unknown>;
const base = (): Json => ({
  profile: 'exec',
  command: ['perl', join(import.meta.dirname, 'life.pl'), 'plain'],
  place: { runtime: 'tmux' },
  startup: { minReadySeconds: 0 },
  restart: { policy: 'always', maxRetries: 100, backoff: { initial: 0, max: 0 } },
  terminationGracePeriodSeconds: 2,
  env: { LIFE_DIR: fleet.life },
});

/** A manifest with one field set to a value; mappings on the way are made. */
function withField(path: string, value: unknown): Json {
  const manifest: Json = { apiVersion: 'sac/v1', kind: 'Agent', metadata: { name: NAME }, spec: base() };
  const parts = path.split('.').slice(1);
  const last = parts.pop() ?? '';
  let node = manifest;
  for (const part of parts) {
    const next = node[part];
    const child: Json = typeof next === 'object' && next !== null && !Array.isArray(next) ? { ...next } : {};
    node[part] = child;
    node = child;
  }
  node[last] = value;
  return manifest;
}

const apply = (manifest: Json, dryRun = false) =>
  fleet.sac(['apply', '-f', '-', '-o', 'name', ...(dryRun ? ['--dry-run'] : [])], { stdin: JSON.stringify(manifest) });
const effects = (): number =>
  readJournal(fleet.journal).filter((entry) => entry.what === 'begin' && !entry.point.startsWith('sweep')).length;
const settled = () =>
  until(
    'web as declared',
    async () => {
      const [agent] = await fleet.agents();
      return agent && isSettled(agent) ? agent : undefined;
    },
    60_000,
  );

beforeAll(async () => {
  fleet = new SupervisedFleet({ program: await bundleFaultyController(), flags: ['--resync', '1s'] });
  await fleet.agents();
  await fleet.ok(['apply', '-f', '-'], { stdin: JSON.stringify(withField('agent.metadata.name', NAME)) });
  await settled();
});
afterAll(() => fleet[Symbol.asyncDispose]());

/** Values that no field of this type takes. */
const wrong = (type: string): fc.Arbitrary<unknown> => {
  const nothingTakes = fc.constantFrom<unknown>({ surprise: { deep: [1] } }, [[['x']]]);
  return /mapping|map of|anything/.test(type)
    ? fc.constantFrom<unknown>(['a', 'list'], 'text in place of a mapping', 7)
    : nothingTakes;
};

describe('every field of the schema', () => {
  it('refuses what it cannot take, located, with no effect at all', async () => {
    const before = await settled();
    const done = effects();
    const paths = allFieldPaths();
    expect(paths.length).toBeGreaterThan(30);
    const values = paths.map((path, i) => ({
      path,
      value: fc.sample(wrong(explain(path).type), { numRuns: 1, seed: SEED + i })[0],
    }));
    const answers: string[] = [];
    const WIDTH = 4;
    const waiting = [...values];
    await Promise.all(
      Array.from({ length: WIDTH }, async () => {
        for (let one = waiting.shift(); one; one = waiting.shift()) {
          const { code, stdout, stderr } = await apply(withField(one.path, one.value));
          const located = /:\d+:\d+ /.test(stderr);
          if (code !== 2 || stdout !== '' || !located)
            answers.push(`${one.path} = ${JSON.stringify(one.value)}: code ${code}, ${stdout}${stderr.trim()}`);
        }
      }),
    );
    expect(answers).toEqual([]);
    expect(effects()).toBe(done);
    const after = await settled();
    expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    expect(after.spec).toEqual(before.spec);
  }, 400_000);
});

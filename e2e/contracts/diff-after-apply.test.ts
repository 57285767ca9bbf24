/** What was just applied does not differ from itself: for every field of every kind, alone and several together. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXPLAINED } from '../../api/resources/schema.ts';
import { Fleet } from '../harness.ts';
import { BASES, isValid, type Json, manifestsOf, merged, named, validOne } from './manifests.ts';

const SEED = Number(process.env['SAC_FUZZ_SEED'] ?? 20_261_121);
const MIXED = 30;

/** Wide mappings whose fields exclude each other, or need another one: what is below them, or they themselves, is tried. */
const WITH_RULES = [
  'agent.spec.place',
  'agent.spec.place.slurm',
  'agent.spec.place.reservation',
  'agent.spec.session.id',
  'agent.spec.schedule',
  'agent.spec.schedule.start',
  'agent.spec.schedule.stop',
  'agent.spec.schedule.timeZone',
  'agent.spec.schedule.concurrencyPolicy',
  'agent.spec.schedule.startingDeadlineSeconds',
  'gitsource.spec.verify.mode',
  'budget.spec.timezone',
  'notifier.spec.conditions',
];
/** Ways that exclude each other: the base takes one of them. */
const OTHER_WAYS = /^notifier\.spec\.(?:webhook|slack|ntfy)\b/;

let fleet: Fleet;

async function expectNoDifference(kind: string, manifests: readonly Json[]): Promise<void> {
  const file = fleet.write(`${kind}.yaml`, manifests.map((manifest) => `---\n${JSON.stringify(manifest)}\n`).join(''));
  const first = await fleet.here(['apply', '-f', file]);
  expect(first.stderr.split('\n').filter((line) => /^sac: .*:\d+:\d+ /.test(line))).toEqual([]);
  expect([first.code, first.code === 0 ? '' : first.stderr]).toEqual([0, '']);
  const diff = await fleet.here(['diff', '-f', file]);
  expect([diff.code, diff.stdout]).toEqual([0, '']);
  const again = (await fleet.ok(['apply', '-f', file])).trim().split('\n');
  expect(again.filter((line) => !line.endsWith(' unchanged'))).toEqual([]);
  expect(again).toHaveLength(manifests.length);
}

describe.each(EXPLAINED)('%s', (kind) => {
  // A fleet for each kind: hundreds of agents beside dozens of hosts are not what is tried here.
  beforeAll(async () => {
    fleet = new Fleet({}, { calls: 'here' });
    await fleet.controller();
  });
  afterAll(() => fleet[Symbol.asyncDispose]());

  const base = BASES[kind] ?? {};
  const fields = manifestsOf(kind, base).filter(({ path }) => path !== `${kind}.metadata.name`);
  const valid = fields.map((field, i) => ({ path: field.path, manifest: validOne(field, `${kind}-${i}`, SEED) }));

  it('has a valid manifest made up for each of its fields', () => {
    expect(fields.length).toBeGreaterThan(5);
    const none = valid
      .filter(({ path, manifest }) => manifest === undefined && !OTHER_WAYS.test(path))
      .map(({ path }) => path);
    expect(none).toEqual(WITH_RULES.filter((path) => path.startsWith(`${kind}.`)));
  });

  it('does not differ from what was just applied, field by field', async () => {
    const manifests = valid.flatMap(({ manifest }) => (manifest ? [manifest] : []));
    await expectNoDifference(kind, manifests);
  });

  it('does not differ from what was just applied, several fields together', async () => {
    const several = fc
      .array(fc.constantFrom(...fields), { minLength: 2, maxLength: 6 })
      .chain((chosen) =>
        fc
          .tuple(...chosen.map(({ manifest }) => manifest))
          .map((parts) => parts.reduce((a, b) => merged(a, b) as Json, base)),
      );
    const manifests = fc
      .sample(several, { numRuns: MIXED * 20, seed: SEED })
      .map((manifest, i) => named(manifest, `${kind}-mixed-${i}`))
      .filter(isValid)
      .slice(0, MIXED);
    expect(manifests.length).toBeGreaterThan(MIXED / 6);
    await expectNoDifference(kind, manifests);
  });
});

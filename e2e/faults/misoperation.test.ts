/** After Acto: every field changed by valid and invalid values; what is invalid has no effect, and a broken state heals. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApplyItem } from '../../api/protocol.ts';
import type { Agent } from '../../api/resources/agent/agent.ts';
import { findObjectKind, OBJECT_KINDS } from '../../api/resources/kinds/kinds.ts';
import { allFieldPaths, EXPLAINED } from '../../api/resources/schema.ts';
import { BASES, isValid, type Json, manifestsOf, merged, named, validOne } from '../contracts/manifests.ts';
import { until } from '../harness.ts';
import { bundleFaultyController } from './controller/bundle.ts';
import { readJournal } from './controller/injector.ts';
import { withField, wrongValues } from './fields.ts';
import { isSettled } from './plans/scenario.ts';
import { markedProcesses, readDiary } from './plans/world.ts';
import { SupervisedFleet } from './supervised-fleet.ts';

const SEED = Number(process.env['SAC_FUZZ_SEED'] ?? 20_260_921);
const DEADLINE_MS = 120_000;
/** Invalid values for each field. */
const WRONG = 2;

let program: string;
let fleet: SupervisedFleet;
beforeAll(async () => {
  program = await bundleFaultyController();
});

const LIFE = join(import.meta.dirname, 'life.pl');
const running = (name: string, runtime: string): Json => ({
  apiVersion: 'sac/v1',
  kind: 'Agent',
  metadata: { name },
  spec: {
    profile: 'exec',
    command: ['perl', LIFE, 'plain'],
    place: { runtime },
    startup: { minReadySeconds: 0 },
    restart: { policy: 'always', maxRetries: 100, backoff: { initial: 0, max: 0 } },
    terminationGracePeriodSeconds: 2,
    env: { LIFE_DIR: fleet.life },
  },
});

/** By the door that other programs use; manifests that are no manifests too. */
const apply = (manifests: readonly Json[]) =>
  fleet.ask('apply', (client) =>
    client.apply({
      source: { kind: 'apply', name: 'cli' },
      items: manifests.map(
        (manifest, i): ApplyItem => ({
          origin: `made-up:${i}`,
          manifest: JSON.parse(JSON.stringify(manifest)),
        }),
      ),
    }),
  );
const applied = async (manifests: readonly Json[]): Promise<void> => {
  expect((await apply(manifests)).errors).toEqual([]);
};
const effects = (): number =>
  readJournal(fleet.journal).filter((entry) => entry.what === 'begin' && !entry.point.startsWith('sweep')).length;
const all = async (
  kind: string,
): Promise<readonly { readonly metadata: Agent['metadata']; readonly spec: unknown }[]> => {
  const found = findObjectKind(kind);
  return found
    ? (await fleet.ask(kind, (client) => client.list(OBJECT_KINDS[found].plural))).items
    : await fleet.agents();
};
const settled = (names: readonly string[]): Promise<readonly Agent[]> =>
  until(
    'all as declared',
    async () => {
      const agents = (await fleet.agents()).filter(({ metadata }) => names.includes(metadata.name));
      const waiting = agents.filter((agent) => !isSettled(agent));
      if (agents.length === names.length && waiting.length === 0) return agents;
      throw new Error(waiting.map(({ metadata, status }) => `${metadata.name} ${status.phase}`).join(', '));
    },
    DEADLINE_MS,
  );
const observed = (): Promise<true> =>
  until(
    'all to be seen by the controller',
    async () => {
      const waiting = (await fleet.agents()).filter(
        ({ metadata, spec, status }) =>
          status.observedGeneration !== metadata.generation &&
          // On hosts that are not there: what was before stays until the new one is placed.
          !('hosts' in spec.place),
      );
      if (waiting.length > 0) throw new Error(JSON.stringify(waiting[0], undefined, 1));
      return true as const;
    },
    DEADLINE_MS,
  );
const startFleet = (): void => {
  fleet = new SupervisedFleet({ program, flags: ['--resync', '1s'] });
};
const stopFleet = (): Promise<void> => fleet[Symbol.asyncDispose]();

/** What would reach for machines, images and folders that are not there, or make them: tried at rest. */
const AT_REST =
  /^agent\.spec\.(?:place$|place\.(?:host|hosts|hostSelector|failoverAfter|runtime|slurm|docker|podman|apptainer|reservation)\b|workspace|profile|session|dependsOn)/;

describe.each(EXPLAINED)('every field of %s', (kind) => {
  beforeAll(startFleet);
  afterAll(stopFleet);
  const base = (name: string): Json => (kind === 'agent' ? running(name, 'tmux') : named(BASES[kind] ?? {}, name));

  it('refuses what it cannot take, located, with no effect at all', async () => {
    await applied([base('kept')]);
    if (kind === 'agent') await settled(['kept']);
    const before = await all(kind);
    const done = effects();
    const wrong = allFieldPaths(kind).flatMap((path, i) =>
      [...new Set(fc.sample(wrongValues(path), { numRuns: WRONG, seed: SEED + i }))].map((value) => ({ path, value })),
    );
    expect(wrong.length).toBeGreaterThan(5);
    // Each would change what is there, if it were taken.
    const answers: string[] = [];
    for (const { path, value } of wrong) {
      const manifest = withField(base('kept'), path, value);
      const refused = await apply([manifest]).then(
        ({ errors, results }) => errors.length === 1 && results.length === 0,
        () => true,
      );
      if (!refused) answers.push(`${path} = ${JSON.stringify(value)} was taken`);
    }
    expect(answers).toEqual([]);
    for (const [i, { path, value }] of wrong.entries())
      fleet.write(`wrong/m${i}.yaml`, JSON.stringify(withField(base(`wrong-${i}`), path, value)));
    const { code, stdout, stderr } = await fleet.sac(['apply', '-f', 'wrong', '-o', 'name']);
    rmSync(join(fleet.dir, 'wrong'), { recursive: true });
    expect([code, stdout]).toEqual([2, '']);
    const silent = wrong.filter(({ path }, i) => {
      const words = stderr.split('\n').filter((line) => line.includes(`wrong/m${i}.yaml:`));
      return !words.some((line) => /\.yaml:\d+:\d+ /.test(line) && line.includes(path.split('.').at(-1) ?? ''));
    });
    expect(silent).toEqual([]);
    expect(effects()).toBe(done);
    const after = await all(kind);
    expect(after.map(({ metadata, spec }) => [metadata.name, metadata.generation, spec])).toEqual(
      before.map(({ metadata, spec }) => [metadata.name, metadata.generation, spec]),
    );
  });

  it('changed and changed back is as it was', async () => {
    const ways = (kind === 'agent' ? ['tmux', 'process'] : []).map((runtime) =>
      manifestsOf('agent', running('x', runtime)),
    );
    const resting = manifestsOf(kind, BASES[kind] ?? {});
    const pairs = resting.flatMap((field, i) => {
      const { path } = field;
      if (/metadata\.name$/.test(path)) return [];
      const name = `${kind}-${i}`;
      const runs = kind === 'agent' && !AT_REST.test(path);
      const runtime = /\bprocess\b/.test(path) || (i % 2 === 1 && !/\btmux\b/.test(path)) ? 'process' : 'tmux';
      const was = runs ? running(name, runtime) : named(BASES[kind] ?? {}, name);
      const way = runs ? ways[runtime === 'tmux' ? 0 : 1]?.find((one) => one.path === path) : field;
      const changed = way && validOne({ ...way, manifest: way.manifest.filter(isSmall) }, name, SEED + i);
      // What a change leaves out of a mapping stays as it was.
      return changed ? [{ path, name, runs, was, changed: merged(was, changed) as Json }] : [];
    });
    // Some exclude each other, and some need another one.
    expect(pairs.length).toBeGreaterThan(resting.length * (kind === 'notifier' ? 0.4 : 0.8));
    expect(pairs.filter(({ changed }) => !isValid(changed))).toEqual([]);
    const alive = pairs.filter(({ runs }) => runs).map(({ name }) => name);
    const originals = pairs.map(({ was }) => was);

    if ((await fleet.agents()).some(({ metadata }) => metadata.name === 'kept'))
      await fleet.ask('delete', (client) => client.remove('kept'));
    await until('none but these', async () => !(await fleet.agents()).some(({ metadata }) => metadata.name === 'kept'));
    await applied(originals);
    if (kind === 'agent') await observed();
    await settled(alive);
    const before = await remembered(kind);
    await applied(pairs.map(({ changed }) => changed));
    if (kind === 'agent') await observed();
    await applied(originals);
    if (kind === 'agent') await observed();
    await settled(alive);
    expect(await remembered(kind)).toEqual(before);

    const file = fleet.write('was.yaml', originals.map((manifest) => `---\n${JSON.stringify(manifest)}\n`).join(''));
    const { code, stdout } = await fleet.sac(['diff', '-f', file]);
    expect([code, stdout]).toEqual([0, '']);
    expect(readDiary(fleet).doubles).toEqual([]);
    const lives = markedProcesses(fleet).filter(({ program: name }) => name === 'life.pl');
    expect(lives.map(({ id }) => id).sort()).toEqual(alive.map((name) => `${fleet.fleetId}.${name}`).sort());
  }, 300_000);
});

const isSmall = (manifest: Json): boolean => !/"replicas":(?:[4-9]|\d\d)/.test(JSON.stringify(manifest));

/** What is stored, and with what each agent would be started. */
async function remembered(kind: string): Promise<Json> {
  const things = await all(kind);
  const told: Record<string, unknown> = {};
  for (const { metadata, spec } of things) {
    const { name, labels, annotations } = metadata;
    const launch =
      kind === 'agent' ? (await fleet.ask('render', (client) => client.render(name))).launchHash : undefined;
    told[name] = { labels, annotations, spec, launch };
  }
  return told;
}

describe('a broken state', () => {
  beforeAll(startFleet);
  afterAll(stopFleet);
  /** Each keeps an agent from being well. */
  const BROKEN: Readonly<Record<string, Json>> = {
    'no-such-command': { command: ['/nowhere/at-all'] },
    'ends-at-once': { command: ['false'] },
    'ends-for-good': { command: ['false'] },
    // How an agent is prepared counts from its next start on: another variable makes one.
    'no-prestart': { hooks: { preStart: ['exit 7'] }, env: { MORE: '1' } },
    'no-env-file': { envFiles: ['/nowhere/env'] },
    'no-venv': { venv: '/nowhere/venv' },
    'no-workspace': { workspace: '/proc/nowhere' },
    'no-place': { place: { runtime: 'tmux', host: 'nowhere' } },
    'no-image': { place: { runtime: 'docker', docker: { image: 'nowhere.invalid/none', pull: 'never' } } },
  };

  /** Of these an end is final: only what is declared anew begins again. */
  const ONCE = ['ends-for-good'];

  /** Where it is the start that failed, what it is told with. */
  const WHY: Readonly<Record<string, RegExp>> = {
    'no-such-command': /^\/nowhere\/at-all is not installed here/,
    'no-prestart': /^preStart hook failed with code 7: exit 7$/,
    'no-env-file': /^envFiles: \/nowhere\/env cannot be read; make it/,
    'no-venv': /^venv: \/nowhere\/venv is no Python venv/,
    'no-workspace': /^workspace \/proc\/nowhere cannot be used$/,
  };

  it('is told, and heals when the change is taken back', async () => {
    const names = Object.keys(BROKEN);
    const was = names.map((name, i) => {
      const well = running(name, i % 2 === 0 ? 'tmux' : 'process');
      return { ...well, spec: merged(well['spec'], ONCE.includes(name) ? { restart: { policy: 'never' } } : {}) };
    });
    await applied(was);
    await settled(names);
    const before = await remembered('agent');
    await applied(names.map((name, i) => ({ ...was[i], spec: merged(was[i]?.['spec'], BROKEN[name]) })));
    await until(
      'all to be told as broken',
      async () => {
        const well = (await fleet.agents()).filter(
          ({ metadata, status }) => status.observedGeneration !== metadata.generation || status.ready,
        );
        if (well.length > 0) throw new Error(well.map(({ metadata }) => metadata.name).join());
        return true;
      },
      DEADLINE_MS,
    );
    for (const [name, why] of Object.entries(WHY)) {
      const told = await until(`why of ${name}`, async () => {
        const { status } = await fleet.json(['get', 'agent', name]);
        if (why.test(status.instances[0]?.lastExit?.message ?? '')) return status.instances[0].lastExit.message;
        throw new Error(JSON.stringify(status.instances));
      });
      await until(`the event of ${name}`, async () =>
        (await fleet.ask('events', (client) => client.list('events'))).items.some(
          ({ reason, message, regarding }) =>
            reason === 'Exited' && regarding.name === name && message.includes(`(${told})`),
        ),
      );
    }
    await applied(was);
    const healed = await settled(names);
    expect(healed.filter(({ status }) => !status.ready)).toEqual([]);
    expect(await remembered('agent')).toEqual(before);
    expect(readDiary(fleet).doubles).toEqual([]);
  }, 300_000);
});

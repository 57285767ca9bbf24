import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gitSourceSpecSchema, NO_GIT_STATUS } from '../../../api/resources/kinds/git-source.ts';
import type { Source } from '../../../api/resources/meta.ts';
import type { FleetPort, FleetThing } from './fleet-port.ts';
import { GitSource } from './git-source.ts';
import type { Head, Relation } from './repository/repository.ts';
import { Turns } from './running/turns.ts';

/** What a commit holds: agents by name; `!` in front: a file that does not parse. */
type Commit = { readonly names: readonly string[]; readonly signed: boolean; readonly relation: Relation };

const TURNS = new Turns({
  now: () => 0,
  after(_delayMs, run) {
    queueMicrotask(run);
    return () => undefined;
  },
});

/** A fleet in memory; a transaction that throws leaves it as it was. */
function memoryFleet(others: readonly string[]) {
  let content = new Map<string, Source>(others.map((name) => [`Agent/${name}`, { kind: 'git', name: 'other' }]));
  const port: FleetPort = {
    *things(): Iterable<FleetThing> {
      for (const [key, source] of content) yield { key, source, deleting: false, ready: true };
    },
    async transaction(work) {
      const staged = new Map(content);
      const result = await work({
        async apply({ items, source, dryRun }) {
          const results = items.map(({ manifest }) => {
            const key = `Agent/${manifest.metadata?.name ?? ''}`;
            const action = staged.has(key) ? ('unchanged' as const) : ('created' as const);
            if (!dryRun) staged.set(key, source);
            return { kind: 'Agent', name: key.slice(6), action, generation: 1, restarts: false };
          });
          return { results, errors: [] };
        },
        async remove(key) {
          staged.delete(key);
        },
        async applied() {},
      });
      content = staged;
      return result;
    },
  };
  return {
    port,
    owned: (by: string) =>
      [...content]
        .filter(([, { name }]) => name === by)
        .map(([key]) => key.slice(6))
        .sort(),
  };
}

const text = (name: string) =>
  name.startsWith('!')
    ? 'kind: ['
    : `apiVersion: sac/v1\nkind: Agent\nmetadata: {name: ${name}}\nspec: {command: [x]}\n`;

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'taken');
const commit = fc.record({
  names: fc.tuple(fc.uniqueArray(name), fc.boolean()).map(([names, broken]) => (broken ? [...names, '!x'] : names)),
  signed: fc.boolean(),
  relation: fc.constantFrom<Relation>('continues', 'continues', 'rewritten'),
});

it('waits for what is still being deleted and comes again; neither is a failure', async () => {
  const fleet = memoryFleet([]);
  let leaving = true;
  const things = function* (): Iterable<FleetThing> {
    if (leaving) yield { key: 'Agent/a', source: { kind: 'git', name: 'fleet' }, deleting: true, ready: true };
  };
  const head = { commit: '1'.repeat(40), ref: 'refs/heads/main' };
  const source = new GitSource({
    name: 'fleet',
    fleet: { ...fleet.port, things },
    now: () => 0,
    turns: TURNS,
    repository: {
      resolve: async () => head,
      fetch: async () => ({ head, relation: 'continues' }),
      files: async () => [{ path: 'a.yaml', bytes: Buffer.from(text('a')) }],
      signature: async () => ({ ok: true, by: 'ada' }),
      keep: async () => undefined,
    },
  });
  const spec = gitSourceSpecSchema.parse({ url: 'https://host/x' });
  const first = await source.sync({ spec, status: NO_GIT_STATUS });
  expect(first.status.conditions.find(({ type }) => type === 'Synced')).toMatchObject({
    status: 'Unknown',
    reason: 'Progressing',
    message: '111111111111 is applied as soon as Agent/a is gone, being deleted now.',
  });
  expect(first.retryMs).toBeGreaterThan(0);
  leaving = false;
  const second = await source.sync({ spec, status: first.status });
  expect(second.status.lastAppliedRevision).toBe(head.commit);
});

it('the fleet stands at one commit, whole; nothing of others is touched; refused commits change nothing', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(commit, { maxLength: 8 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 100 }),
      async (commits, prune, percent) => {
        const fleet = memoryFleet(['taken', 'foreign']);
        let now: { readonly head: Head; readonly commit: Commit } | undefined;
        const source = new GitSource({
          name: 'fleet',
          fleet: fleet.port,
          now: () => 0,
          turns: TURNS,
          repository: {
            resolve: async () => now?.head ?? { commit: '', ref: '' },
            fetch: async (head) => ({ head, relation: now?.commit.relation ?? 'continues' }),
            files: async () =>
              (now?.commit.names ?? []).map((one) => ({ path: `${one}.yaml`, bytes: Buffer.from(text(one)) })),
            signature: async () => (now?.commit.signed ? { ok: true, by: 'ada' } : { ok: false, why: 'is not signed' }),
            keep: async () => undefined,
          },
        });
        const spec = gitSourceSpecSchema.parse({
          url: 'https://host/x',
          prune,
          maxPrunePercent: percent,
          verify: { allowedSigners: ['ada ssh-ed25519 AAAA'] },
        });
        let status = NO_GIT_STATUS;
        for (const [at, commit] of commits.entries()) {
          now = { head: { commit: String(at).padStart(40, '0'), ref: 'refs/heads/main' }, commit };
          const before = fleet.owned('fleet');
          const first = await source.sync({ spec, status });
          status = first.status;
          const after = fleet.owned('fleet');
          const applied = status.lastAppliedRevision === now.head.commit;
          expect(status.conditions.find(({ type }) => type === 'Synced')?.status).toBe(applied ? 'True' : 'False');
          if (!applied) expect(after).toEqual(before);
          else {
            expect(
              commit.signed &&
                commit.relation !== 'rewritten' &&
                !commit.names.includes('!x') &&
                !commit.names.includes('taken'),
            ).toBe(true);
            const kept = before.filter((one) => !commit.names.includes(one));
            expect(after).toEqual([...commit.names, ...(prune ? [] : kept)].sort());
            if (prune) expect(kept.length * 100).toBeLessThanOrEqual(before.length * percent);
            if (commit.names.length === 0) expect(before).toEqual([]);
          }
          expect(fleet.owned('other')).toEqual(['foreign', 'taken']);
          // The same sync again changes nothing.
          const again = await source.sync({ spec, status });
          expect([again.changed, fleet.owned('fleet')]).toEqual([[], after]);
        }
      },
    ),
  );
});

it('a commit that is wrong is read once, however often it is found again', async () => {
  let reads = 0;
  const source = new GitSource({
    name: 'fleet',
    fleet: memoryFleet([]).port,
    now: () => 0,
    turns: TURNS,
    repository: {
      resolve: async () => ({ commit: '1'.repeat(40), ref: 'refs/heads/main' }),
      fetch: async (head) => ({ head, relation: 'continues' }),
      files: async () => {
        reads++;
        return [{ path: 'bad.yaml', bytes: Buffer.from('kind: [') }];
      },
      signature: async () => ({ ok: true, by: 'ada' }),
      keep: async () => undefined,
    },
  });
  const spec = gitSourceSpecSchema.parse({ url: 'https://host/x' });
  const first = await source.sync({ spec, status: NO_GIT_STATUS });
  const again = await source.sync({ spec, status: first.status });
  expect(again.status).toEqual(first.status);
  expect(again.status.problems).toEqual([expect.stringContaining('bad.yaml:1:')]);
  expect(reads).toBe(1);
});

it('a source that was small stands back for others before the many files of a commit are read', async () => {
  let at = 0;
  const turns = new Turns({
    now: () => at,
    after(delayMs, run) {
      at += delayMs;
      queueMicrotask(run);
      return () => undefined;
    },
  });
  void turns.during(() => new Promise<never>(() => undefined));
  let names: readonly string[] = [];
  const manifest = (one: string) => ({ path: `${one}.yaml`, bytes: Buffer.from(text(one)), id: one });
  const source = new GitSource({
    name: 'fleet',
    fleet: memoryFleet([]).port,
    now: () => at,
    turns,
    repository: {
      resolve: async () => ({ commit: String(names.length).padStart(40, '0'), ref: 'refs/heads/main' }),
      fetch: async (head) => ({ head, relation: 'continues' }),
      async files(_commit, _path, _signal, listed) {
        await listed?.(names.map(manifest));
        return names.map(manifest);
      },
      signature: async () => ({ ok: true, by: 'ada' }),
      keep: async () => undefined,
    },
  });
  const spec = gitSourceSpecSchema.parse({ url: 'https://host/x' });
  const waited = async (count: number, status = NO_GIT_STATUS) => {
    names = Array.from({ length: count }, (_, i) => `a${i}`);
    const from = at;
    return { status: (await source.sync({ spec, status })).status, ms: at - from };
  };
  // A new source gives way before it fetches; that is not meant here.
  const first = await waited(1);
  const small = await waited(2, first.status);
  expect(small.ms).toBe(0);
  const large = await waited(150, small.status);
  expect(large.ms).toBeGreaterThanOrEqual(2_000);
  expect(large.ms).toBeLessThanOrEqual(3_000);
  // All but one of them are known by now.
  expect((await waited(151, { ...large.status, agents: 1 })).ms).toBe(0);
});

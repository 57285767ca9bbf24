import { createHmac } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Fleet, until } from '../harness.ts';
import { agent, Forge, type Repo } from './forge.ts';

let forge: Forge;
let fleet: Fleet;
let repo: Repo;
beforeEach(() => {
  forge = new Forge();
  fleet = new Fleet({ SAC_GIT_ALLOW: 'file,http', SAC_GIT_HOOK: 'between us' });
  repo = forge.repo();
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
  await forge[Symbol.asyncDispose]();
});

const declare = (spec: string, name = 'fleet', url = repo.url) =>
  fleet.ok(['apply', '-f', '-'], {
    stdin: `apiVersion: sac/v1\nkind: GitSource\nmetadata: {name: ${name}}\nspec:\n  url: ${url}\n${spec}`,
  });
const source = async (name = 'fleet') => (await fleet.json(['get', 'source', name])).status;
const condition = async (type: string, name = 'fleet') =>
  (await source(name)).conditions?.find((one: { type: string }) => one.type === type);
const agents = async (): Promise<readonly string[]> =>
  (await fleet.json(['get', 'agents'])).items
    .map(({ metadata }: { metadata: { name: string } }) => metadata.name)
    .sort();

/** Refused for this reason, and nothing of it applied. */
const refused = (reason: string) =>
  until(`the commit is refused: ${reason}`, async () => {
    const synced = await condition('Synced');
    return synced?.reason === reason && synced;
  });

describe('a git source', () => {
  it('applies what is pushed within its interval; a broken commit is refused whole and the next one mends it', async () => {
    const first = repo.push({ 'agents/web/spec.yaml': agent('web'), 'agents/api.yaml': agent('api') });
    await fleet.controller();
    await declare('  path: agents\n  interval: 500ms\n  prune: true\n  targetLabels: {team: core}\n');
    await until('both run', async () => (await condition('Ready'))?.status === 'True');
    expect(await source()).toMatchObject({
      revision: first,
      lastAppliedRevision: first,
      agents: 2,
      drift: [],
      problems: [],
    });
    const web = await fleet.json(['get', 'agent', 'web']);
    expect(web.metadata).toMatchObject({
      labels: { team: 'core' },
      source: { kind: 'git', name: 'fleet', revision: first },
    });

    const broken = repo.push({
      'agents/web/spec.yaml': agent('web', '  model: big\n'),
      'agents/new.yaml': agent('new'),
      'agents/bad.yaml': agent('bad', '  restart:\n    policy: sometimes\n'),
      'agents/api.yaml': undefined,
    });
    const synced = await refused('InvalidManifests');
    expect(synced.message).toContain(broken.slice(0, 12));
    expect((await source()).problems).toEqual([
      expect.stringMatching(/^agents\/bad\.yaml:8:13 spec\.restart\.policy: "sometimes".*commit /),
    ]);
    expect(await source()).toMatchObject({ lastAppliedRevision: first, lastAttemptedRevision: broken });
    expect(await agents()).toEqual(['api', 'web']);
    expect((await fleet.json(['get', 'agent', 'web'])).spec.model).toBe(undefined);

    const mended = repo.push({ 'agents/bad.yaml': undefined });
    await until('the mended commit is applied', async () => (await source()).lastAppliedRevision === mended);
    await until('api is pruned', async () => (await agents()).join() === 'new,web');
    expect((await fleet.ok(['get', 'sources'])).trim().split('\n')).toHaveLength(2);
  });

  it('is told of a push by webhook, signed, and syncs at once', async () => {
    repo.push({ 'web.yaml': agent('web') });
    const port = 20_000 + (process.pid % 20_000);
    await fleet.controller(['--listen', `127.0.0.1:${port}`]);
    await declare('  interval: 1h\n  webhook: {secretEnv: SAC_GIT_HOOK}\n');
    await until('it is applied', async () => (await condition('Synced'))?.status === 'True');
    const commit = repo.push({ 'api.yaml': agent('api') });
    const body = JSON.stringify({ ref: 'refs/heads/main', after: commit });
    const sign = (secret: string) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    const post = (secret: string, name = 'fleet') =>
      new Promise<number>((resolve, reject) => {
        const headers = {
          'content-type': 'application/json',
          'x-github-event': 'push',
          'x-hub-signature-256': sign(secret),
        };
        request({ host: '127.0.0.1', port, path: `/hooks/git/${name}`, method: 'POST', headers }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
          .on('error', reject)
          .end(body);
      });
    expect([await post('guessed'), await post('between us', 'other')]).toEqual([403, 403]);
    expect(await post('between us')).toBe(202);
    await until('the pushed agent runs', async () =>
      (await fleet.json(['get', 'agents'])).items.some(
        (one: { metadata: { name: string }; status: { phase: string } }) =>
          one.metadata.name === 'api' && one.status.phase === 'Running',
      ),
    );
    expect(await post('between us')).toBe(200);
  });

  it('says why pushes are refused when the secret of its webhook is not there', async () => {
    repo.push({ 'web.yaml': agent('web') });
    await fleet.controller();
    await declare('  interval: 1h\n  webhook: {secretEnv: SAC_GIT_NOWHERE}\n');
    await fleet.ok(['sync', 'fleet', '--wait']);
    const post = () =>
      new Promise<number>((resolve, reject) => {
        const sent = request(
          {
            socketPath: join(fleet.home, 'sac.sock'),
            path: '/hooks/git/fleet',
            method: 'POST',
            headers: { 'content-type': 'application/json', 'x-hub-signature-256': 'sha256=00' },
          },
          (answer) => {
            answer.resume();
            resolve(answer.statusCode ?? 0);
          },
        );
        sent.on('error', reject).end('{"ref":"refs/heads/main"}');
      });
    expect([await post(), await post()]).toEqual([403, 403]);
    const told = await until(
      'it is told',
      async () => {
        const { items } = await fleet.json(['get', 'events']);
        const found = items.filter(({ reason }: { reason: string }) => reason === 'WebhookSecretMissing');
        return found.length > 0 && found;
      },
      60_000,
    );
    expect(told).toHaveLength(1);
    expect(told[0].message).toContain('no environment variable SAC_GIT_NOWHERE');
  });

  it('keeps what is there when history is rewritten, the branch is gone, or too much would go; force takes it', async () => {
    repo.push({ 'a.yaml': agent('a'), 'b.yaml': agent('b'), 'c.yaml': agent('c') });
    await fleet.controller();
    await declare('  interval: 300ms\n  prune: true\n');
    await until('it is applied', async () => (await condition('Synced'))?.status === 'True');
    const applied = (await source()).lastAppliedRevision;

    repo.push({ 'a.yaml': undefined, 'b.yaml': undefined });
    await refused('PruneLimit');
    expect(await agents()).toEqual(['a', 'b', 'c']);
    repo.push({ 'c.yaml': undefined, 'README.md': 'empty' });
    await refused('EmptyTree');
    expect(await agents()).toEqual(['a', 'b', 'c']);
    expect((await fleet.sac(['sync', 'fleet', '--force'])).code).not.toBe(0);

    repo.git('checkout', '-q', '--orphan', 'fresh');
    repo.commit({ 'a.yaml': agent('a'), 'z.yaml': agent('z') });
    repo.git('push', '-q', '-f', 'origin', 'HEAD:main');
    await refused('HistoryRewritten');
    expect(await agents()).toEqual(['a', 'b', 'c']);
    forge.git(repo.bare, ['update-ref', '-d', 'refs/heads/main']);
    await until('the branch is missed', async () => (await condition('Fetched'))?.reason === 'RefMissing');
    expect(await agents()).toEqual(['a', 'b', 'c']);
    expect((await source()).lastAppliedRevision).toBe(applied);

    repo.git('push', '-q', 'origin', 'HEAD:main');
    await refused('HistoryRewritten');
    await fleet.ok(['sync', 'fleet', '--force', '--wait']);
    await until('the new history is the fleet', async () => (await agents()).join() === 'a,z');
  });

  it('puts back what is changed by hand, or says so; two sources never share an agent', async () => {
    const web = agent('web').replace('name: web', 'name: web\n  labels: {level: "1"}');
    repo.push({ 'web.yaml': web });
    await fleet.controller();
    await declare('  interval: 300ms\n');
    await until('it is applied', async () => (await condition('Synced'))?.status === 'True');
    const level = async () => (await fleet.json(['get', 'agent', 'web'])).metadata.labels.level;
    const change = (value: string) => fleet.sac(['label', 'agent', 'web', `level=${value}`, '--overwrite', '--force']);
    const byHand = web.replace('"1"', '"2"');
    expect((await fleet.sac(['apply', '-f', '-'], { stdin: byHand })).code).not.toBe(0);

    const other = forge.repo('other');
    other.push({ 'web.yaml': web.replace('"1"', '"9"'), 'own.yaml': agent('own') });
    await declare('  interval: 300ms\n', 'second', other.url);
    await until('the second says Conflict', async () => (await condition('Synced', 'second'))?.reason === 'Conflict');
    expect(await agents()).toEqual(['web']);
    expect(await level()).toBe('1');
    await fleet.ok(['delete', 'source', 'second']);
    expect(await change('3')).toMatchObject({ code: 0 });
    await until('it is put back', async () => (await level()) === '1');
    await declare('  interval: 300ms\n  driftPolicy: warn\n');
    await until(
      'the new policy is known',
      async () => (await fleet.json(['get', 'source', 'fleet'])).spec.driftPolicy === 'warn',
    );
    expect(await change('4')).toMatchObject({ code: 0 });
    await until('drift is told', async () => (await source()).drift.join() === 'Agent/web');
    expect(await level()).toBe('4');
    await fleet.ok(['sync', 'fleet', '--force']);
    expect(await level()).toBe('1');
    expect((await source()).drift).toEqual([]);
  });

  it('hears of every change by hand long before its interval: refused, put back, or told by driftPolicy', async () => {
    const web = agent('web').replace('name: web', 'name: web\n  labels: {level: "1"}');
    repo.push({ 'web.yaml': web });
    await fleet.controller();
    await declare('  interval: 1h\n');
    await fleet.ok(['sync', 'fleet', '--wait']);
    const get = async () => fleet.json(['get', 'agent', 'web']);
    const born = async (): Promise<string> => (await get()).metadata.creationTimestamp;
    const first = await born();
    const refusal = await fleet.sac(['apply', '-f', '-'], {
      stdin: web.replace(/\nspec:\n/, '\nspec:\n  model: big\n'),
    });
    expect(refusal).toMatchObject({ code: 4 });
    expect(refusal.stderr).toContain('spec.model is declared by git fleet');
    expect(refusal.stderr).toContain('sac suspend fleet');
    expect((await fleet.sac(['label', 'agent', 'web', 'level=2', '--overwrite'])).code).toBe(4);
    expect((await get()).metadata.labels.level).toBe('1');

    // Nobody declares how many run: that is the operators' business, and stays.
    await fleet.ok(['scale', 'web', '--replicas', '2']);
    await fleet.ok(['label', 'agent', 'web', 'level=3', '--overwrite', '--force']);
    await until('it is put back', async () => (await get()).metadata.labels.level === '1', 60_000);
    expect((await get()).spec.replicas).toBe(2);
    const deleted = await fleet.sac(['delete', 'agent', 'web']);
    expect(deleted.stderr).toContain('is declared by git source fleet and comes back');
    await until('it is there again', async () => (await agents()).length === 1 && (await born()) !== first, 60_000);

    await declare('  interval: 1h\n  driftPolicy: warn\n');
    await until(
      'the new policy is known',
      async () => (await fleet.json(['get', 'source', 'fleet'])).spec.driftPolicy === 'warn',
      60_000,
    );
    await fleet.ok(['delete', 'agent', 'web', '--wait']);
    await until('it is told', async () => (await source()).drift.join() === 'Agent/web', 60_000);
    expect(await agents()).toEqual([]);
    await fleet.ok(['sync', 'fleet', '--force']);
    expect(await agents()).toEqual(['web']);
  });

  it('has one rule for all kinds: a Budget of a commit is changed there, what its operators do with it stays', async () => {
    const budget = (agents: number) =>
      `apiVersion: sac/v1\nkind: Budget\nmetadata: {name: few}\nspec: {agents: ${agents}}\n`;
    repo.push({ 'few.yaml': budget(5) });
    await fleet.controller();
    await declare('  interval: 1h\n');
    await fleet.ok(['sync', 'fleet', '--wait']);
    const few = async () => fleet.json(['get', 'budget', 'few']);
    const refused = await fleet.sac(['apply', '-f', '-'], { stdin: budget(6) });
    expect(refused).toMatchObject({ code: 4 });
    expect(refused.stderr).toContain('is declared by git fleet');
    // Nobody declares whether it rests, or this label: that is the operators' business, and stays.
    await fleet.ok(['suspend', 'budget/few']);
    await fleet.ok(['label', 'budget', 'few', 'watched=yes']);
    await fleet.ok(['apply', '-f', '-', '--force-conflicts'], { stdin: budget(7) });
    await until('it is put back', async () => (await few()).spec.agents === 5);
    expect((await few()).spec.suspend).toBe(true);
    expect(await fleet.ok(['get', 'budgets'])).toMatch(/\nfew +\S+,Suspended /);
    expect((await few()).metadata.labels).toEqual({ watched: 'yes' });
    const born = (await few()).metadata.creationTimestamp;
    const deleted = await fleet.sac(['delete', 'budget', 'few']);
    expect(deleted).toMatchObject({ code: 0, stdout: 'budget/few deleted\n' });
    expect(deleted.stderr).toContain('note: budget/few is declared by git source fleet and comes back');
    await until('it is there again', async () => {
      const found = await fleet.json(['get', 'budgets']);
      return found.items.some(
        ({ metadata }: { metadata: { creationTimestamp: string } }) => metadata.creationTimestamp !== born,
      );
    });
    repo.push({ 'few.yaml': budget(8) });
    await fleet.ok(['sync', 'fleet', '--wait']);
    expect((await few()).spec).toMatchObject({ agents: 8, suspend: false });
  });

  it('names a circle of sources, and is adopted from a source that is gone', async () => {
    repo.push({ 'web.yaml': agent('web') });
    await fleet.controller();
    await declare('  interval: 1h\n  dependsOn: [second]\n');
    const circle = await fleet.sac(['apply', '-f', '-'], {
      stdin: `apiVersion: sac/v1\nkind: GitSource\nmetadata: {name: second}\nspec: {url: '${repo.url}', dependsOn: [fleet]}\n`,
    });
    expect(circle.code).not.toBe(0);
    expect(circle.stderr).toContain('waits for itself: second → fleet → second');
    await declare('  interval: 1h\n');
    await fleet.ok(['sync', 'fleet', '--wait']);
    await fleet.ok(['delete', 'source', 'fleet']);
    await declare('  interval: 1h\n', 'second');
    const refused = await fleet.sac(['sync', 'second']);
    expect(refused.stdout + refused.stderr).toContain('`sac sync second --force` adopts it');
    await fleet.ok(['sync', 'second', '--force', '--wait']);
    expect((await fleet.json(['get', 'agent', 'web'])).metadata.source).toMatchObject({ name: 'second' });
  });

  it('shows what would change, rests, and is rolled back to an earlier commit', async () => {
    const first = repo.push({ 'web.yaml': agent('web') });
    await fleet.controller();
    await declare('  interval: 1h\n');
    await fleet.ok(['sync', 'fleet', '--wait']);
    expect((await fleet.sac(['diff', 'source/fleet'])).code).toBe(0);
    const second = repo.push({ 'web.yaml': agent('web', '  model: big\n'), 'api.yaml': agent('api') });
    const diff = await fleet.sac(['diff', 'source/fleet']);
    expect(diff.code).toBe(1);
    expect(diff.stdout).toContain('+  model: big');
    expect(await agents()).toEqual(['web']);
    await fleet.ok(['suspend', 'fleet']);
    await until('it rests', async () => (await condition('Ready'))?.reason === 'Suspended');
    expect((await source()).lastAppliedRevision).toBe(first);
    // It will not by waiting either.
    const resting = await fleet.sac(['sync', 'fleet', '--wait']);
    expect(resting).toMatchObject({ code: 1, stdout: '' });
    expect(resting.stderr).toContain('not synced: The source is suspended');
    expect(resting.stderr).toContain('`sac resume fleet`');
    await fleet.ok(['resume', 'fleet']);
    await until('it goes on', async () => (await source()).lastAppliedRevision === second);
    await fleet.ok(['rollback', 'source/fleet', '--to', first.slice(0, 10)]);
    expect(await source()).toMatchObject({ lastAppliedRevision: first, heldAt: first });
    expect((await fleet.json(['get', 'agent', 'web'])).spec.model).toBe(undefined);
    expect((await fleet.sac(['rollback', 'fleet', '--to', '1'.repeat(40)])).code).not.toBe(0);
    expect((await source()).heldAt).toBe(first);
    await fleet.ok(['sync', 'fleet']);
    expect(await source()).toMatchObject({ lastAppliedRevision: second });
    expect((await fleet.json(['get', 'agent', 'web'])).spec.model).toBe('big');
    await until('the page tells all of it', async () => {
      const page = await fleet.ok(['describe', 'source', 'fleet']);
      const tells = /\nConditions:\n {2}TYPE +STATUS[\s\S]*\n {2}Synced +True[\s\S]*\nEvents:\n[\s\S]*Applied/.test(
        page,
      );
      if (!tells || !page.includes(`lastAppliedRevision: ${second}`)) throw new Error(page);
      return true;
    });
  });

  it('is waited for by apply --wait, also in vain', async () => {
    // An agent whose time has not come is no reason to wait.
    repo.push({ 'web.yaml': agent('web'), 'night.yaml': agent('night', "  schedule: {cron: '0 0 29 2 *'}\n") });
    await fleet.controller();
    const manifest = (url: string) => ({
      stdin: `apiVersion: sac/v1\nkind: GitSource\nmetadata: {name: fleet}\nspec: {url: '${url}', interval: 1h}\n`,
    });
    const refusal = await fleet.sac(['apply', '-f', '-', '--wait'], manifest('git://127.0.0.1/no.git'));
    expect(refusal.code).not.toBe(0);
    const said = await fleet.ok(['apply', '-f', '-', '--wait', '--timeout', '60s'], manifest(repo.url));
    expect(said).toContain('gitsource/fleet synced');
    expect((await fleet.json(['get', 'agent', 'web'])).status.ready).toBe(true);
  });

  it('takes 5,000 files, and a kill in the middle of a sync ends in the same state', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, i) => [`agents/a${i}.yaml`, agent(`a${i}`, '  suspend: true\n')]),
    );
    const commit = repo.push(files);
    const controller = await fleet.controller();
    await declare('  path: agents\n  interval: 1h\n  timeout: 60s\n');
    const cache = join(fleet.home, 'git', 'fleet');
    const fetched = () =>
      existsSync(cache) && readdirSync(cache, { recursive: true }).some((name) => /\.pack$/.test(String(name)));
    // It is fetched, and now being read or written.
    await until('the commit is here', fetched, 60_000);
    controller.kill('SIGKILL');
    await until('it is dead', () => controller.signalCode !== null);
    await fleet.controller();
    await until('all of the commit is there', async () => (await source()).lastAppliedRevision === commit, 200_000);
    expect(await agents()).toHaveLength(5_000);
    expect((await fleet.sac(['diff', 'source/fleet'])).code).toBe(0);
  }, 300_000);

  it('waits for what it depends on', async () => {
    const base = forge.repo('base');
    base.push({ 'base.yaml': agent('base', '  restart: {policy: sometimes}\n') });
    repo.push({ 'web.yaml': agent('web') });
    await fleet.controller();
    await declare('  interval: 300ms\n', 'base', base.url);
    await declare('  interval: 300ms\n  dependsOn: [base]\n');
    await until('it waits', async () => (await condition('Ready'))?.reason === 'DependencyNotReady');
    expect(await agents()).toEqual([]);
    base.push({ 'base.yaml': agent('base') });
    await until('both are applied', async () => (await agents()).join() === 'base,web');
  });
});

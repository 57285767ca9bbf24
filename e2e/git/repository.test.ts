import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLocalTransport } from '../../adapters/transport/local/local-transport.ts';
import { gitSourceSpecSchema } from '../../api/resources/kinds/git-source.ts';
import { GitCommand } from '../../controller/desired/git/repository/command.ts';
import { GitError } from '../../controller/desired/git/repository/git-error.ts';
import { LIMITS, Repository, type RepositoryLimits } from '../../controller/desired/git/repository/repository.ts';
import { agent, Forge, gpgKey, rawEntry } from './forge.ts';

let forge: Forge;
beforeEach(() => {
  forge = new Forge();
});
afterEach(() => forge[Symbol.asyncDispose]());

const transport = createLocalTransport(process.env);
const command = (extraProtocols: readonly ('file' | 'http')[] = ['file', 'http']) =>
  new GitCommand({ transport, path: process.env['PATH'] ?? '', extraProtocols });

function open(
  url: string,
  more: {
    readonly auth?: object;
    readonly env?: Record<string, string>;
    readonly limits?: Partial<RepositoryLimits>;
    readonly git?: GitCommand;
    readonly timeout?: string;
  } = {},
): Repository {
  const { auth = {}, timeout = '20s' } = more;
  const spec = gitSourceSpecSchema.parse({ url, auth, timeout });
  return new Repository(spec, {
    git: more.git ?? command(),
    dir: join(forge.dir, 'cache'),
    secrets: { env: more.env ?? {}, secretsDir: join(forge.dir, 'secrets') },
    limits: { ...LIMITS, ...more.limits },
  });
}

const failure = async (promise: Promise<unknown>): Promise<GitError> => {
  const error = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof GitError)) throw error;
  return error;
};
const MAIN = { branch: 'main' };
const get = async (repository: Repository, ref = MAIN, from?: string) =>
  repository.fetch(await repository.resolve(ref), from);
const paths = async (repository: Repository, commit: string, path = '.') =>
  (await repository.files(commit, path)).map((file) =>
    'refused' in file ? `${file.path}: ${file.refused}` : file.path,
  );

describe('a repository', () => {
  it('gives the files of one exact commit, with their bytes, below a folder', async () => {
    const repo = forge.repo();
    const commit = repo.push({
      'agents/web/spec.yaml': agent('web'),
      'agents/büro.yaml': agent('buero'),
      'agents/src_notes.yaml': 'x',
      'agents/_old/x.yaml': 'x',
      'agents/.ci/x.yaml': 'x',
      'README.md': 'hello',
      'other.yaml': 'y',
    });
    const repository = open(repo.url);
    const { head, relation } = await get(repository);
    expect({ head, relation }).toEqual({ head: { commit, ref: 'refs/heads/main' }, relation: 'continues' });
    expect(await paths(repository, commit, 'agents')).toEqual(['agents/büro.yaml', 'agents/web/spec.yaml']);
    expect(await paths(repository, commit, './agents//web/')).toEqual(['agents/web/spec.yaml']);
    const [first] = await repository.files(commit, 'agents/web');
    expect(first && 'bytes' in first && Buffer.from(first.bytes).toString()).toBe(agent('web'));
    expect((await failure(repository.files(commit, 'nowhere'))).kind).toBe('RefMissing');
    expect((await failure(repository.files(commit, 'README.md'))).kind).toBe('RefMissing');
  });

  it('finds branches, tags, annotated tags, versions and commits, and says which are not there', async () => {
    const repo = forge.repo();
    const first = repo.push({ 'a.yaml': agent('a') });
    repo.git('tag', 'v1.2.0');
    const second = repo.commit({ 'b.yaml': agent('b') });
    repo.git('tag', '-a', '-m', 'x', 'v1.10.0');
    const third = repo.commit({ 'c.yaml': agent('c') });
    repo.git('tag', 'v2.0.0');
    repo.git('tag', 'v3.0.0-rc.1');
    repo.git('push', '-q', 'origin', 'main', '--tags', 'main:refs/heads/x/refs/heads/other');
    const repository = open(repo.url);
    const at = async (ref: object) => (await repository.fetch(await repository.resolve(ref), undefined)).head;
    expect(await at({ branch: 'main' })).toEqual({ commit: third, ref: 'refs/heads/main' });
    expect(await at({ tag: 'v1.2.0' })).toEqual({ commit: first, ref: 'refs/tags/v1.2.0' });
    expect(await at({ semver: '^1.0' })).toMatchObject({ commit: second, ref: 'refs/tags/v1.10.0' });
    expect(await at({ semver: '*' })).toEqual({ commit: third, ref: 'refs/tags/v2.0.0' });
    expect(await at({ commit: first })).toEqual({ commit: first, ref: first });
    for (const ref of [{ branch: 'other' }, { tag: 'v9' }, { semver: '^9' }, { commit: '1'.repeat(40) }])
      expect((await failure(at(ref))).kind).toBe('RefMissing');
  });

  it('tells a branch that continues from one that was rewritten, also across merges', async () => {
    const repo = forge.repo();
    const base = repo.push({ 'a.yaml': agent('a') });
    repo.git('checkout', '-q', '-b', 'side');
    for (let i = 0; i < 5; i++) repo.commit({ [`s${i}.yaml`]: agent(`s${i}`) });
    repo.git('checkout', '-q', 'main');
    const applied = repo.push({ 'b.yaml': agent('b') });
    const repository = open(repo.url);
    expect((await get(repository, MAIN, undefined)).relation).toBe('continues');
    expect((await get(repository, MAIN, applied)).relation).toBe('same');
    repo.git('merge', '-q', '-m', 'merge', 'side');
    const merged = repo.push({});
    expect(await get(repository, MAIN, applied)).toMatchObject({ head: { commit: merged }, relation: 'continues' });
    for (let i = 0; i < 40; i++) repo.commit({ 'b.yaml': agent('b', `# ${i}\n`) });
    repo.push({});
    expect((await get(repository, MAIN, merged)).relation).toBe('continues');
    repo.git('reset', '-q', '--hard', base);
    repo.commit({ 'z.yaml': agent('z') });
    repo.git('push', '-q', '-f', 'origin', 'main');
    expect((await get(repository, MAIN, merged)).relation).toBe('rewritten');
    repo.git('reset', '-q', '--hard', base);
    repo.git('push', '-q', '-f', 'origin', 'main');
    expect((await get(repository, MAIN, merged)).relation).toBe('rewritten');
    // Another controller, which has nothing yet, finds the same.
    await repository.forget();
    expect((await get(open(repo.url), MAIN, merged)).relation).toBe('rewritten');
  });

  it('gets well from a cache that is broken, locked, or of another repository', async () => {
    const repo = forge.repo();
    repo.push({ 'a.yaml': agent('a') });
    await get(open(repo.url));
    const cache = join(forge.dir, 'cache');
    const gitDir = join(cache, readdirSync(cache).find((name) => name.endsWith('.git')) ?? '');
    writeFileSync(join(gitDir, 'shallow.lock'), '');
    writeFileSync(join(gitDir, 'objects', 'pack', 'tmp_pack_x'), 'x');
    writeFileSync(join(cache, 'out-left'), 'x');
    const second = repo.push({ 'b.yaml': agent('b') });
    const repository = open(repo.url);
    expect((await get(repository)).head.commit).toBe(second);
    expect(readdirSync(cache).filter((name) => !name.endsWith('.git'))).toEqual([]);
    // Within one process too: the orphan of a killed command may hold a lock.
    writeFileSync(join(gitDir, 'shallow.lock'), '');
    const third = repo.push({ 'c.yaml': agent('c') });
    expect((await get(repository)).head.commit).toBe(third);
    for (const pack of readdirSync(join(gitDir, 'objects', 'pack')))
      writeFileSync(join(gitDir, 'objects', 'pack', pack), 'broken');
    const fourth = repo.push({ 'd.yaml': agent('d') });
    expect((await get(open(repo.url))).head.commit).toBe(fourth);
    expect(await paths(open(repo.url), fourth)).toContain('d.yaml');
    const other = forge.repo('other');
    const commit = other.push({ 'o.yaml': agent('o') });
    expect((await get(open(other.url))).head.commit).toBe(commit);
    expect(readdirSync(cache)).toHaveLength(1);
  });

  it('stays small after many fetches', async () => {
    const repo = forge.repo();
    const repository = open(repo.url);
    let from: string | undefined;
    for (let i = 0; i < 30; i++) {
      repo.push({ 'a.yaml': agent('a', `# ${i}\n`) });
      const { head } = await get(repository, MAIN, from);
      from = head.commit;
      await repository.keep(from);
    }
    const cache = join(forge.dir, 'cache');
    const gitDir = join(cache, readdirSync(cache).find((name) => name.endsWith('.git')) ?? '');
    expect(readdirSync(join(gitDir, 'objects', 'pack')).filter((name) => name.endsWith('.pack')).length).toBeLessThan(
      26,
    );
    expect(await paths(repository, from ?? '')).toEqual(['a.yaml']);
  });
});

describe('how a repository is reached', () => {
  it('over ssh with a key and a known host, and not otherwise', async () => {
    const repo = forge.repo();
    const commit = repo.push({ 'a.yaml': agent('a') });
    const { base, key, knownHosts } = await forge.ssh();
    const url = `${base}/fleet.git`;
    expect((await get(open(url, { auth: { sshKeyFile: key, knownHostsFile: knownHosts } }))).head.commit).toBe(commit);
    // The first key is kept; a host that then shows another one is refused.
    expect((await get(open(url, { auth: { sshKeyFile: key } }))).head.commit).toBe(commit);
    const kept = join(forge.dir, 'cache', 'known_hosts');
    const stranger = readFileSync(join(forge.dir, 'sshd', 'stranger.pub'), 'utf8').split(' ')[1];
    writeFileSync(kept, readFileSync(kept, 'utf8').replace(/(ssh-ed25519) \S+/, `$1 ${stranger}`));
    expect((await failure(get(open(url, { auth: { sshKeyFile: key } })))).kind).toBe('AccessDenied');
    const denied = await failure(
      get(open(url, { auth: { sshKeyFile: join(forge.dir, 'sshd', 'stranger'), knownHostsFile: knownHosts } })),
    );
    expect(denied.kind).toBe('AccessDenied');
  });

  it('over http with a token from the environment or a private file, never shown', async () => {
    const repo = forge.repo();
    const commit = repo.push({ 'a.yaml': agent('a') });
    const base = await forge.http({ user: 'git', password: 'wonder-token' });
    const url = `${base}/fleet.git`;
    const env = { SAC_GIT_TOKEN: 'wonder-token', SAC_GIT_WRONG: 'other-token' };
    expect((await get(open(url, { auth: { tokenEnv: 'SAC_GIT_TOKEN' }, env }))).head.commit).toBe(commit);
    for (const auth of [{}, { tokenEnv: 'SAC_GIT_WRONG' }, { tokenEnv: 'SAC_GIT_ABSENT' }, { tokenFile: 'absent' }]) {
      const error = await failure(get(open(url, { auth, env })));
      expect(error.kind).toBe('AccessDenied');
      expect(error.message).not.toMatch(/other-token|wonder-token/);
    }
    forge.run(['mkdir', join(forge.dir, 'secrets')]);
    writeFileSync(join(forge.dir, 'secrets', 'token'), 'wonder-token\n', { mode: 0o600 });
    expect((await get(open(url, { auth: { tokenFile: 'token' } }))).head.commit).toBe(commit);
    forge.run(['chmod', '644', join(forge.dir, 'secrets', 'token')]);
    expect((await failure(get(open(url, { auth: { tokenFile: 'token' } })))).message).toMatch(/may be read by others/);
    expect(readdirSync(join(forge.dir, 'cache')).filter((name) => name.startsWith('auth-'))).toEqual([]);
  });

  it('over https only with a certificate that is trusted', async () => {
    const repo = forge.repo();
    const commit = repo.push({ 'a.yaml': agent('a') });
    const tls = forge.certificate();
    const base = await forge.http(undefined, tls);
    expect((await get(open(`${base}/fleet.git`, { auth: { caFile: tls.cert } }))).head.commit).toBe(commit);
    expect((await failure(get(open(`${base}/fleet.git`)))).kind).toBe('Unreachable');
  });

  it('not by protocols nobody asked for', async () => {
    const repo = forge.repo();
    repo.push({ 'a.yaml': agent('a') });
    const base = await forge.http();
    const git = command([]);
    expect((await failure(get(open(repo.url, { git })))).kind).toBe('Refused');
    expect((await failure(get(open(`${base}/fleet.git`, { git })))).kind).toBe('Refused');
  });

  it('gives up a server that does not answer, in time', async () => {
    const silent = await forge.silent();
    const error = await failure(open(silent, { timeout: '1s' }).resolve(MAIN));
    expect(error.kind).toBe('Unreachable');
    const cancel = new AbortController();
    const asked = failure(open(silent).resolve(MAIN, cancel.signal));
    cancel.abort();
    expect((await asked).kind).toBe('Cancelled');
  });
});

describe('signatures', () => {
  it('by OpenPGP: only the listed keys count', async () => {
    const repo = forge.repo();
    const ada = gpgKey(forge, 'ada');
    const eve = gpgKey(forge, 'eve');
    const signed = repo.push({ 'a.yaml': agent('a') }, [`-S${ada.fingerprint}`]);
    const foreign = repo.push({ 'b.yaml': agent('b') }, [`-S${eve.fingerprint}`]);
    const plain = repo.push({ 'c.yaml': agent('c') });
    const repository = open(repo.url);
    const check = async (commit: string, keys: readonly string[]) => {
      await repository.fetch({ commit, ref: commit }, undefined);
      return repository.signature({ commit, ref: commit }, { keys: [...keys], allowedSigners: [], mode: 'commit' });
    };
    expect(await check(signed, [ada.armoured])).toEqual({ ok: true, by: ada.fingerprint });
    expect(await check(signed, [eve.armoured])).toEqual({
      ok: false,
      why: 'is signed by none of those listed in verify',
    });
    expect(await check(foreign, [ada.armoured])).toMatchObject({ ok: false });
    expect(await check(foreign, [ada.armoured, eve.armoured])).toEqual({ ok: true, by: eve.fingerprint });
    expect(await check(plain, [ada.armoured])).toEqual({ ok: false, why: 'is not signed' });
    expect((await failure(check(signed, ['-----BEGIN PGP PUBLIC KEY BLOCK-----\nrubbish']))).kind).toBe('Refused');
    // The same signature over another content.
    const forged = repo.object(
      'commit',
      forge.git(repo.bare, ['cat-file', 'commit', signed]).replace('change', 'chance'),
    );
    forge.git(repo.bare, ['update-ref', 'refs/heads/forged', forged]);
    expect(await check(forged, [ada.armoured])).toEqual({
      ok: false,
      why: 'has a signature that does not fit its content',
    });
  });

  it('by SSH: only the listed signers count; tags too', async () => {
    const repo = forge.repo();
    for (const name of ['ada', 'eve'])
      forge.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(forge.dir, name)]);
    const line = (name: string) => `${name}@example.org ${readFileSync(join(forge.dir, `${name}.pub`), 'utf8').trim()}`;
    const ssh = (name: string) => ['-c', 'gpg.format=ssh', '-c', `user.signingkey=${join(forge.dir, name)}`];
    const sign = (name: string) => {
      repo.git(...ssh(name), 'commit', '-q', '-S', '--allow-empty', '-m', name);
      repo.git('push', '-q', 'origin', 'HEAD');
      return repo.git('rev-parse', 'HEAD');
    };
    const repository = open(repo.url);
    const check = async (ref: object, names: readonly string[], mode: 'commit' | 'tag' = 'commit') => {
      const { head } = await repository.fetch(await repository.resolve(ref), undefined);
      return repository.signature(head, { keys: [], allowedSigners: names.map(line), mode });
    };
    const good = sign('ada');
    expect(await check({ commit: good }, ['ada'])).toEqual({ ok: true, by: 'ada@example.org' });
    expect(await check({ commit: good }, ['eve'])).toMatchObject({ ok: false });
    const bad = sign('eve');
    expect(await check({ commit: bad }, ['ada'])).toMatchObject({ ok: false });
    repo.git(...ssh('ada'), 'tag', '-s', '-m', 'x', 'v1.0.0');
    repo.git('tag', '-a', '-m', 'x', 'v1.1.0');
    repo.git('tag', 'v1.2.0');
    repo.git('push', '-q', 'origin', '--tags');
    expect(await check({ tag: 'v1.0.0' }, ['ada'], 'tag')).toEqual({ ok: true, by: 'ada@example.org' });
    expect(await check({ tag: 'v1.1.0' }, ['ada'], 'tag')).toEqual({ ok: false, why: 'is not signed' });
    expect(await check({ tag: 'v1.2.0' }, ['ada'], 'tag')).toMatchObject({ ok: false });
    // The signed tag again, under a name that would win.
    repo.git('push', '-q', 'origin', 'refs/tags/v1.0.0:refs/tags/v9.0.0');
    expect(await check({ semver: '*' }, ['ada'], 'tag')).toMatchObject({
      ok: false,
      why: expect.stringContaining('another name'),
    });
  });
});

describe('a hostile repository', () => {
  it('executes nothing and writes nothing outside: hooks, filters, submodules, attributes', async () => {
    const marker = join(forge.dir, 'executed');
    const repo = forge.repo();
    repo.push({
      'a.yaml': agent('a'),
      '.gitattributes': '* filter=evil diff=evil merge=evil export-subst\n',
      '.gitmodules': `[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% ${marker}\n\tupdate = !touch ${marker}\n`,
      '.gitconfig': `[core]\n\thooksPath = .\n\tsshCommand = touch ${marker}\n`,
      'hooks/post-checkout': `#!/bin/sh\ntouch ${marker}\n`,
      '.lfsconfig': `[lfs]\n\turl = http://127.0.0.1:1/\n`,
    });
    const before = readdirSync(forge.dir).sort();
    const repository = open(repo.url);
    const { head } = await get(repository);
    expect(await paths(repository, head.commit)).toEqual(['a.yaml']);
    expect(existsSync(marker)).toBe(false);
    expect(readdirSync(forge.dir).sort()).toEqual([...before, 'cache'].sort());
  });

  it('cannot lead out of its tree: links, "..", ".git", absolute and odd names', async () => {
    const repo = forge.repo();
    repo.push({ 'good.yaml': agent('good') });
    const blob = repo.object('blob', agent('evil'));
    const link = repo.object('blob', '/etc/passwd');
    const good = repo.object('blob', agent('good'));
    const inner = repo.object('tree', Buffer.concat([rawEntry('100644', 'evil.yaml', blob)]));
    const raw = repo.object(
      'tree',
      Buffer.concat([
        rawEntry('40000', '..', inner),
        rawEntry('40000', '.GIT', inner),
        rawEntry('100644', '/abs.yaml', blob),
        rawEntry('100644', 'a\\b\n\u001b[2J.yaml', blob),
        rawEntry('100644', 'good.yaml', good),
        rawEntry('120000', 'link.yaml', link),
        rawEntry('120000', 'passwd', link),
        rawEntry('160000', 'sub', '1'.repeat(40)),
        rawEntry('100644', '--upload-pack=touch x.yaml', blob),
      ]),
    );
    const commit = repo.commitTree(raw);
    const repository = open(repo.url);
    const error = await get(repository).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    // Whether git itself refuses such a tree depends on its version; if it does not, we do.
    if (error instanceof GitError) return;
    const found = await paths(repository, commit);
    const refused = found.filter((line) => line.includes(': '));
    expect(found.filter((line) => !line.includes(': '))).toEqual(
      ['a\\b\n\u001b[2J.yaml', 'good.yaml', '--upload-pack=touch x.yaml'].sort(
        (a, b) => found.indexOf(a) - found.indexOf(b),
      ),
    );
    expect(refused.map((line) => line.split(': ')[0]).sort()).toEqual([
      '../evil.yaml',
      '.GIT/evil.yaml',
      '/abs.yaml',
      'link.yaml',
      'passwd',
    ]);
  });

  it('cannot fill the disk or the memory: large files, many files, trees of trees', async () => {
    const repo = forge.repo();
    repo.push({ 'good.yaml': agent('good'), 'huge.yaml': `# ${'x'.repeat(2_000_000)}\n` });
    let repository = open(repo.url);
    let { head } = await get(repository);
    expect(await paths(repository, head.commit)).toEqual([
      'good.yaml',
      expect.stringMatching(/^huge.yaml: is larger than/),
    ]);

    // 10 trees of 10 entries each make 10^10 files of one blob.
    let tree = repo.mktree([['100644', 'blob', repo.object('blob', 'x'), 'x.yaml']]);
    for (let depth = 0; depth < 10; depth++)
      tree = repo.mktree(Array.from({ length: 10 }, (_, i) => ['040000', 'tree', tree, `d${i}`] as const));
    repo.commitTree(tree);
    ({ head } = await get(repository));
    expect((await failure(repository.files(head.commit, '.'))).kind).toBe('Refused');

    repository = open(repo.url, { limits: { entries: 10 } });
    const many = forge.repo('many');
    many.push(Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`a${i}.yaml`, agent(`a${i}`)])));
    repository = open(many.url, { limits: { entries: 10 } });
    ({ head } = await get(repository));
    expect((await failure(repository.files(head.commit, '.'))).kind).toBe('Refused');
    repository = open(many.url, { limits: { totalBytes: 500 } });
    expect((await failure(repository.files(head.commit, '.'))).kind).toBe('Refused');

    const large = forge.repo('large');
    large.push({
      'noise.bin': Array.from({ length: 200_000 }, (_, i) => ((i * 2_654_435_761) % 4_294_967_296).toString(36)).join(
        '',
      ),
    });
    repository = open(large.url, { limits: { packBytes: 100_000 } });
    expect((await failure(get(repository))).kind).toBe('Refused');
    const packs = readdirSync(join(forge.dir, 'cache'), { recursive: true })
      .map(String)
      .filter((name) => /pack\/./.test(name));
    for (const pack of packs) expect(statSync(join(forge.dir, 'cache', pack)).size).toBeLessThan(120_000);
  });

  it('cannot pass options to git or ssh by its address or its refs', () => {
    for (const url of [
      '--upload-pack=touch /tmp/x',
      'ext::sh -c id',
      'ssh://-oProxyCommand=id/x',
      'ssh://-u@host/x',
      '-oProxyCommand=id:x',
      'git@host:-x',
      'https://user:secret@host/x',
      'file://host/x',
      'fd::17',
    ])
      expect(gitSourceSpecSchema.safeParse({ url, auth: { sshKeyFile: '/k' } }).success, url).toBe(false);
    for (const branch of [
      '-x',
      '--upload-pack=x',
      'a..b',
      'a b',
      'a*',
      'x.lock',
      '@{-1}',
      'a:b',
      '/x',
      'x/',
      'a\u0000',
    ])
      expect(gitSourceSpecSchema.safeParse({ url: 'https://host/x', ref: { branch } }).success, branch).toBe(false);
    for (const path of ['../x', '/etc', 'a/../b', '.git/hooks', 'a\nb'])
      expect(gitSourceSpecSchema.safeParse({ url: 'https://host/x', path }).success, path).toBe(false);
  });

  it('is read by nobody else: the cache is private', async () => {
    const repo = forge.repo();
    repo.push({ 'a.yaml': agent('a') });
    symlinkSync('/etc', join(repo.work, 'etc'));
    const { head } = await get(open(repo.url));
    expect(statSync(join(forge.dir, 'cache')).mode & 0o777).toBe(0o700);
    expect(head.commit).toMatch(/^[0-9a-f]{40}$/);
  });
});

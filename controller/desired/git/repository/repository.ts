/**
 * Owns: our copy of one remote repository: which commit a ref names now, having that commit, whether it continues another.
 * Never: checks anything out, or trusts what an interrupted command left behind.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitRef, GitSourceSpec } from '../../../../api/resources/kinds/git-source.ts';
import { highestTag, parseRange } from '../../../../api/resources/kinds/semver.ts';
import { durationMs } from '../../../../api/resources/time.ts';
import type { GitCommand } from './command.ts';
import { type Credentials, openCredentials, type SecretPlaces } from './credentials.ts';
import { GitError, TooLargeError } from './git-error.ts';
import { checkSignature, type Signature } from './signature.ts';
import { type Listed, readTree, type TreeFile, type TreeLimits } from './tree.ts';

export interface RepositoryOptions {
  readonly git: GitCommand;
  /** Folder of this source alone; made 0700. */
  readonly dir: string;
  readonly secrets: SecretPlaces;
  readonly limits: RepositoryLimits;
}
export interface RepositoryLimits extends TreeLimits {
  /** Largest pack that is fetched, bytes. */
  readonly packBytes: number;
}

export const LIMITS: RepositoryLimits = {
  packBytes: 256 * 1024 * 1024,
  entries: 50_000,
  fileBytes: 1024 * 1024,
  totalBytes: 64 * 1024 * 1024,
};

/** What the remote has under a ref. */
export interface Head {
  readonly commit: string;
  /** `refs/heads/main`, `refs/tags/v1.2.0`, or the commit's id. */
  readonly ref: string;
  /** Id of the annotated tag, which may be signed. */
  readonly tag?: string;
}
/** `same` and `continues`: nothing is lost by going there. */
export type Relation = 'same' | 'continues' | 'rewritten';

type Spec = Pick<GitSourceSpec, 'url' | 'auth' | 'timeout'>;

/** How far back history is fetched to see whether a branch continues; the second step only when the first does not tell. */
const DEPTHS = [32, 1024] as const;
/** More packs than this are made into one. */
const MAX_PACKS = 24;
const OBJECT_ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const HEAD = 'refs/sac/head';
const APPLIED = 'refs/sac/applied';

/** What a source asks of its repository. */
export type SourceRepository = Pick<
  Repository,
  'resolve' | 'fetch' | 'files' | 'signature' | 'keep' | 'expand' | 'forget'
>;

export class Repository {
  readonly #options: RepositoryOptions;
  readonly #spec: Spec;
  #ready: string | undefined;
  /** The commit that `keep` was asked for last: most syncs find it again. */
  #kept: string | undefined;
  /** What was too large: fetching it again at every interval would cost the same and end the same. */
  #tooLarge: { readonly commit: string; readonly error: TooLargeError } | undefined;

  constructor(spec: Spec, options: RepositoryOptions) {
    this.#spec = spec;
    this.#options = options;
  }

  /** Asks the remote alone; nothing is fetched. Throws GitError. */
  async resolve(ref: GitRef, signal?: AbortSignal): Promise<Head> {
    if (ref.commit !== undefined) return { commit: ref.commit, ref: ref.commit };
    const wanted = ref.branch !== undefined ? `refs/heads/${ref.branch}` : `refs/tags/${ref.tag ?? '*'}`;
    const refs = await this.#withCredentials((credentials) => this.#listRemote(wanted, credentials, signal));
    const name = ref.semver === undefined ? wanted : semverRef(ref.semver, refs);
    // An annotated tag is listed twice; the second time as what it points at.
    const commit = refs.get(`${name}^{}`) ?? refs.get(name);
    if (commit === undefined) throw new GitError('RefMissing', `${this.#shown} has no ${describe(ref)}`);
    const object = refs.get(name);
    return { commit, ref: name, ...(object !== undefined && object !== commit && { tag: object }) };
  }

  /**
   * Gets the commit and says how it follows `from`, the commit that is applied. The commit in the answer is what was
   * really fetched: a branch may have moved since it was resolved. Throws GitError.
   */
  async fetch(
    head: Head,
    from: string | undefined,
    signal?: AbortSignal,
  ): Promise<{ readonly head: Head; readonly relation: Relation }> {
    try {
      return await this.#fetch(head, from, signal);
    } catch (error) {
      if (!(error instanceof GitError) || error.kind !== 'CacheBroken') throw error;
      await this.#discard();
      return this.#fetch(head, from, signal);
    }
  }

  /** All manifests below `path` in exactly this commit; `listed` may hold them up once it is known which. Throws GitError. */
  async files(
    commit: string,
    path: string,
    signal?: AbortSignal,
    listed?: (files: readonly Listed[]) => Promise<void>,
  ): Promise<readonly TreeFile[]> {
    const { git, dir, limits } = this.#options;
    return readTree(
      { git, gitDir: await this.#open(), scratch: dir, timeoutMs: this.#timeoutMs, limits, ...(signal && { signal }) },
      commit,
      path,
      listed,
    );
  }

  /** Whether the commit, or the tag that names it, is signed by one of those listed. Throws GitError. */
  async signature(head: Head, verify: NonNullable<GitSourceSpec['verify']>, signal?: AbortSignal): Promise<Signature> {
    const { git, dir } = this.#options;
    const access = {
      git,
      gitDir: await this.#open(),
      scratch: dir,
      timeoutMs: this.#timeoutMs,
      ...(signal && { signal }),
    };
    return checkSignature(access, head, verify);
  }

  /** Keeps the commit from being cleared away, and clears away what is no longer needed. */
  async keep(commit: string): Promise<void> {
    const gitDir = await this.#open();
    if (this.#kept === commit) return;
    const { git } = this.#options;
    const common = { gitDir, timeoutMs: this.#timeoutMs, doing: `keeping ${commit}` };
    await git.run(['update-ref', APPLIED, commit], common);
    const packs = (await readdir(join(gitDir, 'objects', 'pack'))).filter((name) => name.endsWith('.pack'));
    if (packs.length > MAX_PACKS) await git.run(['repack', '-a', '-d', '-q'], common);
    this.#kept = commit;
  }

  /** The full id of a commit of our copy that begins like this; the text itself when there is none, or several. */
  async expand(revision: string): Promise<string> {
    if (!/^[0-9a-f]{4,63}$/.test(revision)) return revision;
    return (await this.#commitAt(await this.#open(), revision)) ?? revision;
  }

  /** Removes our copy, with everything it holds. */
  async forget(): Promise<void> {
    this.#ready = undefined;
    this.#kept = undefined;
    await rm(this.#options.dir, { recursive: true, force: true });
  }

  async #fetch(head: Head, from: string | undefined, signal?: AbortSignal) {
    const gitDir = await this.#open(head.commit.length === 64 ? 'sha256' : 'sha1');
    const look = async () => this.#objects(gitDir, [HEAD, `${HEAD}^{commit}`, `${head.commit}^{tree}`]);
    let [has, commit, tree] = await look();
    if (has !== (head.tag ?? head.commit) || tree === undefined) {
      await this.#get(gitDir, head, from !== undefined && head.ref.startsWith('refs/heads/') ? DEPTHS[0] : 1, signal);
      [has, commit, tree] = await look();
    }
    if (commit === undefined) throw new GitError('Refused', `${this.#shown}: ${head.ref} names no commit`);
    const fetched = { ...head, commit };
    return { head: fetched, relation: await this.#relation(gitDir, fetched, from, signal) };
  }

  async #relation(gitDir: string, head: Head, from: string | undefined, signal?: AbortSignal): Promise<Relation> {
    if (from === undefined || !head.ref.startsWith('refs/heads/')) return 'continues';
    if (from === head.commit) return 'same';
    for (const depth of DEPTHS) {
      if (await this.#isAncestor(gitDir, from, head.commit)) return 'continues';
      if (!(await this.#isShallow(gitDir))) return 'rewritten';
      await this.#get(gitDir, head, depth, signal);
    }
    return (await this.#isAncestor(gitDir, from, head.commit)) ? 'continues' : 'rewritten';
  }

  async #get(gitDir: string, head: Head, depth: number, signal?: AbortSignal): Promise<void> {
    if (this.#tooLarge?.commit === head.commit) throw this.#tooLarge.error;
    try {
      await this.#getAll(gitDir, head, depth, signal);
    } catch (error) {
      if (error instanceof TooLargeError) this.#tooLarge = { commit: head.commit, error };
      throw error;
    }
  }

  async #getAll(gitDir: string, head: Head, depth: number, signal?: AbortSignal): Promise<void> {
    await this.#withCredentials(async (credentials) => {
      const fetch = (refspecs: readonly string[], how: readonly string[]) =>
        this.#options.git.run(
          [
            'fetch',
            '--quiet',
            '--no-tags',
            '--no-write-fetch-head',
            '--no-recurse-submodules',
            '--force',
            ...how,
            '--',
            this.#spec.url,
            ...refspecs,
          ],
          {
            gitDir,
            timeoutMs: this.#timeoutMs,
            maxFileBytes: this.#options.limits.packBytes,
            env: credentials.env,
            config: credentials.config,
            doing: `fetching ${head.ref} of ${this.#shown}`,
            ...(signal && { signal }),
          },
        );
      try {
        await fetch([`+${head.ref}:${HEAD}`], [`--depth=${depth}`]);
      } catch (error) {
        await this.#assertNotCut(gitDir, error);
        // Old servers give no commit by its id: then all branches are fetched, and it is among them or not there.
        if (!(error instanceof GitError) || head.ref !== head.commit || !/unadvertised|not our ref/.test(error.message))
          throw error;
        await fetch(['+refs/heads/*:refs/sac/all/heads/*', '+refs/tags/*:refs/sac/all/tags/*'], []);
        if (!(await this.#has(gitDir, head.commit)))
          throw new GitError('RefMissing', `${this.#shown} has no commit ${head.commit}`);
        await this.#options.git.run(['update-ref', HEAD, head.commit], {
          gitDir,
          timeoutMs: this.#timeoutMs,
          doing: `noting ${head.commit}`,
        });
      }
    });
  }

  /** git does not say that it hit the size limit; what it left behind does. */
  async #assertNotCut(gitDir: string, error: unknown): Promise<void> {
    const { packBytes } = this.#options.limits;
    const packs = join(gitDir, 'objects', 'pack');
    for (const name of await readdir(packs)) {
      if (!name.startsWith('tmp_')) continue;
      const { size } = await stat(join(packs, name));
      await rm(join(packs, name), { force: true });
      if (size >= packBytes)
        throw new TooLargeError(`${this.#shown} is larger than ${packBytes} bytes`, { cause: error });
    }
  }

  async #listRemote(
    pattern: string,
    credentials: Credentials,
    signal?: AbortSignal,
  ): Promise<ReadonlyMap<string, string>> {
    const listing = await this.#options.git.run(
      ['ls-remote', '--quiet', '--', this.#spec.url, pattern, `${pattern}^{}`],
      {
        timeoutMs: this.#timeoutMs,
        env: credentials.env,
        config: credentials.config,
        doing: `asking ${this.#shown}`,
        ...(signal && { signal }),
      },
    );
    const refs = new Map<string, string>();
    for (const line of listing.split('\n')) {
      const [id = '', name] = line.split('\t');
      if (name !== undefined && OBJECT_ID.test(id)) refs.set(name, id);
    }
    return refs;
  }

  async #withCredentials<T>(use: (credentials: Credentials) => Promise<T>): Promise<T> {
    const credentials = await openCredentials(this.#spec, this.#options.secrets, this.#options.dir);
    try {
      return await use(credentials);
    } finally {
      await credentials[Symbol.asyncDispose]();
    }
  }

  /** Path of the bare repository. At the first use, leftovers of commands that were killed are removed. */
  async #open(format: 'sha1' | 'sha256' = 'sha1'): Promise<string> {
    if (this.#ready !== undefined) return this.#ready;
    const { dir, git } = this.#options;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const wanted = `${createHash('sha256').update(this.#spec.url).digest('hex').slice(0, 16)}.git`;
    for (const name of await readdir(dir))
      if (name !== wanted && name !== 'known_hosts') await rm(join(dir, name), { recursive: true, force: true });
    const gitDir = join(dir, wanted);
    if (!existsSync(join(gitDir, 'HEAD'))) {
      // Complete or not there at all.
      const made = `${gitDir}.new`;
      await git.run(
        ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, '--initial-branch=sac', '--', made],
        {
          timeoutMs: this.#timeoutMs,
          doing: 'making a repository',
        },
      );
      await rm(gitDir, { recursive: true, force: true });
      await rename(made, gitDir);
    }
    await clearLeftovers(gitDir);
    this.#ready = gitDir;
    return gitDir;
  }

  async #discard(): Promise<void> {
    if (this.#ready !== undefined) await rm(this.#ready, { recursive: true, force: true });
    this.#ready = undefined;
    this.#kept = undefined;
  }

  async #commitAt(gitDir: string, ref: string): Promise<string | undefined> {
    return (await this.#objects(gitDir, [`${ref}^{commit}`]))[0];
  }

  /** Ids of what these names name, in their order; undefined: nothing that our copy has. One process for all. */
  async #objects(gitDir: string, names: readonly string[]): Promise<readonly (string | undefined)[]> {
    const { code, stdout } = await this.#options.git.try(['cat-file', '--batch-check=%(objectname)'], {
      gitDir,
      timeoutMs: this.#timeoutMs,
      stdin: names.map((name) => `${name}\n`).join(''),
      doing: `reading ${names.join(', ')}`,
    });
    const lines = stdout.split('\n');
    return names.map((_, i) => (code === 0 && OBJECT_ID.test(lines[i] ?? '') ? lines[i] : undefined));
  }

  async #has(gitDir: string, commit: string): Promise<boolean> {
    const common = { gitDir, timeoutMs: this.#timeoutMs, doing: `looking for ${commit}` };
    return (await this.#options.git.try(['cat-file', '-e', `${commit}^{tree}`], common)).code === 0;
  }

  async #isAncestor(gitDir: string, from: string, to: string): Promise<boolean> {
    const common = { gitDir, timeoutMs: this.#timeoutMs, doing: `comparing ${from} with ${to}` };
    return (await this.#options.git.try(['merge-base', '--is-ancestor', from, to], common)).code === 0;
  }

  async #isShallow(gitDir: string): Promise<boolean> {
    const common = { gitDir, timeoutMs: this.#timeoutMs, doing: 'reading the depth' };
    return (await this.#options.git.run(['rev-parse', '--is-shallow-repository'], common)).trim() === 'true';
  }

  get #timeoutMs(): number {
    return durationMs(this.#spec.timeout);
  }

  get #shown(): string {
    return this.#spec.url.replace(/\/\/[^/@]+@/, '//');
  }
}

const ANY_VERSION = parseRange('*') ?? [];

function semverRef(range: string, refs: ReadonlyMap<string, string>): string {
  const parsed = parseRange(range);
  if (!parsed) throw new GitError('Refused', `spec.ref.semver: "${range}" is not a range of versions`);
  const tags = [...refs.keys()].filter((name) => !name.endsWith('^{}')).map((name) => name.slice('refs/tags/'.length));
  const tag = highestTag(tags, parsed);
  if (tag === undefined) {
    const highest = highestTag(tags, ANY_VERSION);
    const there = highest === undefined ? 'it has no tag that is a version' : `its highest version is ${highest}`;
    throw new GitError('RefMissing', `no tag of the repository is a version in ${range}; ${there}`);
  }
  return `refs/tags/${tag}`;
}

function describe({ branch, tag }: GitRef): string {
  return branch !== undefined ? `branch "${branch}"` : `tag "${tag ?? ''}"`;
}

/** Only one controller works on a home, so what lies here was left by one that is gone. */
async function clearLeftovers(gitDir: string): Promise<void> {
  for (const name of await readdir(gitDir, { recursive: true }))
    if (/\.lock$|(?:^|\/)tmp_[^/]*$/.test(name)) await rm(join(gitDir, name), { force: true });
}

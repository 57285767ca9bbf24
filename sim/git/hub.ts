/**
 * Owns: the git server of the simulation: branches and commits as data, and a repository that fetches from it, with faults.
 * Never: knows what a source makes of a commit.
 */
import { GitError } from '../../controller/desired/git/repository/git-error.ts';
import type { Head, Relation, SourceRepository } from '../../controller/desired/git/repository/repository.ts';
import type { FaultInjector, FetchFault } from '../faults/faults.ts';
import type { Random } from '../random.ts';
import type { VirtualTime } from '../world/virtual-time.ts';

export interface Push {
  /** Text of each file, by path. */
  readonly files: Readonly<Record<string, string>>;
  readonly signed: boolean;
  /** It follows nothing that was there before: history is rewritten. */
  readonly forced: boolean;
}
export interface Commit extends Push {
  readonly id: string;
  readonly parent: Commit | undefined;
}

/** A file that does not parse. */
export const BROKEN = 'kind: [';
const REF = 'refs/heads/main';

/** Whether `to` is `from`, or comes after it. */
export const follows = (to: Commit | undefined, from: Commit): boolean =>
  to !== undefined && (to === from || follows(to.parent, from));

export class Hub {
  /** All that the branch of each source ever pointed to, newest last. */
  readonly #heads = new Map<string, readonly Commit[]>();

  push(source: string, push: Push): Commit {
    const before = this.pushed(source);
    const id = `${mark(source)}${(before.length + 1).toString(16)}`.padEnd(40, '0');
    const commit = { ...push, id, parent: push.forced ? undefined : before.at(-1) };
    this.#heads.set(source, [...before, commit]);
    return commit;
  }

  pushed(source: string): readonly Commit[] {
    return this.#heads.get(source) ?? [];
  }
}

/** Two hexadecimal digits that no other source has. */
const mark = (source: string): string => (source === 'north' ? 'aa' : 'bb');

export interface FakeRepositoryOptions {
  readonly hub: Hub;
  readonly source: string;
  readonly faults: FaultInjector;
  readonly time: VirtualTime;
  readonly random: Random;
  /** The controller that asks is killed. */
  readonly crash: (ms: number) => void;
  readonly trace: (line: string) => void;
  /** A broken one leaves out files that do not parse. */
  readonly skipsBroken: boolean;
  /** A broken one takes every signature for a good one. */
  readonly trustsAll: boolean;
}

export function fakeRepository(options: FakeRepositoryOptions): SourceRepository {
  const { hub, source, faults, time, random, crash, trace, skipsBroken, trustsAll } = options;
  const find = (id: string): Commit => {
    const found = hub.pushed(source).find((commit) => commit.id === id);
    if (!found) throw new GitError('RefMissing', `there is no commit ${id}`);
    return found;
  };
  const strike = (fault: FetchFault | undefined, ms: number): void => {
    if (fault) trace(`fetch of ${source} [${fault}]`);
    if (fault === 'crash') crash(ms);
    if (fault === 'fail') throw new GitError('Unreachable', 'the host cannot be reached');
  };
  return {
    async resolve(): Promise<Head> {
      const [due] = faults.pass('fetch');
      await time.wait(random.int(5, 60));
      strike(due?.do, due?.ms ?? 0);
      const heads = hub.pushed(source);
      // A mirror that lags shows what the branch was before.
      const head = (due?.do === 'stale' ? heads.at(-2) : undefined) ?? heads.at(-1);
      if (!head) throw new GitError('RefMissing', 'there is no branch main');
      return { commit: head.id, ref: REF };
    },
    async fetch(head, from): Promise<{ readonly head: Head; readonly relation: Relation }> {
      await time.wait(random.int(5, 60));
      const relation =
        from === undefined
          ? 'continues'
          : from === head.commit
            ? 'same'
            : follows(find(head.commit), find(from))
              ? 'continues'
              : 'rewritten';
      return { head, relation };
    },
    async files(commit) {
      const [due] = faults.pass('fetch');
      await time.wait(random.int(1, 20));
      strike(due?.do === 'stale' ? undefined : due?.do, due?.ms ?? 0);
      return Object.entries(find(commit).files)
        .filter(([, text]) => !(skipsBroken && text === BROKEN))
        .map(([path, text]) => ({ path, bytes: Buffer.from(text) }));
    },
    async signature({ commit }) {
      return trustsAll || find(commit).signed ? { ok: true, by: 'ada' } : { ok: false, why: 'is not signed' };
    },
    keep: () => Promise.resolve(),
    expand: (revision) => Promise.resolve(revision),
    forget: () => Promise.resolve(),
  };
}

/**
 * Owns: properties 8 (nothing outside a source is touched by it) and 9 (the fleet is at one commit, whole, at every moment; prunes
 * stay within their bounds; what can be applied is), worked out from what was pushed and what reached the disk.
 * Never: asks a source what it thinks, but for the commit that it says is applied.
 */
import { type AgentSpec, agentSpecSchema } from '../../api/resources/agent/agent.ts';
import type { GitSourceSpec } from '../../api/resources/kinds/git-source.ts';
import { canonicalJson } from '../../controller/plan/launch-hash.ts';
import type { AgentRecord, Change } from '../../controller/store/store.ts';
import type { Door } from '../world/door.ts';
import type { Disk } from '../world/memory-store.ts';
import type { VirtualTime } from '../world/virtual-time.ts';
import { BROKEN, type Commit, follows, type Hub } from './hub.ts';

export interface GitLawsOptions {
  readonly hub: Hub;
  readonly disk: Disk;
  readonly door: Door;
  readonly time: VirtualTime;
  readonly sources: Readonly<Record<string, GitSourceSpec>>;
}

type Declared = ReadonlyMap<string, AgentSpec>;
export type Before = (name: string) => AgentRecord | undefined;

export class GitLaws {
  readonly problems: string[] = [];
  readonly #o: GitLawsOptions;
  readonly #declared = new Map<Commit, Declared | undefined>();
  /** Orders to sync by force that may still be carried out, by source. */
  readonly #forced = new Map<string, number>();

  constructor(options: GitLawsOptions) {
    this.#o = options;
  }

  /** Returns what is to be called when the order was answered. */
  forced(source: string): () => void {
    const add = (by: number) => this.#forced.set(source, (this.#forced.get(source) ?? 0) + by);
    add(1);
    return () => add(-1);
  }

  /** With the database goes who declared what; it is found again commit by commit. */
  lost(): void {
    const { door } = this.#o;
    for (const name of [...door.declared.keys()]) if (this.#byGit.has(name)) door.declared.delete(name);
    this.#byGit.clear();
  }
  readonly #byGit = new Set<string>();

  /** A controller has written this. */
  committed(changes: readonly Change[], before: Before): void {
    const touched = changes.flatMap((change) => {
      if (change.type !== 'put-agent') return [];
      const was = before(change.record.name);
      return differs(was, change.record) ? [{ was, is: change.record }] : [];
    });
    if (touched.length === 0) return;
    const [source, ...others] = new Set(touched.map(({ is }) => is.source.name));
    for (const { was, is } of touched) {
      if (is.source.kind !== 'git' || (was && was.source.kind !== 'git'))
        this.#says(8, `${is.name} of ${(was ?? is).source.kind} was touched by a controller`);
      else if (was && was.deletedAt === undefined && was.source.name !== is.source.name)
        this.#says(8, `${is.name} of ${was.source.name} was taken by ${is.source.name}`);
    }
    const spec = source === undefined ? undefined : this.#o.sources[source];
    if (source === undefined || !spec) return;
    if (others.length > 0) this.#says(9, `${[source, ...others].join(' and ')} were written at once`);
    this.#checkPrune(source, spec, touched);
    this.#checkWhole(source, spec, touched);
  }

  #checkPrune(source: string, spec: GitSourceSpec, touched: readonly Touched[]): void {
    const pruned = touched.filter(({ is }) => is.deletedAt !== undefined).length;
    if (pruned === 0) return;
    const created = touched.filter(({ was }) => was === undefined).length;
    const owned = this.#owned(source).length - created + pruned;
    if (!spec.prune) this.#says(9, `${source} deleted ${pruned} although it does not prune`);
    else if (pruned * 100 > owned * spec.maxPrunePercent && (this.#forced.get(source) ?? 0) === 0)
      this.#says(9, `${source} deleted ${pruned} of ${owned}, at most ${spec.maxPrunePercent} % may be`);
  }

  /** All that the source owns is what one commit of it declares. */
  #checkWhole(source: string, { prune, verify }: GitSourceSpec, touched: readonly Touched[]): void {
    const { hub, door, time } = this.#o;
    const owned = this.#owned(source);
    const fits = (commit: Commit): boolean => {
      const declared = this.#declaredBy(commit);
      return (
        declared !== undefined &&
        (commit.signed || !verify) &&
        declared.size > 0 &&
        (!prune || owned.length === declared.size) &&
        [...declared].every(([name, spec]) => owned.some((one) => one.name === name && same(one.spec, spec)))
      );
    };
    const commit = hub.pushed(source).findLast(fits);
    if (!commit)
      this.#says(
        9,
        `${source} owns ${owned.map(({ name }) => name).join(', ') || 'nothing'}, as no commit of it declares`,
      );
    const declared = commit && this.#declaredBy(commit);
    for (const { is } of touched) {
      const spec = is.deletedAt === undefined ? (declared?.get(is.name) ?? is.spec) : undefined;
      this.#byGit.add(is.name);
      door.declared.set(is.name, spec);
      door.log.push({ at: time.now(), name: is.name, spec });
    }
  }

  checkAtRest(): readonly string[] {
    for (const [source, spec] of Object.entries(this.#o.sources)) {
      const applied = this.#applied(source);
      const owned = this.#owned(source);
      const head = this.#o.hub.pushed(source).at(-1);
      const declared = applied && this.#declaredBy(applied);
      if (applied && !declared) this.#says(9, `${source} applied a commit that is not valid`);
      if (applied && spec.verify && !applied.signed) this.#says(9, `${source} applied a commit that is not signed`);
      if (!applied && owned.length > 0)
        this.#says(9, `${source} says that nothing is applied, and owns ${owned.length}`);
      for (const [name, wanted] of declared ?? [])
        if (!owned.some((one) => one.name === name && same(one.spec, wanted)))
          this.#says(9, `${name} is not as the applied commit of ${source} declares it`);
      if (spec.prune && declared && owned.length > declared.size)
        this.#says(9, `${source} owns ${owned.length}, its commit declares ${declared.size}`);
      if (head && head !== applied && !this.#mayRefuse(source, spec, head, applied))
        this.#says(9, `${source} could apply its newest commit, and stays at ${applied?.id ?? 'nothing'}`);
    }
    return this.problems;
  }

  #mayRefuse(source: string, spec: GitSourceSpec, head: Commit, applied: Commit | undefined): boolean {
    const declared = this.#declaredBy(head);
    const owned = this.#owned(source);
    if (!declared || (applied && !follows(head, applied)) || (spec.verify && !head.signed)) return true;
    const taken = [...this.#o.disk.agents.values()].some(
      ({ record }) => declared.has(record.name) && record.deletedAt === undefined && record.source.name !== source,
    );
    const doomed = owned.filter(({ name }) => !declared.has(name)).length;
    return (
      taken ||
      (declared.size === 0 && owned.length > 0) ||
      (spec.prune && doomed * 100 > owned.length * spec.maxPrunePercent)
    );
  }

  #applied(source: string): Commit | undefined {
    const id = this.#o.disk.objects.get('GitSource', source)?.record.status['lastAppliedRevision'];
    return this.#o.hub.pushed(source).find((commit) => commit.id === id);
  }

  #owned(source: string): readonly AgentRecord[] {
    return [...this.#o.disk.agents.values()]
      .map(({ record }) => record)
      .filter(
        (record) => record.source.kind === 'git' && record.source.name === source && record.deletedAt === undefined,
      );
  }

  /** Undefined: some file of it is wrong. */
  #declaredBy(commit: Commit): Declared | undefined {
    if (!this.#declared.has(commit)) this.#declared.set(commit, read(commit));
    return this.#declared.get(commit);
  }

  #says(property: 8 | 9, problem: string): void {
    this.problems.push(`(${property}) ${problem}`);
  }
}

interface Touched {
  readonly was: AgentRecord | undefined;
  readonly is: AgentRecord;
}

const same = (a: unknown, b: unknown): boolean => canonicalJson(a) === canonicalJson(b);

/** Whether somebody changed what is wanted, not merely how far it is. */
const differs = (was: AgentRecord | undefined, is: AgentRecord): boolean =>
  !was ||
  (was.deletedAt === undefined) !== (is.deletedAt === undefined) ||
  was.source.kind !== is.source.kind ||
  was.source.name !== is.source.name ||
  !same(was.spec, is.spec);

function read({ files }: Commit): Declared | undefined {
  const declared = new Map<string, AgentSpec>();
  for (const text of Object.values(files)) {
    if (text === BROKEN) return undefined;
    const { metadata, spec }: { metadata: { name: string }; spec: unknown } = JSON.parse(text);
    const parsed = agentSpecSchema.safeParse(spec);
    if (!parsed.success || declared.has(metadata.name)) return undefined;
    declared.set(metadata.name, parsed.data);
  }
  return declared;
}

/**
 * Owns: who declares what of an agent: which of its fields a change by another hand may not touch, and how that is refused.
 * Never: writes.
 */
import { ConflictError } from '../../api/resources/errors.ts';
import type { Source } from '../../api/resources/meta.ts';
import type { AgentRecord, Store } from '../store/store.ts';
import type { Draft } from './agents/agent-drafts.ts';
import { disputedPaths, leafPaths, type Tree } from './three-way-merge.ts';

type Same = (a: unknown, b: unknown) => boolean;

/** What people do with an agent rather than to its declaration: a commit that does not speak of them leaves them alone. */
export const BY_HAND = ['replicas', 'suspend'] as const;

/** What a git source declared that is gone belongs to nobody. */
export const isOrphaned = (store: Pick<Store, 'object'>, { kind, name }: Source): boolean =>
  kind === 'git' && store.object('GitSource', name) === undefined;

/** Fields that `draft` changes and the record's source declares. Of git that is the whole spec, but for BY_HAND. */
export function fieldsOfSource(record: AgentRecord, draft: Draft, same: Same): readonly string[] {
  const { lastApplied } = record;
  const fields = disputedPaths(declaredSpec(record, draft), record.spec as Tree, draft.spec as Tree, same).map(
    (path) => `spec.${path}`,
  );
  const texts = (what: 'labels' | 'annotations') =>
    Object.keys(lastApplied[what] ?? {})
      .filter((key) => record[what][key] !== draft[what][key])
      .map((key) => `metadata.${what}["${key}"]`);
  const told = [...new Set(fields)].filter((field) => !fields.some((other) => other.startsWith(`${field}.`)));
  return [...told, ...texts('labels'), ...texts('annotations')];
}

function declaredSpec({ lastApplied, source, spec }: AgentRecord, draft: Draft): Tree {
  if (source.kind !== 'git') return lastApplied.spec;
  const free = BY_HAND.filter((key) => !Object.hasOwn(lastApplied.spec, key));
  // A mapping of the one may be a list or nothing in the other: the paths of both are asked.
  const paths = [spec as Tree, draft.spec as Tree, lastApplied.spec].flatMap((tree) => leafPaths(tree));
  return Object.fromEntries(
    paths.filter((path) => !free.some((key) => key === path)).map((path) => [path, true] as const),
  );
}

export function refusedByOwner(record: AgentRecord, fields: readonly string[], asking: Source): ConflictError {
  const { name, source } = record;
  const where = source.path ? `${source.name}/${source.path}` : source.name;
  const are = `agent "${name}": ${fields.join(', ')} ${fields.length === 1 ? 'is' : 'are'} declared by ${source.kind} ${where}`;
  if (asking.kind !== 'apply') return new ConflictError(`${are}; remove one of the two`);
  const way =
    source.kind === 'git'
      ? `commit the change there; by hand it lasts only while the source rests: \`sac suspend ${source.name}\`, then again with --force (apply: --force-conflicts)`
      : 'edit it there, or use --force (apply: --force-conflicts) to change it until that file changes next';
  return new ConflictError(`${are}; ${way}`);
}

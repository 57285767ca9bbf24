/**
 * Owns: whose word counts for a thing that is no agent and that a git source declared: what its operators may change by hand and keep,
 * and that everything else is the commit's. The same rule as ownership.ts has for agents.
 * Never: writes.
 */
import { ConflictError } from '../../api/resources/errors.ts';
import { OBJECT_KINDS, type ObjectKind } from '../../api/resources/kinds/kinds.ts';
import type { ObjectRecord } from '../store/store.ts';

type Same = (a: unknown, b: unknown) => boolean;
type Texts = Readonly<Record<string, string>>;
export interface Declared {
  readonly labels: Texts;
  readonly annotations: Texts;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** What people do with a thing rather than to its declaration. All are off unless somebody says otherwise. */
const BY_HAND: Readonly<Record<ObjectKind, readonly string[]>> = {
  Host: ['cordoned', 'drain'],
  Budget: ['suspend'],
  Notifier: ['suspend'],
  GitSource: ['suspend'],
  Reservation: [],
};
const OFF = false;

/**
 * Of a change by hand: `theirs`, what the operators own now, as paths (`spec.suspend`, `labels.team`); `disputed`, what the commit says
 * and the change says otherwise.
 */
export function changedByHand(
  record: ObjectRecord,
  next: Declared,
  same: Same,
): { readonly theirs: readonly string[]; readonly disputed: readonly string[] } {
  const before = leaves(record);
  const after = leaves(next);
  const owned = new Set(record.byHand);
  const disputed: string[] = [];
  for (const path of new Set([...before.keys(), ...after.keys()])) {
    if (same(before.get(path), after.get(path))) continue;
    if (!owned.has(path) && !mayOwn(record.kind, path, before.get(path))) disputed.push(path);
    else if (isUnsaid(path, after.get(path))) owned.delete(path);
    else owned.add(path);
  }
  return { theirs: [...owned].sort(), disputed };
}

/** What the commit says, with what the operators own and it does not speak of. */
export function withHand(record: ObjectRecord, next: Declared): Declared & { readonly theirs: readonly string[] } {
  const before = leaves(record);
  const said = leaves(next);
  const theirs = (record.byHand ?? []).filter((path) => isUnsaid(path, said.get(path)) && before.has(path));
  const kept = (what: string) =>
    Object.fromEntries(
      theirs.flatMap((path) => (path.startsWith(what) ? [[path.slice(what.length), before.get(path)]] : [])),
    );
  return {
    // Paths of these hold text alone.
    labels: { ...next.labels, ...(kept('labels.') as Texts) },
    annotations: { ...next.annotations, ...(kept('annotations.') as Texts) },
    spec: { ...next.spec, ...kept('spec.') },
    theirs,
  };
}

export function refusedByCommit({ kind, name, source }: ObjectRecord, disputed: readonly string[]): ConflictError {
  const what = `${OBJECT_KINDS[kind].singular} "${name}": ${disputed.join(', ')} ${disputed.length === 1 ? 'is' : 'are'}`;
  return new ConflictError(
    `${what} declared by ${source.kind} ${source.name}; commit the change there; by hand it lasts only while the source rests: \`sac suspend ${source.name}\`, then again with --force`,
  );
}

/** What nobody has said yet. */
const mayOwn = (kind: ObjectKind, path: string, before: unknown): boolean =>
  isUnsaid(path, before) && (!path.startsWith('spec.') || BY_HAND[kind].includes(path.slice('spec.'.length)));

const isUnsaid = (path: string, value: unknown): boolean =>
  value === undefined || (path.startsWith('spec.') && value === OFF);

/** One level of the spec: below it a commit says all there is. */
function leaves({ labels, annotations, spec }: Declared): ReadonlyMap<string, unknown> {
  return new Map(
    Object.entries({ labels, annotations, spec }).flatMap(([what, values]) =>
      Object.entries(values).map(([key, value]): [string, unknown] => [`${what}.${key}`, value]),
    ),
  );
}

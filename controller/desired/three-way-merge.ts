/**
 * Owns: kubectl's three-way merge of what a source declared before, what it declares now, and what is live.
 * Never: mutates its inputs, or knows the schema. Lists are atomic: whoever declares a list declares all of it.
 */
import { isDeepStrictEqual } from 'node:util';

export type Tree = Readonly<Record<string, unknown>>;

const isTree = (value: unknown): value is Tree => value !== null && typeof value === 'object' && !Array.isArray(value);
const childOf = (tree: Tree | undefined, key: string): Tree | undefined => {
  const value = tree?.[key];
  return isTree(value) ? value : undefined;
};

/**
 * Declared now: taken. Declared before and no longer: dropped (its default returns). Never declared (scaled, stopped,
 * labelled by somebody): stays as it is live. `filled` is `before` with its defaults: those inside a mapping go when the
 * mapping does, for without what was declared beside them they would be half of something.
 */
export function threeWayMerge(live: Tree, before: Tree | undefined, now: Tree, filled?: Tree): Tree {
  const merged: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(live)) {
    if (Object.hasOwn(now, key)) continue;
    if (!before || !Object.hasOwn(before, key)) {
      merged[key] = value;
      continue;
    }
    // Only parts of it were declared before: what others set inside stays.
    const inside = childOf(before, key);
    if (!inside || !isTree(value)) continue;
    const left = remains(value, inside, childOf(filled, key));
    if (Object.keys(left).length > 0) merged[key] = left;
  }
  for (const [key, value] of Object.entries(now)) {
    const liveChild = childOf(live, key);
    merged[key] =
      isTree(value) && liveChild ? threeWayMerge(liveChild, childOf(before, key), value, childOf(filled, key)) : value;
  }
  return merged;
}

/** Of a mapping that is declared no longer, what others have set. */
function remains(live: Tree, before: Tree | undefined, filled: Tree | undefined): Tree {
  const left: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(live)) {
    const inside = childOf(before, key);
    const defaults = childOf(filled, key);
    if (isTree(value) && (inside || defaults)) {
      const below = remains(value, inside, defaults);
      if (Object.keys(below).length > 0) left[key] = below;
    } else if (!(before && Object.hasOwn(before, key)) && !isDeepStrictEqual(value, filled?.[key])) left[key] = value;
  }
  return left;
}

/** JSON merge patch, RFC 7396. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isTree(patch)) return patch;
  const merged: Record<string, unknown> = isTree(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

/** Dotted paths of all leaves (lists and scalars are leaves; an empty object is one too). */
export function leafPaths(tree: Tree, prefix = ''): readonly string[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return isTree(value) && Object.keys(value).length > 0 ? leafPaths(value, path) : [path];
  });
}

/** Paths of leaves of `declared` that `a` and `b` do not agree on. */
export function disputedPaths(
  declared: Tree,
  a: Tree,
  b: Tree,
  same: (x: unknown, y: unknown) => boolean,
): readonly string[] {
  return leafPaths(declared).filter((path) => !same(valueAt(a, path), valueAt(b, path)));
}

function valueAt(tree: Tree, path: string): unknown {
  let at: unknown = tree;
  for (const key of path.split('.')) {
    if (!isTree(at) || !Object.hasOwn(at, key)) return undefined;
    at = at[key];
  }
  return at;
}

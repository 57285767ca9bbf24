/**
 * Owns: reading and changing JSON trees by dotted path, and comparing them.
 * Never: changes a tree it was not given to own.
 */
export type Json = string | number | boolean | null | readonly Json[] | JsonMap;
export interface JsonMap {
  readonly [key: string]: Json;
}
/** A tree being built. */
export interface Draft {
  [key: string]: Json | Draft;
}

export const isMap = (value: unknown): value is JsonMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isDraft = (value: unknown): value is Draft =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Also tells JSON from the rest: false for undefined, functions and the like at any depth. */
export function isJson(value: unknown): value is Json {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  return isMap(value) && Object.values(value).every(isJson);
}

/** Value at `spec.claude.session`; undefined where there is none. */
export function at(tree: Json, path: string): Json | undefined {
  let value: Json | undefined = tree;
  for (const part of path.split('.')) {
    if (!isMap(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}

/** Own, changeable copy. */
export function draftOf(tree: JsonMap): Draft {
  const draft: Draft = {};
  for (const [key, value] of Object.entries(tree)) draft[key] = isMap(value) ? draftOf(value) : value;
  return draft;
}

export function put(draft: Draft, path: string, value: Json): void {
  const parts = path.split('.');
  const last = parts.pop() ?? path;
  let node = draft;
  for (const part of parts) {
    const next = Object.hasOwn(node, part) ? node[part] : undefined;
    const child: Draft = isDraft(next) ? next : {};
    node[part] = child;
    node = child;
  }
  node[last] = isMap(value) ? draftOf(value) : value;
}

/** Removes the value and the mappings that only held it. */
export function drop(draft: Draft, path: string): void {
  const parts = path.split('.');
  const trail: { readonly node: Draft; readonly key: string }[] = [];
  let node: Draft = draft;
  for (const key of parts) {
    if (!Object.hasOwn(node, key)) return;
    trail.push({ node, key });
    const next = node[key];
    if (isDraft(next)) node = next;
    else if (trail.length < parts.length) return;
  }
  for (const { node: holder, key } of trail.toReversed()) {
    delete holder[key];
    if (Object.keys(holder).length > 0) return;
  }
}

/** Deep equality; the order of keys does not count. */
export function same(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => same(item, b[index]));
  if (!isMap(a) || !isMap(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

/**
 * Owns: what differs between two states of what is declared: a line a field, or as a merge patch.
 * Never: shows values of env, or what looks like a secret.
 */
import { isDeepStrictEqual } from 'node:util';
import { redact } from '../../api/resources/redact.ts';
import type { Editable } from './edited.ts';

export function changesBetween(before: Editable, after: Editable): readonly string[] {
  const [was, is] = [leavesOf(editable(before)), leavesOf(editable(after))];
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((path) => {
    const [from, to] = [was.get(path), is.get(path)];
    if (from === to) return [];
    return path.startsWith('spec.env.')
      ? [`${path} (not shown)`]
      : [redact(`${path}: ${from ?? 'unset'} -> ${to ?? 'unset'}`)];
  });
}

const editable = ({ metadata: { labels, annotations }, spec }: Editable) => ({
  metadata: { labels, annotations },
  spec,
});

function leavesOf(tree: unknown, path = ''): ReadonlyMap<string, string> {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) return new Map([[path, JSON.stringify(tree)]]);
  return new Map(
    Object.entries(tree).flatMap(([key, value]) => [...leavesOf(value, path === '' ? key : `${path}.${key}`)]),
  );
}

/** What makes `after` of `before` (RFC 7386): null for what goes, lists whole. */
export function patchBetween(before: Texts, after: Texts): Readonly<Record<string, string | null>>;
export function patchBetween(before: object, after: object): Readonly<Record<string, unknown>>;
export function patchBetween(before: object, after: object): Readonly<Record<string, unknown>> {
  const [was, is] = [new Map<string, unknown>(Object.entries(before)), new Map<string, unknown>(Object.entries(after))];
  return Object.fromEntries(
    [...new Set([...was.keys(), ...is.keys()])].flatMap((key): [string, unknown][] => {
      const [from, to] = [was.get(key), is.get(key)];
      if (isDeepStrictEqual(from, to)) return [];
      return [[key, isMapping(from) && isMapping(to) ? patchBetween(from, to) : (to ?? null)]];
    }),
  );
}

type Texts = Readonly<Record<string, string>>;
const isMapping = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

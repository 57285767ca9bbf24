/**
 * Owns: in which line of which file a manifest names a variable that is filled in later, so that a missing one can be located then.
 * Never: fills one in.
 */
import { type FieldPath, formatPath } from '../resources/issues.ts';

/** By field, `FILE:LINE`. A bound, for they are stored with each agent. */
const MOST_LINES = 200;

/** Of texts in `spec.mcpServers`: of a spec, these alone are filled in. `lineOf`: `FILE:LINE` of a field. */
export function variableLines(
  manifest: unknown,
  lineOf: (path: FieldPath) => string,
): Readonly<Record<string, string>> | undefined {
  const found = textsBelow(manifest, ['spec', 'mcpServers']).slice(0, MOST_LINES);
  return found.length === 0 ? undefined : Object.fromEntries(found.map((path) => [formatPath(path), lineOf(path)]));
}

function textsBelow(manifest: unknown, top: FieldPath): readonly FieldPath[] {
  let value = manifest;
  for (const part of top) value = isHolder(value) ? Reflect.get(value, part) : undefined;
  return texts(value, top);
}

function texts(value: unknown, path: FieldPath): readonly FieldPath[] {
  if (typeof value === 'string') return value.includes('${') ? [path] : [];
  if (Array.isArray(value)) return value.flatMap((held, i) => texts(held, [...path, i]));
  return isHolder(value) ? Object.entries(value).flatMap(([key, held]) => texts(held, [...path, key])) : [];
}

const isHolder = (value: unknown): value is object => typeof value === 'object' && value !== null;
